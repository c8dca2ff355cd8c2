/** Tells a screen reader what has changed: at most once a second, and of several things the last. */

const PAUSE = 1000;

/** Speaks through a live region. */
export class Speaker {
  private readonly region: () => HTMLElement | null;
  private next = "";
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(region: () => HTMLElement | null) {
    this.region = region;
  }

  /** Says something; "" says nothing. */
  say(text: string): void {
    if (text === "") return;
    this.next = text;
    if (this.timer === null) this.speak();
  }

  private speak(): void {
    this.timer = null;
    if (this.next === "") return;
    const region = this.region();
    if (region) region.textContent = this.next;
    this.next = "";
    this.timer = setTimeout(() => this.speak(), PAUSE);
  }
}
