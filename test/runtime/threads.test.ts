import { spawnSync } from "node:child_process";
import { appendFile } from "node:fs/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { BertOutput } from "../../src/model/forward.ts";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { modelCopy } from "../pipelines/support.ts";
import { recordWorkers } from "../support/workers.ts";

const workers = recordWorkers();
const loaded: Bert[] = [];

async function load(threads: number): Promise<Bert> {
  const bert = await loadBert(undefined, { backend: "simd", threads });
  loaded.push(bert);
  return bert;
}

afterEach(async () => {
  for (const bert of loaded.splice(0)) await bert.dispose();
});

const TEXTS = [
  "She opened the [MASK].",
  "The Mole had been working very hard all the morning, spring-cleaning his little home.",
  ["A question?", "Its context, which is somewhat longer than the question."] as [string, string],
];
/** 400 tokens or so: some tens of milliseconds. */
const LONG = Array.from({ length: 24 }, () => TEXTS[1]);

/** Every tensor of an output by a name. */
function tensorsOf(output: BertOutput): [string, Tensor][] {
  return Object.entries(output).flatMap(([name, value]: [string, Tensor | readonly Tensor[] | Map<string, Tensor>]) =>
    "data" in value
      ? [[name, value]]
      : [...value.entries()].map(([key, tensor]): [string, Tensor] => [`${name}.${key}`, tensor]),
  );
}

function expectSame(got: BertOutput, want: BertOutput): void {
  expect(tensorsOf(got).map(([name]) => name)).toEqual(tensorsOf(want).map(([name]) => name));
  for (const [i, [name, { data, shape }]] of tensorsOf(want).entries()) {
    const tensor = tensorsOf(got)[i][1];
    expect(tensor.shape, name).toEqual(shape);
    expect(
      tensor.data.findIndex((value, n) => value !== data[n]),
      name,
    ).toBe(-1);
    expect(tensor.data.buffer).toBeInstanceOf(ArrayBuffer);
  }
}

describe("forward in a worker", () => {
  test("the same bits for 1, 2 and 3 threads, on either thread, in any company", async () => {
    const outputs: BertOutput[] = [];
    const options = { hiddenStates: true, attentions: true, taps: ["bert.embeddings", "bert.encoder.layer.0.output"] };
    for (const threads of [1, 2, 3]) {
      const bert = await load(threads);
      expect(bert.backend.threads).toBe(threads);
      const batch = bert.tokenizer.encodeBatch(TEXTS);
      outputs.push(await bert.forward(batch, options), bert.forwardSync(batch, options));
      const [alone] = await Promise.all([bert.forward([batch[0]]), bert.forward(bert.tokenizer.encodeBatch(LONG))]);
      const rows = alone.lastHiddenState.data;
      expect(rows.findIndex((value, i) => value !== outputs[0].lastHiddenState.data[i])).toBe(-1);
    }
    for (const output of outputs) expectSame(output, outputs[0]);
  });

  test("every tap, in order, with the numbers that forwardSync gives", async () => {
    const bert = await load(2);
    const batch = bert.tokenizer.encodeBatch(TEXTS);
    const seen: [string, Tensor][] = [];
    const want: [string, Tensor][] = [];
    await bert.forward(batch, { tap: (...args) => seen.push(args) });
    bert.forwardSync(batch, { tap: (...args) => want.push(args) });
    expect(seen.map(([name]) => name)).toEqual(bert.taps.map(({ name }) => name));
    expect(seen).toEqual(want);
  });

  test("forward and forwardSync interleaved, and two models at once", async () => {
    const [a, b] = [await load(2), await load(2)];
    const batch = a.tokenizer.encodeBatch(TEXTS);
    const want = a.forwardSync(batch);
    const pending = [];
    for (let i = 0; i < 10; i++) {
      pending.push(a.forward(batch), b.forward(batch));
      expectSame(a.forwardSync(batch), want);
      expectSame(b.forwardSync(batch), want);
    }
    for (const output of await Promise.all(pending)) expectSame(output, want);
  });

  test("errors cross with code and message; the next call works", async () => {
    const bert = await load(2);
    const batch = bert.tokenizer.encodeBatch(TEXTS);
    const maskedLmPositions = [[0], [1000], []];
    const error = { code: "ERR_INPUT", message: expect.stringMatching(/^forward: maskedLmPositions\[1\] must be/) };
    await expect(bert.forward(batch, { maskedLmPositions })).rejects.toMatchObject(error);
    await expect(bert.forward([{ inputIds: [] }])).rejects.toThrow("inputIds[0] must have at least one token");
    await expect(
      bert.forward(batch, {
        tap() {
          throw new RangeError("enough");
        },
      }),
    ).rejects.toThrow(RangeError);
    await bert.forward(batch);
  });
});

describe("stopping", () => {
  test("a signal stops a pass between layers, and one that waits", async () => {
    const bert = await load(2);
    const batch = bert.tokenizer.encodeBatch(LONG);
    const controller = new AbortController();
    const seen: string[] = [];
    const tap = (name: string) => {
      seen.push(name);
      if (name === "bert.embeddings") controller.abort("enough");
    };
    const outcomes = await Promise.allSettled([
      bert.forward(batch, { tap, signal: controller.signal }),
      bert.forward(batch, { signal: controller.signal }),
      bert.forward(batch.slice(0, 1)),
    ]);
    expect(outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason : "answered"))).toEqual([
      "enough",
      "enough",
      "answered",
    ]);
    expect(seen.at(-1)).toBe("bert.embeddings");
    await expect(bert.forward(batch, { signal: AbortSignal.abort("before") })).rejects.toBe("before");
  });

  test("dispose waits for the calls under way, and refuses others", async () => {
    const bert = await load(2);
    const batch = bert.tokenizer.encodeBatch(LONG);
    const want = bert.forwardSync(batch);
    const pending = [bert.forward(batch), bert.forward(batch)];
    const disposed = bert.dispose();
    await expect(bert.forward(batch)).rejects.toMatchObject({
      code: "ERR_BACKEND",
      message: "bert: the model must not be used after dispose()",
    });
    await disposed;
    for (const output of await Promise.all(pending)) expectSame(output, want);
    await expect(bert.forward(batch)).rejects.toThrow("must not be used after dispose()");
  });
});

test("a model that cannot be read leaves no worker behind", async () => {
  await using model = await modelCopy();
  await appendFile(model.file("vocab.txt"), "onemore\n"); // found out while the weights are read
  const first = workers.length;
  await expect(loadBert(model.path, { backend: "simd" })).rejects.toMatchObject({ code: "ERR_VOCABULARY" });
  const started = workers.slice(first);
  expect(started.map(({ threadId }) => threadId)).toEqual([-1]); // it has ended
});

describe("a worker that is killed", () => {
  test("the forwardWorker: the call that it computes rejects, others do not, and the model works again", async () => {
    const first = workers.length;
    const bert = await load(2);
    const batch = bert.tokenizer.encodeBatch(LONG);
    const want = bert.forwardSync(batch);
    const computed = bert.forward(batch);
    await null; // the next waits for that pass
    const waits = bert.forward(batch);
    const outcomes = Promise.allSettled([computed, waits]);
    await workers[first].terminate(); // started with the model, before the helpers
    const [rejected, answered] = await outcomes;
    expect(rejected).toMatchObject({ status: "rejected", reason: { name: "BertError", code: "ERR_BACKEND" } });
    expectSame((answered as PromiseFulfilledResult<BertOutput>).value, want);
    expectSame(bert.forwardSync(batch), want);
    expectSame(await bert.forward(batch), want);
  });

  test("the forwardWorker, before there was a call: it is started again", async () => {
    const first = workers.length;
    const bert = await load(2);
    await workers[first].terminate();
    const batch = bert.tokenizer.encodeBatch(LONG);
    expectSame(await bert.forward(batch), bert.forwardSync(batch));
  });

  test("a helper: calls are answered or rejected, and the model works again", async () => {
    const bert = await load(3);
    const batch = bert.tokenizer.encodeBatch(LONG);
    const first = workers.length;
    const want = bert.forwardSync(batch); // starts the helpers
    const helpers = workers.slice(first);
    expect(helpers.length).toBe(2);
    await bert.forward(batch);
    const pending = Array.from({ length: 10 }, () => bert.forward(batch));
    const outcomes = Promise.allSettled(pending);
    for (const helper of helpers) {
      await pending.shift()?.catch(() => {});
      await helper.terminate();
    }
    for (const outcome of await outcomes) {
      if (outcome.status === "fulfilled") expectSame(outcome.value, want);
      else expect(outcome.reason).toMatchObject({ name: "BertError", code: "ERR_BACKEND" });
    }
    expectSame(await bert.forward(batch), want);
    expectSame(bert.forwardSync(batch), want);
  });
});

test("an idle model lets the process exit, and a call in flight does not", () => {
  const [extension] = import.meta.url.match(/\.\w+$/) ?? []; // .js where the tests are compiled
  const index = JSON.stringify(new URL(`../../src/index${extension}`, import.meta.url).href);
  const program = `
    import { loadBert } from ${index};
    const bert = await loadBert(undefined, { backend: "simd", threads: 2 });
    const batch = bert.tokenizer.encodeBatch(${JSON.stringify(LONG)});
    bert.forwardSync(batch);
    bert.forward(batch).then(() => console.log("answered"));`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect({ stdout, stderr, status }).toEqual({ stdout: "answered\n", stderr: "", status: 0 });
});
