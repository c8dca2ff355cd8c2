import { afterAll, describe, expect, test } from "vitest";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";
import { deviation } from "../support/close.ts";
import { TOLERANCE } from "../tolerances.ts";
import { casesOf, expectBertError, POSITIONS } from "./support.ts";

const extract = await pipeline("feature-extraction", undefined, { backend: "plain" });
afterAll(() => extract.dispose());
const H = 256;

describe("the numbers of Hugging Face", async () => {
  const cases = await casesOf("features");
  let compared = 0;
  function expectEqual(got: Float32Array, want: number[]): void {
    const { max } = deviation(got, want);
    compared += want.length;
    expect(max).toBeLessThanOrEqual(TOLERANCE.plain.features);
  }

  function expectScaled(got: Float32Array, want: number[], factor: number): void {
    expectEqual(
      got.map((x) => x / factor),
      want,
    );
  }

  test.each(cases)("$text", async ({ text, tokens, none, mean, cls, max, mean_normalized }) => {
    const truncation = true;
    for (const [pooling, want] of Object.entries({ mean, cls, max }) as ["mean" | "cls" | "max", number[]][]) {
      const got = await extract(text, { pooling, truncation });
      expect(got).toMatchObject({ dims: [1, H], type: "float32" });
      expectEqual(got.data, want);
      expect(got.tolist()).toEqual([Array.from(got.data)]);
    }
    expectEqual((await extract(text, { pooling: "mean", normalize: true, truncation })).data, mean_normalized);
    expectEqual((await extract(text, { pooling: "first_token", truncation })).data, cls);
    // Σ / √T = mean · √T
    expectScaled((await extract(text, { pooling: "mean_sqrt_len", truncation })).data, mean, Math.sqrt(tokens));
    const each = await extract(text, { truncation });
    expect(each).toMatchObject({ dims: [1, tokens, H], type: "float32" });
    if (none) expectEqual(each.data, none.flat());
    for (const pooling of ["eos", "last_token"] as const) {
      const last = (await extract(text, { pooling, truncation })).data;
      if (none) expectEqual(last, none.at(-1)!);
      expectSameBits(last, each.data.subarray((tokens - 1) * H));
    }
    expect(each.tolist()).toEqual([
      Array.from({ length: tokens }, (_, t) => Array.from(each.data.subarray(t * H, (t + 1) * H))),
    ]);
  });

  afterAll(() => {
    expect(compared).toBe(cases.length * 6 * H + 3 * H + 2 * H); // and 3 tokens, the last of them twice more
  });
});

test("JSON has the numbers as an array, and another thread gets them", async () => {
  const { dims, type, data } = await extract(["A cat.", "A dog."], { pooling: "mean" });
  const got = await extract(["A cat.", "A dog."], { pooling: "mean" });
  expect(JSON.parse(JSON.stringify({ got }))).toEqual({ got: { dims: [2, H], type: "float32", data: [...data] } });
  expect(structuredClone(got)).toEqual({ dims, type, data, truncated: 0, unknown: 0 });
  const perToken = JSON.parse(JSON.stringify(await extract("A cat.")));
  expect(Object.keys(perToken)).toEqual(["dims", "type", "data"]);
  expect(perToken.data.length).toBe(perToken.dims[1] * H);
});

/** More than 2,048 tokens, so that they are more than one batch. */
const DISTINCT = [
  "A text.",
  "word ".repeat(POSITIONS - 2),
  "It was the day and the night.",
  "the end of it ".repeat(20),
];
const TEXTS = Array.from({ length: 40 }, (_, i) => DISTINCT[i % DISTINCT.length]);

test.each(["mean", "cls", "max", "last_token", "mean_sqrt_len"] as const)(
  "a text's vector is the same bits alone and among others: %s",
  async (pooling) => {
    const batch = await extract(DISTINCT, { pooling });
    expect(batch.dims).toEqual([DISTINCT.length, H]);
    for (const [i, text] of DISTINCT.entries()) {
      expectSameBits(batch.data.subarray(i * H, (i + 1) * H), (await extract(text, { pooling })).data);
    }
  },
);

test("the tokens of a text are the same bits alone and in many batches, zeros where it has none", async () => {
  const batch = await extract(TEXTS, { normalize: true });
  const T = POSITIONS;
  expect(batch.dims).toEqual([TEXTS.length, T, H]);
  const alone = await Promise.all(DISTINCT.map((text) => extract(text, { normalize: true })));
  expect(TEXTS.reduce((sum, _, i) => sum + alone[i % DISTINCT.length].dims[1], 0)).toBeGreaterThan(2048);
  for (const i of TEXTS.keys()) {
    const { data } = alone[i % DISTINCT.length];
    const row = batch.data.subarray(i * T * H, (i + 1) * T * H);
    expectSameBits(row.subarray(0, data.length), data);
    expect(row.subarray(data.length).every((x) => x === 0)).toBe(true);
  }
});

/** As toStrictEqual, which takes seconds for arrays of this size. */
function expectSameBits(got: Float32Array, want: Float32Array): void {
  expect(got.length).toBe(want.length);
  expect(got.findIndex((x, i) => !Object.is(x, want[i]))).toBe(-1);
}

test.each(["none", "mean", "cls", "max"] as const)(
  "normalized vectors have length 1 and the same direction: %s",
  async (pooling) => {
    const options = { pooling } as { pooling: "mean" };
    const raw = (await extract("A dark and stormy night.", options)).data;
    const unit = (await extract("A dark and stormy night.", { ...options, normalize: true })).data;
    for (let at = 0; at < raw.length; at += H) {
      const length = Math.hypot(...raw.subarray(at, at + H));
      for (let h = at; h < at + H; h++) expect(Math.abs(unit[h] - raw[h] / length)).toBeLessThan(6e-8);
    }
  },
);

test("truncation keeps [SEP]: the vector is that of the text's first tokens", async () => {
  const options = { pooling: "mean", truncation: true } as const;
  const long = await extract("word ".repeat(5000), options);
  expect(long.data).toStrictEqual((await extract("word ".repeat(POSITIONS - 2), options)).data);
});

test("truncated says how many texts were cut: a text that just fits was not", async () => {
  const texts = ["A text.", ...[2, 1, 0].map((less) => "word ".repeat(POSITIONS - less))];
  const truncation = true;
  expect((await extract(texts, { pooling: "mean", truncation })).truncated).toBe(2);
  expect((await extract(texts, { truncation })).truncated).toBe(2);
  expect((await extract(texts, { pooling: "cls", quantize: true, truncation })).truncated).toBe(2);
  const counts: number[] = [];
  for await (const { truncated } of extract(texts.values(), { truncation })) counts.push(truncated);
  expect(counts).toEqual([0, 0, 1, 1]);
});

describe("the last four layers, as of the model's own hidden states", async () => {
  const text = "The door is open.";
  const bert = extract.model;
  const { hiddenStates } = await bert.forward([bert.tokenizer.encode(text)], { hiddenStates: true });
  const four = hiddenStates!.slice(-4).map(({ data }) => data);
  const H = bert.config.hiddenSize;
  const T = four[0].length / H;

  test("end to end", async () => {
    const { dims, data } = await extract(text, { layers: "concat_last_4" });
    expect(dims).toEqual([1, T, 4 * H]);
    for (let t = 0; t < T; t++) {
      for (const [l, layer] of four.entries()) {
        const at = (t * 4 + l) * H;
        expect(data.subarray(at, at + H)).toEqual(layer.subarray(t * H, (t + 1) * H));
      }
    }
  });

  test("their sum, and its mean over the tokens", async () => {
    const { data } = await extract(text, { layers: "sum_last_4" });
    expect(data).toEqual(Float32Array.from(four[0], (_, i) => four[0][i] + four[1][i] + four[2][i] + four[3][i]));
    const mean = await extract(text, { layers: "sum_last_4", pooling: "mean" });
    for (let h = 0; h < H; h++) {
      let total = 0;
      for (let t = 0; t < T; t++) total += data[t * H + h];
      expect(mean.data[h]).toBe(Math.fround(total / T));
    }
  });
});

test("truncate_dim: the first numbers of each vector, of length 1 where that is asked for", async () => {
  const texts = ["The door is open.", "No."];
  for (const pooling of ["none", "mean"] as const) {
    const whole = await extract(texts, { pooling: pooling as "mean" });
    const cut = await extract(texts, { pooling: pooling as "mean", truncate_dim: 10 });
    expect(cut.dims).toEqual([...whole.dims.slice(0, -1), 10]);
    const size = whole.dims.at(-1)!;
    for (let row = 0; row < cut.data.length / 10; row++) {
      expect(cut.data.slice(row * 10, row * 10 + 10)).toEqual(whole.data.slice(row * size, row * size + 10));
    }
  }
  const { data } = await extract(texts, { pooling: "mean", truncate_dim: 10, normalize: true });
  expect(Math.hypot(...data.subarray(0, 10))).toBeCloseTo(1, 6);
});

test("a model of any class will do, and gives the same bits", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" }); // BertForPreTraining, with a decoder that is not asked for anything
  const other = await pipeline("feature-extraction", bert);
  expectSameBits((await other(DISTINCT)).data, (await extract(DISTINCT)).data);
});

describe("bad input", () => {
  test("layers and truncate_dim", async () => {
    await expectBertError(
      extract("a", { layers: "first" as never }),
      "ERR_INPUT",
      "layers must be one of last, concat_last_4",
    );
    await expectBertError(extract("a", { truncate_dim: 257 }), "ERR_INPUT", "truncate_dim must be at most 256");
    await expectBertError(extract("a", { truncate_dim: 0 }), "ERR_INPUT", "truncate_dim must be a whole number from 1");
    const small = new URL("./reference/heads/nli", import.meta.url).pathname;
    await using two = await pipeline("feature-extraction", small, { backend: "plain" });
    await expectBertError(
      two("a", { layers: "sum_last_4" }),
      "ERR_INPUT",
      "layers must be last for a model of 2 layers",
    );
  });

  const ask = extract as (...args: unknown[]) => Promise<unknown>;

  test.each<[string, unknown, unknown, string[]]>([
    ["a lone surrogate", ["ok", "\udfff"], {}, ["texts[1]", "surrogate at index 0"]],
    [
      "past the positions",
      ["a", "b ".repeat(POSITIONS - 1)],
      {},
      ["texts[1]", `${POSITIONS} tokens`, "the option truncation", `got ${POSITIONS + 1}`],
    ],
    ["a million characters", "ab cd ".repeat(170_000), {}, [`${POSITIONS} tokens`, "got 510002"]],
    ["no texts", [], {}, ["at least one text"]],
    ["no string", 5, {}, ["text must be a string", "got 5"]],
    [
      "an unknown pooling",
      "a",
      { pooling: "sum" },
      ["pooling must be one of none, mean, cls, first_token, max, eos, last_token, mean_sqrt_len", '"sum"'],
    ],
    ["pooling null", "a", { pooling: null }, ["pooling", "null"]],
    ["normalize a number", "a", { normalize: 1 }, ["normalize must be true or false", "got 1"]],
    ["truncation null", "a", { truncation: null }, ["truncation must be true or false", "null"]],
    ["an unknown option", "a", { quantise: true }, ['did you mean "quantize"?']],
  ])("%s", async (_, text, options, parts) => {
    await expectBertError(ask(text, options), "ERR_INPUT", "feature-extraction: ", ...parts);
  });
});

test("an aborted call rejects with the signal's reason", async () => {
  const reason = new Error("enough");
  await expect(extract(TEXTS, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});
