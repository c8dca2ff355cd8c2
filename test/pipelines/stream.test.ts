import { afterAll, describe, expect, expectTypeOf, test, vi } from "vitest";
import {
  type FeatureTensor,
  type FillMaskOutput,
  loadBert,
  type NextSentencePrediction,
  pipeline,
  type TextPair,
  type Truncated,
} from "../../src/pipelines/index.ts";
import { drain, PushedSource, until } from "../support/streams.ts";
import { POSITIONS } from "./support.ts";

const bert = await loadBert(undefined, { backend: "simd" });
const unmask = await pipeline("fill-mask", bert);
const isNext = await pipeline("next-sentence-prediction", bert);
const extract = await pipeline("feature-extraction", bert);
afterAll(() => bert.dispose());

/** One after the other, as from a file; says whether it was closed before its end. */
class Source<Input> {
  closed = false;
  taken = 0;
  readonly inputs: readonly Input[];

  constructor(inputs: readonly Input[]) {
    this.inputs = inputs;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Input> {
    try {
      for (const input of this.inputs) {
        this.taken++;
        yield input;
      }
    } finally {
      this.closed = this.taken < this.inputs.length;
    }
  }
}

/** One is so long that, padded to its length, only 34 have 4,096 tokens or less: they are more than one pass. */
const PHRASES = Array.from({ length: 40 }, (_, i) => `${"so ".repeat(i === 20 ? 110 : i % 5)}it was ${i}.`);
const FEW = PHRASES.slice(15, 25);

describe("each result is that of the input alone", () => {
  test("fill-mask", async () => {
    const forward = vi.spyOn(bert, "forward");
    const texts = PHRASES.map((phrase, i) => `The [MASK] ${i % 3 ? "" : "and [MASK] "}${phrase}`);
    const { given, error } = await drain(unmask(new Source(texts), { top_k: 2 }));
    expect(error).toBeNull();
    expect(forward.mock.calls.length).toBe(2);
    forward.mockRestore();
    expect(given).toStrictEqual(await unmask(texts, { top_k: 2 }));
    expect(given[3]).toStrictEqual(await unmask(texts[3], { top_k: 2 }));
  });

  test("next-sentence-prediction", async () => {
    const pairs = FEW.map((text, i): TextPair => (i % 2 ? [text, "Yes."] : { text, text_pair: "No." }));
    expect(await drain(isNext(new Source(pairs)))).toStrictEqual({ given: await isNext(pairs), error: null });
    const both = await isNext(pairs, { top_k: null });
    expect(await drain(isNext(new Source(pairs), { top_k: null }))).toStrictEqual({ given: both, error: null });
  });

  test.each([{}, { pooling: "mean" }, { pooling: "none", normalize: true }] as { pooling: "mean" }[])(
    "feature-extraction %j",
    async (options) => {
      const { given, error } = await drain(extract(new Set(FEW), options));
      expect(error).toBeNull();
      expect(given.length).toBe(FEW.length);
      for (const [i, one] of given.entries()) {
        const { dims, type, data } = one;
        const want = await extract(FEW[i], options);
        expect({ dims, type }).toEqual({ dims: want.dims, type: want.type });
        expect(Buffer.from(data.buffer).equals(Buffer.from(want.data.buffer))).toBe(true);
        expect(one.tolist().length).toBe(1);
      }
    },
  );

  test("a generator without async", async () => {
    function* lines(): Generator<string> {
      yield "A text.";
      yield "Another.";
    }
    const { given } = await drain(extract(lines(), { pooling: "cls" }));
    expect(given.map(({ dims }) => dims)).toEqual([
      [1, 256],
      [1, 256],
    ]);
  });

  test("nothing for an empty stream", async () => {
    for (const results of [unmask(new Source([])), isNext(new Source([])), extract(new Source([]))]) {
      expect(await drain<unknown>(results)).toEqual({ given: [], error: null });
    }
  });
});

test("what a slow stream has given is answered at once", async () => {
  const source = new PushedSource<string>();
  const results = unmask(source);
  for (const text of ["The [MASK] is open.", "[MASK] is."]) {
    source.push(text);
    expect((await results.next()).value).toStrictEqual(await unmask(text));
  }
  await results.return();
  expect(source.closed).toBe(1);
});

test("a stream is read no further than two passes need, and closed when the loop is left", async () => {
  const source = new Source(Array(1000).fill("so ".repeat(126).trim())); // 128 tokens, 16 in a pass
  for await (const { dims } of extract(source, { pooling: "mean" })) {
    expect(dims).toEqual([1, 256]);
    await until(() => source.taken >= 33);
    break;
  }
  expect(source.taken).toBe(33);
  expect(source.closed).toBe(true);
});

describe("errors come after the results before them, name the input by its index, and close the stream", () => {
  const ask = { unmask, isNext, extract } as unknown as Record<string, (...args: unknown[]) => AsyncIterable<unknown>>;
  const mask = "The [MASK].";
  test.each([
    ["unmask", [mask, mask, "The door.", mask], "fill-mask: texts[2] must be a text with [MASK]"],
    ["unmask", [mask, mask, 5, mask], "fill-mask: texts[2] must be a string, got 5"],
    ["isNext", [["a", "b"], ["a", "b"], ["a", 1], []], "next-sentence-prediction: pairs[2][1] must be a string"],
    [
      "extract",
      ["a", "b", "c ".repeat(300), "d"],
      `feature-extraction: texts[2] must be at most ${POSITIONS} tokens long`,
    ],
  ])("%s", async (task, inputs, message) => {
    const source = new Source<unknown>(inputs);
    const { given, error } = await drain(ask[task](source));
    expect(given.length).toBe(2);
    expect(error).toMatchObject({ name: "BertError", code: "ERR_INPUT" });
    expect((error as Error).message).toContain(message);
    expect(source.closed).toBe(true);
  });

  test.each([
    ["unmask", { top_k: 0 }, "top_k must be"],
    ["unmask", { pooling: "mean" }, 'unknown option "pooling"'],
    ["isNext", { top_k: 3 }, "top_k must be 1 or null"],
    ["extract", { pooling: "sum" }, "pooling must be one of"],
    ["extract", { signal: 5 }, "signal must be an AbortSignal"],
    ["extract", null, "options must be an object, got null"],
  ])("%s with options %j", async (task, options, message) => {
    const { given, error } = await drain(
      ask[task](new Source<unknown>([task === "isNext" ? ["a", "b"] : mask]), options),
    );
    expect(given).toEqual([]);
    expect(error).toMatchObject({ code: "ERR_INPUT" });
    expect((error as Error).message).toContain(message);
  });

  test("of the stream itself", async () => {
    const failure = new Error("no more lines");
    const source = async function* () {
      yield "A text.";
      throw failure;
    };
    const { given, error } = await drain(extract(source()));
    expect([given.length, error]).toEqual([1, failure]);
  });

  test("the signal's reason", async () => {
    const controller = new AbortController();
    const source = new PushedSource<string>();
    const results = extract(source, { signal: controller.signal });
    source.push("A text.");
    await results.next();
    const second = results.next();
    controller.abort("enough");
    await expect(second).rejects.toBe("enough");
    expect(source.closed).toBe(1);
  });
});

test("types: a string or an array gives a promise, what can only be iterated a generator", () => {
  const texts = new Set<string>();
  const pairs = new Source<TextPair>([]);
  type Results<Result> = AsyncGenerator<Result, void, undefined>;
  expectTypeOf(() => unmask(texts)).returns.toEqualTypeOf<Results<FillMaskOutput<string>>>();
  expectTypeOf(() => isNext(pairs)).returns.toEqualTypeOf<Results<NextSentencePrediction>>();
  expectTypeOf(() => isNext(pairs, { top_k: null })).returns.toEqualTypeOf<Results<NextSentencePrediction[]>>();
  expectTypeOf(() => extract(texts)).returns.toEqualTypeOf<Results<FeatureTensor<number[][][]> & Truncated>>();
  expectTypeOf(() => extract(texts, { pooling: "cls" })).returns.toEqualTypeOf<
    Results<FeatureTensor<number[][]> & Truncated>
  >();
  expectTypeOf(() => extract([...texts])).returns.toEqualTypeOf<Promise<FeatureTensor<number[][][]> & Truncated>>();
  expectTypeOf(() => unmask([...texts] as string[] | Set<string>)).returns.toEqualTypeOf<
    Promise<FillMaskOutput[]> | Results<FillMaskOutput>
  >();
});
