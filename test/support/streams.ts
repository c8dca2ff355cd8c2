import { setTimeout as delay } from "node:timers/promises";

/** An async source that gives what it is told to, when it is told to, and remembers what was asked of it. */
export class PushedSource<Input> implements AsyncIterableIterator<Input> {
  /** How many inputs were taken. */
  taken = 0;
  closed = 0;
  private readonly ready: Input[] = [];
  private waiting: ((result: IteratorResult<Input>) => void) | null = null;

  push(...inputs: Input[]): void {
    this.ready.push(...inputs);
    this.serve();
  }

  next(): Promise<IteratorResult<Input>> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.serve();
    });
  }

  async return(): Promise<IteratorResult<Input>> {
    this.closed++;
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private serve(): void {
    if (!this.waiting || this.ready.length === 0) return;
    const resolve = this.waiting;
    this.waiting = null;
    this.taken++;
    resolve({ done: false, value: this.ready.shift() as Input });
  }
}

/** Waits until something is so; the test's own time limit ends it if it never is. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await delay(1);
}

/** Gives everything that could still happen the time to. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await delay(2);
}

/** What a stream gives until it ends, and what it throws. */
export async function drain<Result>(results: AsyncIterable<Result>): Promise<{ given: Result[]; error: unknown }> {
  const given: Result[] = [];
  try {
    for await (const result of results) given.push(result);
  } catch (error) {
    return { given, error };
  }
  return { given, error: null };
}
