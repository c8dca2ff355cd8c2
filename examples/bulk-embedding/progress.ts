/** How far a producer is: a line that is written anew in a terminal, and one each ten seconds elsewhere. */
export class Progress {
  /** Lines that were in the table already. */
  found = 0;
  /** Lines that came into the table, or became dead letters, since. */
  settled = 0;
  /** How many of both are dead letters. */
  dead = 0;
  private readonly start: number = performance.now();
  private readonly timer: NodeJS.Timeout;

  constructor() {
    const { isTTY } = process.stdout;
    this.timer = setInterval(() => this.write(isTTY ? "\x1b[K\r" : "\n"), isTTY ? 500 : 10_000);
  }

  end(): void {
    clearInterval(this.timer);
    this.write(process.stdout.isTTY ? "\x1b[K\n" : "\n");
  }

  private write(after: string): void {
    const inWords = (count: number) => count.toLocaleString("en");
    const seconds = (performance.now() - this.start) / 1000;
    const parts = [
      `${inWords(this.found + this.settled)} lines settled`,
      `${inWords(Math.round(this.settled / seconds))} a second`,
      ...(this.found > 0 ? [`${inWords(this.found)} were there`] : []),
      ...(this.dead > 0 ? [`${inWords(this.dead)} dead ${this.dead === 1 ? "letter" : "letters"}`] : []),
    ];
    process.stdout.write(`${parts.join(", ")}${after}`);
  }
}
