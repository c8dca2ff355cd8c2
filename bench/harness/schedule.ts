/** A part of the bench that is opened, measured and closed together, and what of the time it may take. */
export interface Planned {
  readonly id: string;
  /** Its share of the time, in seconds on a machine on which everything fits. */
  readonly seconds: number;
  /** Whether `--quick` leaves it out: it needs long, or shows nothing about whether the bench runs that another does not. */
  readonly notQuick?: boolean;
  /** The ids of the tables that it gives besides its own. */
  readonly gives?: readonly string[];
}

/** Where a run is. */
export interface Standing {
  /** The share of the planned work that is done, from 0 to 1. */
  readonly done: number;
  /** How many cases are done, of how many. */
  readonly finished: number;
  readonly cases: number;
  readonly elapsedMs: number;
  /** The most that remains. */
  readonly leftMs: number;
  /** What remains at the pace so far. */
  readonly expectedMs: number;
}

/**
 * Divides a time among cases: each has the share that its seconds are of those of all that are still to come. What a case leaves, the
 * others have; what it takes too much, they miss.
 */
export class Schedule {
  private readonly waiting: Map<string, number>;
  private readonly total: number;
  private readonly cases: number;
  private readonly budgetMs: number;
  private readonly now: () => number;
  private readonly start: number;

  /** @param now a clock in milliseconds */
  constructor(cases: readonly Planned[], budgetMs: number, now: () => number = () => performance.now()) {
    this.waiting = new Map(cases.map(({ id, seconds }) => [id, seconds]));
    this.total = sum(this.waiting.values());
    this.cases = this.waiting.size;
    this.budgetMs = budgetMs;
    this.now = now;
    this.start = now();
  }

  /** The milliseconds for a case, counted from now. */
  share(id: string): number {
    return (this.standing().leftMs * (this.waiting.get(id) ?? 0)) / (sum(this.waiting.values()) || 1);
  }

  /** A case has been measured, or left out. */
  finish(id: string): void {
    this.waiting.delete(id);
  }

  standing(): Standing {
    const elapsedMs = this.now() - this.start;
    const waiting = sum(this.waiting.values());
    const done = this.total === 0 ? 1 : 1 - waiting / this.total;
    const leftMs = Math.max(0, this.budgetMs - elapsedMs);
    const pace = done === 0 ? 1 : elapsedMs / 1000 / (this.total * done);
    const expectedMs = Math.min(leftMs, 1000 * waiting * Math.max(1, pace));
    return { done, finished: this.cases - this.waiting.size, cases: this.cases, elapsedMs, leftMs, expectedMs };
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const n of numbers) total += n;
  return total;
}
