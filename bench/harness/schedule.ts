/** A part of the bench that is opened, measured and closed together, and what of the time it may take. */
export interface Planned {
  readonly id: string;
  /** Its share of the time, in seconds on a machine on which everything fits. */
  readonly seconds: number;
}

/** Where a run is. */
export interface Standing {
  /** The share of the planned work that is done, from 0 to 1. */
  readonly done: number;
  readonly elapsedMs: number;
  /** The most that remains. */
  readonly leftMs: number;
}

/**
 * Divides a time among cases: each has the share that its seconds are of those of all that are still to come. What a case leaves, the
 * others have; what it takes too much, they miss.
 */
export class Schedule {
  private readonly waiting: Map<string, number>;
  private readonly total: number;
  private readonly budgetMs: number;
  private readonly now: () => number;
  private readonly start: number;

  /** @param now a clock in milliseconds */
  constructor(cases: readonly Planned[], budgetMs: number, now: () => number = () => performance.now()) {
    this.waiting = new Map(cases.map(({ id, seconds }) => [id, seconds]));
    this.total = sum(this.waiting.values());
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
    const done = this.total === 0 ? 1 : 1 - sum(this.waiting.values()) / this.total;
    return { done, elapsedMs, leftMs: Math.max(0, this.budgetMs - elapsedMs) };
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const n of numbers) total += n;
  return total;
}
