import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as page from "../../docs/reading/onePage.ts";
import { loadBert } from "../../src/index.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import { parseConfig } from "../../src/model/config.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { reference } from "../support/reference.ts";
import { type Case, readReference, TOKENIZERS } from "../tokenizer/library.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const PAGE = join(REPOSITORY, "docs/reading/onePage.ts");
const SMALL = join(REPOSITORY, "weights");

/** The tokens of a batch of one. */
interface Sequence {
  readonly inputIds: readonly number[];
  readonly tokenTypeIds: readonly number[];
}

/** Compares every hidden state and logit of a sequence, to the bit. @returns how many numbers there were */
async function expectSameBits(model: page.Model, engine: BertModel, sequence: Sequence): Promise<number> {
  const want = await engine.forward([sequence], { hiddenStates: true });
  const states = page.encoder(model, { ids: sequence.inputIds, types: sequence.tokenTypeIds });
  const last = states[model.layers];
  const pairs: [got: page.Matrix, want: { readonly data: Float32Array }][] = [
    ...states.map((state, n): [page.Matrix, { data: Float32Array }] => [state, want.hiddenStates![n]]),
    [page.maskedLanguageModel(model, last), want.predictionLogits!],
    [[page.nextSentence(model, last)], want.seqRelationshipLogits!],
  ];
  expect(states).toHaveLength(model.layers + 1);
  for (const [i, [got, { data }]] of pairs.entries()) {
    expect(Float32Array.from(got.flatMap((row) => [...row])), `matrix ${i}`).toEqual(data);
  }
  return pairs.reduce((count, [, { data }]) => count + data.length, 0);
}

describe("the page has the bits of `plain`", () => {
  test("every hidden state and logit of the small model", async () => {
    await using engine = await loadBert(undefined, { backend: "plain" });
    const model = page.readModel(SMALL);
    for (const [text, textPair] of [["She opened the [MASK] and looked out."], ["It rained.", "He took a coat."]]) {
      const { inputIds, tokenTypeIds } = engine.tokenizer.encode(text, textPair === undefined ? {} : { textPair });
      expect(page.encode(model.vocabulary, text, textPair)).toEqual({ ids: inputIds, types: tokenTypeIds });
      expect(await expectSameBits(model, engine, { inputIds, tokenTypeIds })).toBeGreaterThan(90_000);
    }
  });

  test("every hidden state and logit of tiny/model.safetensors", async () => {
    const config = parseConfig(readFileSync(reference("tiny/config.json"), "utf8"));
    const weights = await openWeights(reference("tiny/model.safetensors"));
    const engine = await BertModel.load(weights, config, plain);
    const model: page.Model = {
      weights: page.readSafetensors(reference("tiny/model.safetensors")),
      layers: config.numHiddenLayers,
      heads: config.numAttentionHeads,
      vocabulary: new Map(),
    };
    const { input_ids, token_type_ids, attention_mask } = JSON.parse(
      readFileSync(reference("tiny/inputs.json"), "utf8"),
    );
    for (const [b, ids] of (input_ids as number[][]).entries()) {
      const isToken = (_: number, t: number) => attention_mask[b][t] === 1;
      const sequence = { inputIds: ids.filter(isToken), tokenTypeIds: token_type_ids[b].filter(isToken) };
      expect(await expectSameBits(model, engine, sequence)).toBeGreaterThan(600);
    }
    await weights.close();
  });
});

test("token ids are equal on every cased case of the tokenizer's reference", () => {
  const vocabulary = page.readVocabulary(join(REPOSITORY, "test/tokenizer/reference/bert-base-cased/vocab.txt"));
  const cases: Case[] = JSON.parse(readReference("cases.json")).cases;
  const compared = { whole: 0, truncated: 0 };
  for (const c of cases.filter(({ vocab }) => vocab === "bert-base-cased")) {
    const got = page.encode(vocabulary, c.text, c.pair);
    // The page does not truncate: where the case does, the ids before that are those of the engine's tokenizer.
    const { inputIds, tokenTypeIds } = TOKENIZERS[c.vocab].encode(c.text, {
      ...(c.pair !== undefined && { textPair: c.pair }),
    });
    expect(got, JSON.stringify(c.text)).toEqual({ ids: inputIds, types: tokenTypeIds });
    if (c.truncation === undefined && c.error === undefined) {
      expect(got, JSON.stringify(c.text)).toEqual({ ids: c.ids, types: c.type_ids });
      compared.whole++;
    } else compared.truncated++;
  }
  expect(compared).toEqual({ whole: 1383, truncated: 613 });
});

test("the page is at most 350 lines and imports node:fs and four functions", () => {
  const text = readFileSync(PAGE, "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(350);
  expect(text.match(/^import .*$/gm)).toEqual([
    'import { readFileSync } from "node:fs";',
    'import { erf, erfc, exp, tanh } from "../../src/tensor/kernels/transcendental.ts";',
  ]);
});

test("run as a program it prints README's five answers; without a [MASK] it says so", () => {
  const run = (...args: string[]) => spawnSync(process.execPath, [PAGE, ...args], { encoding: "utf8" });
  const { stdout, status } = run("She opened the [MASK] and looked out.");
  expect(status).toBe(0);
  expect(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/\s+/).slice(0, 2).join(" ")),
  ).toEqual(["door 53.62", "room 15.14", "window 3.60", "bell 2.80", "table 1.88"]);
  expect(run("No gap.").stderr).toContain('the text must have a [MASK], got "No gap."');
});
