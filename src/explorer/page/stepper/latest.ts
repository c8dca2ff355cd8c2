/** What has been answered to a question. */
interface Answered<Parts, Value> {
  readonly parts: Parts;
  /** null: it could not be answered, and `problem` says why. */
  readonly value: Value | null;
  readonly problem: string | null;
}

/** The answer to what was asked last: one question runs, and of those that come meanwhile the last is asked next. */
export class Latest<Parts extends readonly unknown[], Value> {
  private answered: Answered<Parts, Value> | null = null;
  private isRunning = false;

  /**
   * The answer that there is; of the same parts, or of those before while these are asked for.
   *
   * @param parts what the question is of: it is asked again where one is another
   * @param done is called when an answer has come, to show it: what is shown then asks again where it has changed
   */
  get(
    parts: Parts,
    ask: () => Promise<Value>,
    done: () => void,
  ): Answered<Parts, Value> & { readonly isCurrent: boolean } {
    const isCurrent = this.answered?.parts.every((part, n) => part === parts[n]) ?? false;
    if (!isCurrent && !this.isRunning) this.run(parts, ask, done);
    return { ...(this.answered ?? { parts, value: null, problem: null }), isCurrent };
  }

  private async run(parts: Parts, ask: () => Promise<Value>, done: () => void): Promise<void> {
    this.isRunning = true;
    try {
      this.answered = { parts, value: await ask(), problem: null };
    } catch (error) {
      this.answered = { parts, value: null, problem: (error as Error).message };
    }
    this.isRunning = false;
    done();
  }
}
