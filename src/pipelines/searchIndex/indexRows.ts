import { BertError, quote } from "../../errors.ts";
import type { IndexedText } from "./records.ts";
import { isLive, liveRows, merged, pushSegment, type Segment, stringAt, withoutRows } from "./segment.ts";

/** The most entries of an engine's Map: V8's. */
const MOST_IDS = 2 ** 24;

/** Everything that an index holds. */
export class Rows {
  /** In the order of their texts; another array after each change. */
  segments: readonly Segment[] = [];
  /** How many texts have ever been added: the `index` of the next. */
  next = 0;
  /** From ids that were given to the `index` of their texts. */
  private readonly given = new Map<string, number>();
  readonly H: number;

  /** @param H numbers of a vector */
  constructor(H: number) {
    this.H = H;
  }

  /** How many texts there are. */
  get size(): number {
    return this.segments.reduce((sum, { count }) => sum + count, 0);
  }

  /** Where a text is: its segment, and its row there; null: there is no such text. */
  find(id: string): readonly [Segment, number] | null {
    const given = this.given.get(id);
    if (given !== undefined) return this.at(given);
    const found = /^(0|[1-9]\d{0,15})$/.test(id) ? this.at(Number(id)) : null;
    return found && idOf(...found) === id ? found : null; // the text of that number may have been given another id
  }

  /**
   * Adds segments, all or none.
   *
   * @param added numbered from 0
   * @throws BertError ERR_INPUT an id that is there already, or too many of them
   */
  append(where: string, added: readonly Segment[]): void {
    const moved = added.map((part) => ({ ...part, numbers: part.numbers.map((number) => this.next + number) }));
    this.register(moved, (id, number) => {
      const advice = id === String(number) ? "; a text without an id gets its index as one" : "";
      const what = `texts[${number - this.next}] must have an id of its own, ${quote(id)} is there already${advice}`;
      return new BertError("ERR_INPUT", `${where}: ${what}`);
    });
    this.next += added.reduce((sum, { numbers }) => sum + numbers.length, 0);
    const segments = [...this.segments];
    for (const segment of moved) pushSegment(segments, segment, this.H);
    this.segments = segments;
  }

  /**
   * Takes over what a file has; there is nothing here yet.
   *
   * @throws what `fault` makes of a number whose text has an id that another has
   */
  restore(segments: readonly Segment[], next: number, fault: (id: string, number: number) => Error): void {
    this.register(segments, fault);
    this.segments = segments;
    this.next = next;
  }

  /** @throws BertError ERR_INPUT there is no text with one of these ids: then none is removed */
  remove(where: string, ids: readonly string[]): void {
    const bySegment = new Map<Segment, number[]>();
    for (const id of new Set(ids)) {
      const found = this.find(id);
      if (!found)
        throw new BertError("ERR_INPUT", `${where}: ids must be those of texts in the index, got ${quote(id)}`);
      const rows = bySegment.get(found[0]) ?? [];
      rows.push(found[1]);
      bySegment.set(found[0], rows);
    }
    for (const id of ids) this.given.delete(id);
    const segments: Segment[] = [];
    for (const segment of this.segments) {
      const rows = bySegment.get(segment);
      const left = rows ? withoutRows(segment, rows) : segment;
      if (left.count === 0) continue;
      // So that what was removed takes no more room than what is left, and each row is copied seldom
      if (rows && 2 * left.count <= left.numbers.length) pushSegment(segments, merged([left], this.H), this.H);
      else segments.push(left);
    }
    this.segments = segments;
  }

  /** Checks and remembers the ids of new segments. */
  private register(segments: readonly Segment[], fault: (id: string, number: number) => Error): void {
    const fresh = new Map<string, number>();
    for (const segment of segments) {
      for (const [r, id] of segment.ids?.entries() ?? []) {
        if (id === null) continue;
        if (this.find(id) || fresh.has(id)) throw fault(id, segment.numbers[r]);
        fresh.set(id, segment.numbers[r]);
      }
    }
    if (this.given.size + fresh.size > MOST_IDS) {
      throw new BertError("ERR_INPUT", `index: at most ${MOST_IDS} texts must have ids of their own, got more`);
    }
    if (this.given.size + fresh.size > 0) {
      for (const [{ ids, numbers }, r] of liveRows(segments)) {
        const id = String(numbers[r]);
        if ((ids?.[r] ?? null) === null && (this.given.has(id) || fresh.has(id))) throw fault(id, numbers[r]);
      }
    }
    for (const [id, number] of fresh) this.given.set(id, number);
  }

  /** The text that has a number. */
  private at(number: number): readonly [Segment, number] | null {
    const { segments } = this;
    const s = firstAfter(segments.length, (i) => segments[i].numbers[0] > number) - 1;
    if (s < 0) return null;
    const { numbers } = segments[s];
    const r = firstAfter(numbers.length, (i) => numbers[i] > number) - 1;
    return numbers[r] === number && isLive(segments[s], r) ? [segments[s], r] : null;
  }
}

/** The first of 0 … length − 1 for which it holds, and for all after it; length: for none. */
function firstAfter(length: number, holds: (i: number) => boolean): number {
  let [low, high] = [0, length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The id of a row's text. */
function idOf({ ids, numbers }: Segment, r: number): string {
  return ids?.[r] ?? String(numbers[r]);
}

/** A row's text with what belongs to it. */
export function textAt<Metadata>(segment: Segment, r: number): IndexedText<Metadata> {
  const metadata = stringAt(segment.metadata, r);
  return {
    id: idOf(segment, r),
    text: stringAt(segment.texts, r),
    index: segment.numbers[r],
    ...(metadata !== "" && { metadata: JSON.parse(metadata) as Metadata }),
  };
}
