import { describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { collectActivations } from "../../src/testing/index.ts";
import { head } from "../cli/run.ts";

const TINY = head("mlm");
const PLAIN = { backend: "plain" } as const;

test("ids, token types, and each step as forward gives it, in order", async () => {
  await using bert = await loadBert(TINY, PLAIN);
  const { tensors, metadata } = await collectActivations(bert, "Is the door open?", { textPair: "It is." });
  const encoding = bert.tokenizer.encode("Is the door open?", { textPair: "It is." });
  const T = encoding.inputIds.length;
  const names = bert.taps.map(({ name }) => name);
  expect([...tensors.keys()]).toEqual(["input_ids", "token_type_ids", ...names]);
  expect(tensors.get("input_ids")).toEqual({ shape: [1, T], data: BigInt64Array.from(encoding.inputIds, BigInt) });
  const types = BigInt64Array.from(encoding.tokenTypeIds, BigInt);
  expect(types).toContain(1n);
  expect(tensors.get("token_type_ids")).toEqual({ shape: [1, T], data: types });
  const { taps } = bert.forwardSync([encoding], { taps: names });
  for (const name of names) expect(tensors.get(name), name).toStrictEqual(taps?.get(name));
  expect(Object.fromEntries(metadata)).toEqual({
    format: "plainbert activations",
    fingerprint: bert.fingerprint,
    architecture: "BertForMaskedLM",
    backend: "plain",
    dtype: "float32",
    text: "Is the door open?",
    text_pair: "It is.",
    truncated: "false",
  });
  const file = readSafetensors(writeSafetensors(tensors, metadata));
  expect([...file.tensors.keys()].sort()).toEqual([...tensors.keys()].sort());
  expect(file.metadata).toEqual(metadata);
});

describe("taps", () => {
  test.each<[string[], RegExp]>([
    [["*"], /^/],
    [["bert.pooler", "bert.embeddings"], /^bert\.(pooler|embeddings)$/],
    [["bert.encoder.layer.*.output"], /^bert\.encoder\.layer\..*\.output$/],
    [["*.self.*"], /\.self\./],
    [["*layer.0*", "bert.embed*"], /layer\.0|^bert\.embed/],
    [["bert.e*e*e*e*e"], /^bert\.e.*e.*e.*e.*e$/],
    [["*.0.**.dense"], /\.0\..*\.dense$/],
    [["bert.embeddings*embeddings"], /^bert\.embeddings.*embeddings$/], // which "bert.embeddings" itself does not have
  ])("%j", async (patterns, regex) => {
    await using bert = await loadBert(undefined, PLAIN);
    const names = bert.taps.map(({ name }) => name).filter((name) => regex.test(name));
    expect(names.length).toBeGreaterThan(0);
    const { tensors } = await collectActivations(bert, "A.", { taps: patterns });
    expect([...tensors.keys()].slice(2)).toEqual(names);
  });

  test("a pattern without a match is an error, in time that does not grow with its stars", async () => {
    await using bert = await loadBert(TINY, PLAIN);
    const call = (taps: unknown) => collectActivations(bert, "A.", { taps: taps as string[] });
    const must = "collectActivations: taps must be names in bert.taps, with * for any characters, got ";
    await expect(call(["bert.pooler.dense", "bert.embeddings", "*.nope"])).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: `${must}"bert.pooler.dense", "*.nope"`, // the model has no pooler
    });
    await expect(call(["bert.embedings"])).rejects.toThrow(`${must}"bert.embedings"; did you mean "bert.embeddings"?`);
    await expect(call([`${"*e".repeat(500)}x`])).rejects.toThrow(must);
    await expect(call("bert.*")).rejects.toThrow("taps must be a list of names in bert.taps");
    await expect(call([5])).rejects.toThrow("taps must be a list of names in bert.taps");
  });
});

test("a long text is refused, or cut and called that", async () => {
  await using bert = await loadBert(TINY, PLAIN);
  const limit = bert.config.maxPositionEmbeddings;
  const long = "the ".repeat(limit);
  await expect(collectActivations(bert, long)).rejects.toMatchObject({
    code: "ERR_INPUT",
    message: expect.stringContaining(`collectActivations: text must be at most ${limit} tokens long`),
  });
  for (const [text, truncated] of [
    [long, "true"],
    ["the ".repeat(limit - 2), "false"],
  ] as const) {
    // biome-ignore format: one line
    const { tensors, metadata } = await collectActivations(bert, text, { truncation: true, taps: ["bert.embeddings"] });
    expect(tensors.get("bert.embeddings")?.shape).toEqual([1, limit, bert.config.hiddenSize]);
    expect(metadata.get("truncated")).toBe(truncated);
  }
});

test("wrong arguments, and a model that is disposed of", async () => {
  const bert = await loadBert(TINY, PLAIN);
  for (const [call, message] of [
    [() => collectActivations({} as never, "A."), "bert must be a model from loadBert, got {}"],
    [() => collectActivations(bert, 3 as never), "text must be a string, got 3"],
    [() => collectActivations(bert, "\ud800"), "text must be well-formed Unicode, has a lone surrogate at index 0"],
    [() => collectActivations(bert, "A.", { textPair: 3 as never }), "textPair must be a string, got 3"],
    [() => collectActivations(bert, "A.", { truncation: 1 as never }), "truncation must be true or false, got 1"],
    [() => collectActivations(bert, "A.", { text_pair: "B." } as never), 'unknown option "text_pair"; did you mean'],
  ] as const) {
    await expect(call()).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringContaining(`collectActivations: ${message}`),
    });
  }
  await bert.dispose();
  await expect(collectActivations(bert, "A.")).rejects.toMatchObject({ code: "ERR_BACKEND" });
});
