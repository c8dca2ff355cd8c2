import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadBert, loadTokenizer, type Pipeline, pipeline } from "../../src/index.ts";
import { expectClose } from "../support/close.ts";
import { DTYPES, golden, HIDDEN, spearman, TEXTS, VECTORS } from "./golden.ts";

const MODEL = process.env.PLAINBERT_REAL_MODEL ?? "";
const STS = process.env.PLAINBERT_REAL_STS;
const D = 384;

describe("all-MiniLM-L6-v2 as published", () => {
  test("tokens of texts of every kind are transformers'", async () => {
    const tokenizer = await loadTokenizer(MODEL);
    const ids = TEXTS.map((text) => tokenizer.encode(text, { truncation: true, maxLength: 256 }).inputIds);
    expect(ids).toEqual(golden.ids);
  });

  /** Of PyTorch float32's rms error, layer by layer; measured 0.18 to 0.56, and 0.63 to 0.89. */
  test.each(["plain", "simd"] as const)(
    "%s: every hidden state is nearer to float64 than PyTorch's float32",
    async (backend) => {
      await using bert = await loadBert(MODEL, { backend, architecture: "BertModel" });
      const sums = HIDDEN.map(() => 0);
      let at = 0; // of the numbers of all texts end to end
      for (const inputIds of golden.ids) {
        const { hiddenStates = [] } = await bert.forward([{ inputIds }], { hiddenStates: true });
        expect(hiddenStates.length).toBe(HIDDEN.length);
        const size = inputIds.length * D;
        for (const [layer, { data }] of hiddenStates.entries()) {
          for (let i = (golden.step - (at % golden.step)) % golden.step; i < size; i += golden.step) {
            const error = data[i] - HIDDEN[layer][(at + i) / golden.step];
            sums[layer] += error * error;
          }
        }
        at += size;
      }
      const shares = sums.map((sum, layer) => Math.sqrt(sum / HIDDEN[layer].length) / golden.rms_of_sample[layer]);
      console.log(`${backend}: ${shares.map((share) => share.toFixed(2)).join(" ")} of PyTorch float32's rms error`);
      for (const share of shares) expect(share).toBeLessThanOrEqual(1);
    },
  );

  test.each(DTYPES)("vectors in $dtype, with what it loses", async ({ dtype, cosine, atol }) => {
    await using embed = await pipeline("embeddings", MODEL, { dtype });
    const { dims, data, truncated } = await embed(TEXTS);
    expect([dims, truncated]).toEqual([[TEXTS.length, D], 1]);
    const worst = expectClose(dtype, data, VECTORS, atol).max;
    const cosines = TEXTS.map((_, i) => {
      let dot = 0;
      for (let d = i * D; d < (i + 1) * D; d++) dot += data[d] * VECTORS[d];
      return dot;
    });
    console.log(`${dtype}: largest error ${worst.toExponential(2)}, least cosine ${Math.min(...cosines).toFixed(7)}`);
    expect(Math.min(...cosines)).toBeGreaterThanOrEqual(cosine);
  });
});

describe.runIf(STS !== undefined)("Spearman's rank correlation with people, STS", () => {
  /** × 100, of the cosines of a year's pairs with their scores. */
  async function correlation(embed: Pipeline<"embeddings">, year: string): Promise<string> {
    const rows = readFileSync(join(STS as string, `sts${year}.tsv`), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => line.split("\t"));
    const { data } = await embed(rows.flatMap(([, a, b]) => [a, b]));
    const cosines = rows.map((_, i) => {
      let dot = 0;
      for (let d = 0; d < D; d++) dot += data[2 * i * D + d] * data[(2 * i + 1) * D + d];
      return dot;
    });
    const scores = rows.map(([score]) => Number(score));
    const result = (100 * spearman(scores, cosines)).toFixed(2);
    console.log(`STS ${year}: ${result} of ${rows.length} pairs`);
    return result;
  }

  test.each([
    ["float32", "80.60", "85.39"], // as published
    ["float16", "80.60", "85.39"],
    ["bfloat16", "80.60", "85.39"],
    ["int8", "80.59", "85.37"],
  ] as const)("in %s: 2013 is %s, 2015 is %s", { timeout: 600_000 }, async (dtype, ...published) => {
    await using embed = await pipeline("embeddings", MODEL, { dtype });
    expect([await correlation(embed, "2013"), await correlation(embed, "2015")]).toEqual(published);
  });
});
