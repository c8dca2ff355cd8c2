import { afterAll, expect, test, vi } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { UNITS_PER_TURN } from "../../src/pipelines/turns.ts";
import { TextReader } from "../../src/tokenizer/textReader.ts";

/** The event loop has its turn while texts are read: at most UNITS_PER_TURN characters are between two of them. */
const unmask = await pipeline("fill-mask", undefined, { backend: "plain" });
const extract = await pipeline("feature-extraction", unmask.model);
afterAll(() => unmask.dispose());

/**
 * Counts what is read between two turns of the event loop while `work` goes on: between two messages, that is, each of
 * which is posted when the one before has come.
 */
async function readPerTurn(work: () => Promise<unknown>): Promise<{ most: number; all: number; turns: number }> {
  const perTurn = [0];
  const { read } = TextReader.prototype;
  const count = vi.spyOn(TextReader.prototype, "read").mockImplementation(function (this: TextReader) {
    const before = this.rest;
    read.call(this);
    perTurn[perTurn.length - 1] += before - this.rest;
  });
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    perTurn.push(0);
    port2.postMessage(null);
  };
  port2.postMessage(null);
  try {
    await work();
  } finally {
    port1.close();
    count.mockRestore();
  }
  const some = perTurn.filter((units) => units > 0);
  return { most: Math.max(...some), all: some.reduce((sum, units) => sum + units, 0), turns: some.length };
}

const sentence = "It was a dark and stormy night; the rain fell in torrents. ";
const huge = sentence.repeat(Math.ceil(2_000_000 / sentence.length));
const stop = new Error("stop");

test("a huge text that is cut is read no further than needed", async () => {
  const { all } = await readPerTurn(() => extract(huge, { pooling: "mean", truncation: true }));
  expect(all).toBeLessThanOrEqual(UNITS_PER_TURN);
});

test.each<[string, () => Promise<unknown>]>([
  ["a huge text that is refused", () => extract(huge).catch(() => {})],
  ["a mask at its end", () => unmask(`${huge}[MASK]`).catch(() => {})],
  ["a list of 20,000 that has one too long", () => extract([...Array(20_000).fill(sentence), huge]).catch(() => {})],
  ["several calls at once", () => Promise.all([1, 2, 3].map(() => extract(huge).catch(() => {})))],
  [
    "a stream",
    async () => {
      for await (const _ of extract([huge].values())) break;
    },
  ],
])("%s is read in turns", async (name, work) => {
  const { most, all, turns } = await readPerTurn(() => work().catch(() => {}));
  expect(all).toBeGreaterThan(name.startsWith("a list") ? 1_000_000 : 1_900_000);
  expect(most).toBeLessThanOrEqual(UNITS_PER_TURN);
  expect(turns).toBeGreaterThanOrEqual(Math.floor(all / UNITS_PER_TURN));
});

test("a signal ends it between two turns", async () => {
  const abort = new AbortController();
  const { all } = await readPerTurn(async () => {
    const call = extract(huge, { signal: abort.signal });
    setTimeout(() => abort.abort(stop), 3);
    await expect(call).rejects.toBe(stop);
  });
  expect(all).toBeLessThan(huge.length);
});

test("a short text waits for nothing", async () => {
  let turned = false;
  const call = unmask.tokenizer.encode(sentence).length;
  expect(call).toBeGreaterThan(2);
  const read = readPerTurn(() => extract(sentence, { pooling: "mean" }));
  setTimeout(() => {
    turned = true;
  });
  const { most } = await read;
  expect(turned).toBe(true); // the pass itself takes longer
  expect(most).toBe(sentence.length);
});
