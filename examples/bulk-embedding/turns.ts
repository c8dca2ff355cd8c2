/** Work that may be done together with other work, and work that must be alone; each begins when those before it let it. */
export class Turns {
  private readonly running = new Set<Promise<unknown>>();
  private gate: Promise<unknown> = Promise.resolve();

  async together<Result>(work: () => Promise<Result>): Promise<Result> {
    return await this.track(this.gate.then(work));
  }

  async alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const before = [this.gate, ...this.running];
    const result = this.track(Promise.allSettled(before).then(work));
    this.gate = result.catch(() => {}); // what comes later begins after it, whatever becomes of it
    return await result;
  }

  private track<Result>(result: Promise<Result>): Promise<Result> {
    this.running.add(result);
    const leave = () => void this.running.delete(result);
    result.then(leave, leave);
    return result;
  }
}
