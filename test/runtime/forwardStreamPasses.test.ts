import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SequenceInput } from "../../src/model/batch.ts";
import type { BertOutput } from "../../src/model/forward.ts";
import { forwardStream } from "../../src/runtime/forwardStream.ts";
import { handModel, idOf, numbered, ofLength, quickModel } from "../support/handModel.ts";
import { drain, PushedSource, settle, until } from "../support/streams.ts";

describe("passes", () => {
  test("hold up to 2,048 tokens, 4,096 with their output's padding, in order", async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 40 })), {
      maxLength: 300,
      size: "max",
    });
    const tokens = (list: number[]) => list.reduce((a, b) => a + b, 0);
    const padded = (list: number[]) => Math.max(...list) * list.length;
    await fc.assert(
      fc.asyncProperty(lengths, async (list) => {
        const { model, passes } = quickModel();
        const { given } = await drain(
          forwardStream(
            model,
            list.map((T, i) => ofLength(T, i)),
          ),
        );
        expect(given.map(idOf)).toEqual([...list.keys()]);
        expect(given.map(({ lastHiddenState }) => lastHiddenState.shape)).toEqual(list.map((T) => [1, T, 1]));
        const batches = passes.map(({ batch }) => batch.map(({ inputIds }) => inputIds.length));
        for (const [n, batch] of batches.entries()) {
          expect(batch.length === 1 || (tokens(batch) <= 2048 && padded(batch) <= 4096)).toBe(true);
          if (n === 0) continue;
          const more = [...batches[n - 1], batch[0]];
          expect(tokens(more) > 2048 || padded(more) > 4096).toBe(true);
        }
      }),
      { numRuns: 10 },
    );
  });

  test("tokens that are masked are not computed and do not count", async () => {
    const { model, passes } = quickModel();
    const mask = Array(512).fill(0).fill(1, 0, 8);
    await drain(forwardStream(model, Array(16).fill({ ...ofLength(512), attentionMask: mask })));
    expect(passes.map(({ batch }) => batch.length)).toEqual([8, 8]);
  });

  test("one is computed while another's outputs are handled, and the source is read no further", async () => {
    const { model, passes } = handModel();
    const { source, state } = numbered(512); // 4 in a pass
    const outputs = forwardStream(model, source);
    const first = outputs.next();
    await until(() => state.taken === 4 + 4 + 1);
    await settle();
    expect([passes.length, state.taken]).toEqual([2, 9]); // the second stands in the model's queue
    passes[0].answer();
    expect(idOf((await first).value as BertOutput)).toBe(0);
    passes[1].answer();
    for (const id of [1, 2, 3]) expect(idOf((await outputs.next()).value as BertOutput)).toBe(id);
    await settle();
    expect([passes.length, state.taken]).toEqual([2, 9]);
    expect(idOf((await outputs.next()).value as BertOutput)).toBe(4);
    await until(() => passes.length === 3);
    await settle();
    expect([passes.length, state.taken]).toEqual([3, 13]);
    await outputs.return();
    expect(state.closed).toBe(true);
  });

  test("what a slow source has given is computed without waiting for more", async () => {
    const { model, passes } = handModel();
    const source = new PushedSource<SequenceInput>();
    const outputs = forwardStream(model, source);
    source.push(ofLength(3, 0), ofLength(5, 1));
    const first = outputs.next();
    await until(() => passes.length === 1);
    source.push(ofLength(4, 2)); // waits for others while the first pass is computed
    await until(() => source.taken === 3);
    await settle();
    source.push(ofLength(2, 3));
    passes[0].answer();
    expect(idOf((await first).value as BertOutput)).toBe(0);
    await until(() => passes.length === 2);
    expect(passes.map(({ batch }) => batch.length)).toEqual([2, 2]);
    passes[1].answer();
    for (const id of [1, 2, 3]) expect(idOf((await outputs.next()).value as BertOutput)).toBe(id);
    await outputs.return();
    expect(source.closed).toBe(1);
  });

  test("a source may use its arrays again", async () => {
    const inputIds = new Int32Array(4);
    function* source(): Generator<SequenceInput> {
      for (let id = 0; id < 20; id++) yield { inputIds: inputIds.fill(id) };
    }
    const { given } = await drain(forwardStream(quickModel().model, source()));
    expect(given.map(idOf)).toEqual([...Array(20).keys()]);
  });

  test.each([
    ["an array", []],
    ["a set", new Set<SequenceInput>()],
    ["a generator", (async function* (): AsyncGenerator<SequenceInput> {})()],
  ])("none for an empty source: %s", async (_, source) => {
    const { model, passes } = quickModel();
    expect(await drain(forwardStream(model, source))).toEqual({ given: [], error: null });
    expect(passes).toEqual([]);
  });
});

describe("the end", () => {
  test("leaving the loop closes the source and stops the pass ahead", async () => {
    const { model, passes } = handModel();
    const { source, state } = numbered(512);
    setTimeout(() => passes[0].answer());
    for await (const output of forwardStream(model, source)) {
      expect(idOf(output)).toBe(0);
      await until(() => passes.length === 2);
      break;
    }
    expect(state.closed).toBe(true);
    expect(passes[1].signal.aborted).toBe(true);
  });

  test("leaving the loop does not wait for a source that does not answer", async () => {
    let closed = false;
    async function* source(): AsyncGenerator<SequenceInput> {
      try {
        yield ofLength(2);
        await new Promise(() => {});
      } finally {
        closed = true; // is never reached: a generator cannot be closed where it waits
      }
    }
    for await (const _ of forwardStream(quickModel().model, source())) break;
    expect(closed).toBe(false);
  });

  test("an error in closing the source reaches who leaves the loop", async () => {
    function* source(): Generator<SequenceInput> {
      try {
        for (;;) yield ofLength(512);
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: what is tested
        throw new Error("not closed");
      }
    }
    const leave = async () => {
      for await (const _ of forwardStream(quickModel().model, source())) break;
    };
    await expect(leave()).rejects.toThrow("not closed");
  });

  test("an error of the source comes after the outputs before it", async () => {
    const failure = new Error("no more lines");
    async function* source(): AsyncGenerator<SequenceInput> {
      for (let id = 0; id < 9; id++) yield ofLength(512, id);
      throw failure;
    }
    const { given, error } = await drain(forwardStream(quickModel().model, source()));
    expect(given.map(idOf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(error).toBe(failure);
  });

  test("a sequence that does not fit is named by its index, after the outputs before it", async () => {
    let closed = false;
    function* source(): Generator<SequenceInput> {
      try {
        for (let id = 0; ; id++) yield id === 6 ? { inputIds: [5, -1] } : ofLength(512, id);
      } finally {
        closed = true;
      }
    }
    const { given, error } = await drain(forwardStream(quickModel().model, source()));
    expect(given.length).toBe(6);
    expect(error).toMatchObject({ name: "BertError", code: "ERR_INPUT" });
    expect((error as Error).message).toContain("inputIds[6][1] must be");
    expect(closed).toBe(true);
  });

  test("an error of the model closes the source", async () => {
    const { model, passes } = handModel();
    const { source, state } = numbered(512);
    const outputs = forwardStream(model, source);
    const first = outputs.next();
    await until(() => passes.length === 2);
    passes[0].fail(new Error("out of memory"));
    await expect(first).rejects.toThrow("out of memory");
    expect(state.closed).toBe(true);
    await settle();
    expect(passes.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    expect(await outputs.next()).toEqual({ done: true, value: undefined });
  });

  describe("a signal", () => {
    const reason = new Error("enough");

    test("that is aborted already: nothing is read", async () => {
      const { source, state } = numbered(2);
      const outputs = forwardStream(quickModel().model, source, { signal: AbortSignal.abort(reason) });
      await expect(outputs.next()).rejects.toBe(reason);
      expect(state.taken).toBe(0);
    });

    test("stops waiting for the source", async () => {
      const controller = new AbortController();
      const source = new PushedSource<SequenceInput>();
      const first = forwardStream(quickModel().model, source, { signal: controller.signal }).next();
      await settle();
      controller.abort(reason);
      await expect(first).rejects.toBe(reason);
      expect(source.closed).toBe(1);
    });

    test("stops a pass", async () => {
      const controller = new AbortController();
      const { model, passes } = handModel();
      const { source, state } = numbered(512);
      const first = forwardStream(model, source, { signal: controller.signal }).next();
      await until(() => passes.length === 2);
      controller.abort(reason);
      await expect(first).rejects.toBe(reason);
      expect(state.closed).toBe(true);
    });

    test("stops between outputs", async () => {
      const controller = new AbortController();
      const outputs = forwardStream(quickModel().model, numbered(2).source, { signal: controller.signal });
      await outputs.next();
      controller.abort(reason);
      await expect(outputs.next()).rejects.toBe(reason);
    });
  });
});
