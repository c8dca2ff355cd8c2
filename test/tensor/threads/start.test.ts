import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Bert, loadBert, pipeline } from "../../../src/pipelines/index.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { createSimdTrainingBackend } from "../../../src/tensor/simd/training/createSimdTrainingBackend.ts";
import { urlInFolder } from "../../../src/tensor/threads/platform.ts";

/** Where a worker cannot start, the caller's thread computes the same bits, and `backend.reason` says why. */
const TEXTS = ["The Mole had been working very hard all the morning, spring-cleaning his little home.", "No."];
const weights = join(import.meta.dirname, "..", "..", "..", "weights");
const threads = process.getBuiltinModule("node:worker_threads");
const original = threads.Worker;
const folder = mkdtempSync(join(tmpdir(), "plainbert-start-"));
const loaded: Bert[] = [];

async function load(assets?: string | URL, path: string | undefined = weights): Promise<Bert> {
  const bert = await loadBert(path, { backend: "simd", threads: 2, ...(assets && { assets }) });
  loaded.push(bert);
  return bert;
}

let want: Float32Array;
beforeAll(async () => {
  const bert = await load();
  want = (await bert.forward(bert.tokenizer.encodeBatch(TEXTS))).lastHiddenState.data;
  expect(bert.backend).toMatchObject({ threads: 2, reason: expect.not.stringContaining("threads") });
});
afterEach(async () => {
  threads.Worker = original;
  for (const bert of loaded.splice(0)) await bert.dispose();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Everything that a program may call, in the right bits and on one thread. */
async function expectAlone(bert: Bert, reason: string): Promise<void> {
  const batch = bert.tokenizer.encodeBatch(TEXTS);
  expect((await bert.forward(batch)).lastHiddenState.data).toEqual(want);
  expect(bert.forwardSync(batch).lastHiddenState.data).toEqual(want);
  expect(bert.backend).toMatchObject({ name: "simd", threads: 1, reason: expect.stringContaining(reason) });
}

describe("no worker can start", () => {
  test("the platform refuses it: --permission, say", async () => {
    threads.Worker = class {
      constructor() {
        throw Object.assign(new Error("Access to this API has been restricted"), { code: "ERR_ACCESS_DENIED" });
      }
    } as never;
    await expectAlone(await load(), "threads: the worker plainbert-forward.js must start, got Access to this API has");
  });

  test("its file is not there: loadBert knows, and the sentence names the option", async () => {
    const bert = await load(folder);
    const { reason, threads: count } = bert.backend;
    expect(count).toBe(1);
    expect(reason).toMatch(
      /plainbert-forward\.js must start, got Cannot find module .* the option assets names a folder/,
    );
    await expectAlone(bert, "Cannot find module");
  });

  test("calls that came before this was known are answered", async () => {
    const backend = createSimdBackend({ threads: 2, assets: folder });
    const { BertModel } = await import("../../../src/runtime/bertModel.ts");
    const bert = await load();
    const source = { tensors: bert.parameters, readInto: async (name: string, to: Float32Array) => to.set(bert.parameters.get(name)?.data as Float32Array) }; // biome-ignore format: one line
    const model = await BertModel.load(source, bert.config, backend);
    const batch = bert.tokenizer.encodeBatch(TEXTS);
    const controller = new AbortController();
    const calls = [model.forward(batch), model.forward(batch, { signal: controller.signal }), model.forward(batch)];
    controller.abort("enough");
    const [first, second, third] = await Promise.allSettled(calls);
    expect(second).toMatchObject({ status: "rejected", reason: "enough" });
    for (const call of [first, third]) expect(call).toMatchObject({ value: { lastHiddenState: { data: want } } });
    expect(model.backend.threads).toBe(1);
    const underWay = model.forward(batch);
    await model.dispose();
    expect(await underWay).toMatchObject({ lastHiddenState: { data: want } });
    await expect(model.forward(batch)).rejects.toMatchObject({ code: "ERR_BACKEND" });
    await backend.dispose();
  });

  test("training computes on its own thread", async () => {
    const k = createSimdTrainingBackend({ threads: 2, assets: folder });
    const N = 2 ** 16;
    const [y, x] = [k.zeros([N]).data, k.zeros([N]).data.fill(1)];
    for (let times = 0; times < 2; times++) {
      k.add(y, y, x);
      await expect.poll(() => k.info.threads).toBe(1);
    }
    expect(y.every((value) => value === 2)).toBe(true);
    expect(k.info.reason).toContain("the worker plainbert-helper.js must start, got Cannot find module");
    await k.dispose();
  });

  test("dispose while it starts", async () => {
    const { ForwardWorker } = await import("../../../src/runtime/forwardWorker.ts");
    const backend = createSimdBackend({ threads: 2 });
    const forwardWorker = new ForwardWorker(backend.sharing!);
    const starting = forwardWorker.start();
    await forwardWorker.dispose();
    expect([await starting, await forwardWorker.start(), forwardWorker.runs]).toEqual([false, false, false]);
    await backend.dispose();
  });
});

describe("a worker's file that never answers", () => {
  const silent = join(folder, "silent");
  beforeAll(() => {
    mkdirSync(silent);
    for (const name of ["plainbert-forward.js", "plainbert-helper.js"])
      writeFileSync(join(silent, name), "setInterval(() => {}, 1000);");
  });
  afterEach(() => vi.useRealTimers());
  const WHY = /the worker plainbert-(forward|helper)\.js must start, got no answer within 30 s/;

  test("is given up after half a minute: the caller's thread computes", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { ForwardWorker } = await import("../../../src/runtime/forwardWorker.ts");
    const backend = createSimdBackend({ threads: 2, assets: silent });
    const forwardWorker = new ForwardWorker(backend.sharing!);
    const runs = forwardWorker.start();
    await vi.advanceTimersByTimeAsync(29_000);
    expect(backend.info.threads).toBe(2);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await runs).toBe(false);
    expect(backend.info).toMatchObject({ threads: 1, reason: expect.stringMatching(WHY) });
    await forwardWorker.dispose();
    await backend.dispose();
  });

  test("as that of a helper is a thread less", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const backend = createSimdBackend({ threads: 2, assets: silent });
    const { data: x } = backend.zeros([2 ** 20]);
    backend.add(x, x, x);
    expect(backend.info.threads).toBe(2);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(backend.info).toMatchObject({ threads: 1, reason: expect.stringMatching(WHY) });
    await backend.dispose();
  });

  test("one that answers is kept, also after half a minute in which the thread did not listen", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { ForwardWorker } = await import("../../../src/runtime/forwardWorker.ts");
    const backend = createSimdBackend({ threads: 2 });
    const forwardWorker = new ForwardWorker(backend.sharing!);
    const runs = forwardWorker.start();
    vi.advanceTimersByTime(30_050); // at once: nobody has heard the worker yet
    expect(await runs).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(forwardWorker.runs).toBe(true);
    expect(backend.info.threads).toBe(2);
    await forwardWorker.dispose();
    await backend.dispose();
  });

  test("does not keep loadBert from listening to its signal", async () => {
    const loading = loadBert(weights, {
      backend: "simd",
      threads: 2,
      assets: silent,
      signal: AbortSignal.timeout(500),
    });
    await expect(loading).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

test("a helper that cannot start is a thread less, and the reason says so", async () => {
  const extension = import.meta.url.match(/\.\w+$/)?.[0]; // .js where the tests are compiled
  const forward = new URL(`../../../src/runtime/workerMain${extension}`, import.meta.url);
  writeFileSync(join(folder, "plainbert-forward.js"), `import ${JSON.stringify(forward.href)};\n`);
  const bert = await load(pathToFileURL(folder));
  expect(bert.backend.threads).toBe(2);
  const batch = bert.tokenizer.encodeBatch(TEXTS);
  expect((await bert.forward(batch)).lastHiddenState.data).toEqual(want);
  await expect.poll(() => bert.backend.threads).toBe(1);
  expect(bert.backend.reason).toMatch(/the worker plainbert-helper\.js must start, got Cannot find module/);
  expect((await bert.forward(batch)).lastHiddenState.data).toEqual(want);
});

describe("assets", () => {
  test("the small model is looked for there, and the sentence names the option", async () => {
    const missing = loadBert(undefined, { assets: folder });
    await expect(missing).rejects.toMatchObject({
      code: "ERR_FILE",
      message: expect.stringMatching(
        /the small model's config\.json must be .* no such file .* the option assets names/,
      ),
    });
    await expect(pipeline("fill-mask", undefined, { assets: `${weights}/`, backend: "plain" })).resolves.toBeDefined();
  });

  test.each([
    ["/opt/app", "file:///opt/app/a.js"],
    ["/opt/app/", "file:///opt/app/a.js"],
    ["/opt/a b#c", "file:///opt/a%20b%23c/a.js"],
    ["file:///opt/app", "file:///opt/app/a.js"],
    ["https://cdn.example/x/", "https://cdn.example/x/a.js"],
  ])("%s is a folder", (given, url) => {
    expect(urlInFolder(given, "a.js").href).toBe(url);
    if (given.includes(":")) expect(urlInFolder(new URL(given), "a.js").href).toBe(url);
  });
});
