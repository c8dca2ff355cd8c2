/** A binary heap of the numbers 0, 1, 2, …, in which the order of each may change at any time. */
export class IndexedHeap {
  private readonly before: (a: number, b: number) => boolean;
  private readonly heap: number[] = [];
  /** Where in the heap each number stands. */
  private readonly place: number[] = [];

  /** @param before whether a comes before b: a strict total order */
  constructor(before: (a: number, b: number) => boolean) {
    this.before = before;
  }

  /** Puts the next number in, which must be the count of those that are in it. */
  push(item: number): void {
    this.heap.push(item);
    this.place.push(item);
    this.update(item);
  }

  /** The first, undefined if there is none. */
  get first(): number | undefined {
    return this.heap[0];
  }

  /** Must be called after each change of an item's rank by `before`, and before the next item's changes. */
  update(item: number): void {
    this.up(item);
    this.down(item);
  }

  private up(item: number): void {
    let at = this.place[item];
    while (at > 0) {
      const parent = this.heap[(at - 1) >> 1];
      if (!this.before(item, parent)) break;
      this.set(at, parent);
      at = (at - 1) >> 1;
    }
    this.set(at, item);
  }

  private down(item: number): void {
    const heap = this.heap;
    let at = this.place[item];
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.before(heap[child + 1], heap[child])) child++;
      if (!this.before(heap[child], item)) break;
      this.set(at, heap[child]);
      at = child;
    }
    this.set(at, item);
  }

  private set(at: number, item: number): void {
    this.heap[at] = item;
    this.place[item] = at;
  }
}
