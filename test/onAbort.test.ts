import { getEventListeners } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onAbort } from "../src/onAbort.ts";
import { loadBert, pipeline } from "../src/pipelines/index.ts";
import { temporaryFolder, writeTinyModel } from "./support/tinyModel.ts";

const folder = temporaryFolder();
const warnings: Error[] = [];
const note = (warning: Error) => void warnings.push(warning);
beforeAll(async () => {
  process.on("warning", note);
  await writeTinyModel(folder.path);
});
afterAll(() => {
  process.off("warning", note);
  folder[Symbol.dispose]();
});

async function all(answers: AsyncIterable<unknown>): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const answer of answers) list.push(answer);
  return list;
}

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("calls what has not ended, each once, with one listener, which goes with the last", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const called: number[] = [];
  const ends = Array.from({ length: 20 }, (_, i) => onAbort(signal, () => void called.push(i)));
  expect(listeners(signal)).toBe(1);
  for (const end of ends) end();
  expect(listeners(signal)).toBe(0);

  const same = () => void called.push(30);
  const [first] = [onAbort(signal, same), onAbort(signal, same)];
  onAbort(signal, () => last());
  const last = onAbort(signal, () => void called.push(31));
  first();
  first();
  controller.abort();
  controller.abort();
  expect(called).toEqual([30]);
  onAbort(undefined, same)();
});

describe.each(["plain", "simd"] as const)("200 calls of one signal: %s", (backend) => {
  test("answered, then aborted: one listener, no warning, none left", async () => {
    await using bert = await loadBert(folder.path, { backend });
    const unmask = await pipeline("fill-mask", bert);
    const controller = new AbortController();
    const { signal } = controller;
    const batch = bert.tokenizer.encodeBatch(["the cat"]);
    const calls = (): Promise<unknown>[] =>
      Array.from({ length: 200 }, (_, i) => {
        if (i % 3 === 0) return unmask("the [MASK]", { signal });
        if (i % 3 === 1) return bert.forward(batch, { signal });
        return all(unmask(["the [MASK]"].values(), { signal }));
      });

    const pending = calls();
    await Promise.resolve();
    expect(listeners(signal)).toBe(1);
    await Promise.all(pending);
    expect(listeners(signal)).toBe(0);

    const aborted = Promise.allSettled(calls());
    controller.abort("enough");
    for (const outcome of await aborted) expect(outcome).toMatchObject({ status: "rejected", reason: "enough" });
    expect(listeners(signal)).toBe(0);
    expect(warnings).toEqual([]);
  });
});

test("loading many models with one signal", async () => {
  const { signal } = new AbortController();
  const loading = Array.from({ length: 12 }, () => loadBert(folder.path, { backend: "simd", threads: 1, signal }));
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, listeners(signal));
  });
  for (const bert of await Promise.all(loading)) await bert.dispose();
  clearInterval(timer);
  expect(most).toBeLessThanOrEqual(1);
  expect(listeners(signal)).toBe(0);
  expect(warnings).toEqual([]);
});
