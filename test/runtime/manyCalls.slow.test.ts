import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";

import { seeded } from "../support/seeded.ts";
import { recordWorkers } from "../support/workers.ts";

const workers = recordWorkers();
const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

const LIVES = 40;
const CALLS = 300; // in each

const WORDS = "the cat dog door window opened closed was not very old and she he room letter in of".split(" ");

/** Texts of 3 to 60 words, one mask in each. */
function textsOf(random: (n: number) => number, count: number): string[] {
  return Array.from({ length: count }, () => {
    const words = Array.from({ length: 3 + random(58) }, () => WORDS[random(WORDS.length)]);
    return words.with(random(words.length), "[MASK]").join(" ");
  });
}

/** The two pipelines of a model, and what a call of either gives as a text. */
async function pipelinesOf(bert: Awaited<ReturnType<typeof loadBert>>) {
  const unmask = await pipeline("fill-mask", bert);
  const extract = await pipeline("feature-extraction", bert);
  return [
    async (text: string, signal?: AbortSignal) => JSON.stringify(await unmask(text, { ...(signal && { signal }) })),
    async (text: string, signal?: AbortSignal) =>
      bytesOf(await extract(text, { pooling: "mean", ...(signal && { signal }) })),
  ];
}
const bytesOf = ({ data }: { data: Float32Array }) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");

test(`${LIVES * CALLS} calls at the same time, with aborts, disposes and killed workers: the bits of each text alone, or an error that its caller sees`, async () => {
  const random = seeded(7);
  const texts = textsOf(random, 60);
  const options = { backend: "simd", threads: 2 } as const;
  const wanted: string[][] = [[], []];
  {
    await using bert = await loadBert(undefined, options);
    for (const [task, ask] of (await pipelinesOf(bert)).entries()) {
      for (const text of texts) wanted[task].push(await ask(text));
    }
  }

  const counts = { answered: 0, aborted: 0, refused: 0, ended: 0 };
  let kills = 0;
  for (let life = 0; life < LIVES; life++) {
    const first = workers.length;
    const bert = await loadBert(undefined, options);
    const asks = await pipelinesOf(bert);
    const killed = life % 4 === 3;
    const disposedAt = CALLS - random(CALLS / 3);
    const calls: Promise<keyof typeof counts>[] = [];
    const disposals: Promise<void>[] = [];
    const controllers: AbortController[] = [];
    for (let n = 0; n < CALLS; n++) {
      const task = random(2);
      const i = random(texts.length);
      const controller = new AbortController();
      controllers.push(controller);
      calls.push(
        asks[task](texts[i], controller.signal).then(
          (answer) => {
            if (answer !== wanted[task][i]) throw new Error(`other bits for "${texts[i]}"`);
            return "answered";
          },
          (error) => {
            if (error === "aborted") return "aborted";
            if (!(error instanceof BertError && error.code === "ERR_BACKEND")) throw error;
            return error.message.includes("dispose()") ? "refused" : "ended";
          },
        ),
      );
      if (random(10) === 0) controllers[random(controllers.length)].abort("aborted");
      if (killed && random(60) === 0) {
        kills++;
        void workers
          .slice(first)
          .at(-1 - random(2))
          ?.terminate();
      }
      if (n >= disposedAt && random(10) === 0) disposals.push(bert.dispose());
      if (random(8) === 0) await delay(random(3));
    }
    disposals.push(bert.dispose());
    for (const outcome of await Promise.all(calls)) counts[outcome]++;
    await Promise.all(disposals);
  }
  await delay(20);
  console.log(counts, kills);
  expect(unhandled).toEqual([]);
  const { answered, aborted, refused } = counts;
  expect(answered).toBeGreaterThan((LIVES * CALLS) / 2);
  expect(aborted).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
  expect(kills).toBeGreaterThan(20);
});
