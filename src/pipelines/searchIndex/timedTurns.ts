/** How long is computed before the event loop gets a turn, in milliseconds. */
const TURN_MS = 5;

/** Gives the event loop a turn when its time has come. */
export class TimedTurns {
  private last = performance.now();
  private readonly signal: AbortSignal | undefined;

  /** @param signal what waits then rejects with its reason */
  constructor(signal?: AbortSignal) {
    this.signal = signal;
  }

  async next(): Promise<void> {
    if (performance.now() - this.last <= TURN_MS) return;
    await new Promise((resume) => setTimeout(resume));
    this.signal?.throwIfAborted();
    this.last = performance.now();
  }
}
