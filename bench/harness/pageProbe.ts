/** What the bench of the explorer notes in the page, and what follows from it. */

/** What is noted, in milliseconds since the navigation began. */
export interface Noted {
  /** When each key was pressed. */
  readonly keys: readonly number[];
  /** When a picture was on the screen, and the text that it is of. */
  readonly painted: readonly (readonly [at: number, text: string])[];
  /** The text that the worker was asked for last. */
  readonly asked: string | null;
  /** Tasks of the main thread of 50 ms and more: there is no word of shorter ones. */
  readonly long: readonly (readonly [at: number, duration: number])[];
}

/** A program that notes it in `noted`; it runs before the page's own. */
export const PROBE = `
globalThis.noted = { keys: [], painted: [], asked: null, long: [] };
{
  let drawn = 0;
  const { drawImage } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.drawImage = function (...given) {
    drawn++;
    return drawImage.apply(this, given);
  };
  // A frame is painted after its callbacks; a message that is sent in one comes next.
  const afterPaint = (then) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = then;
    port2.postMessage(null);
  });
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => {
        if (!("result" in data)) return;
        const before = drawn;
        afterPaint(() => {
          if (drawn > before) noted.painted.push([performance.now(), data.result.request.text]); // else it was stale
        });
      });
    }
    postMessage(message) {
      super.postMessage(message);
      if ("request" in message) noted.asked = message.request.text;
    }
  };
  addEventListener("keydown", ({ timeStamp }) => noted.keys.push(timeStamp), true);
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) noted.long.push([startTime, duration]);
  }).observe({ type: "longtask", buffered: true });
}`;

/**
 * Milliseconds from each key to the first picture that has its character, when a text is typed into an empty field. A
 * later text's picture counts, as those between are dropped.
 *
 * @throws Error a key has no picture
 */
export function keyTimes({ keys, painted }: Pick<Noted, "keys" | "painted">, text: string): number[] {
  return [...text].map((_, n) => {
    const typed = text.slice(0, n + 1);
    const picture = painted.find(([at, of]) => at >= keys[n] && of.startsWith(typed));
    if (!picture) throw new Error(`keyTimes: every key must have a picture, there is none of "${typed}"`);
    return picture[0] - keys[n];
  });
}
