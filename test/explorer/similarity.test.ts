import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExplorerRequest } from "../../src/explorer/explorerResult.ts";
import type { Inseparable, Similarity } from "../../src/explorer/further/similarity.ts";
import type { BarShape, MatrixShape, Scene } from "../../src/explorer/scene.ts";
import {
  namesOf,
  rankedPairs,
  similarityMatrix,
  strongestPairs,
  sumsOf,
} from "../../src/explorer/scenes/similarityPairs.ts";
import { type Bert, loadBert, pipeline, readSafetensors } from "../../src/index.ts";
import { SENTENCE_FORMS, sentenceFolder } from "../support/sentenceFolders.ts";
import { HOSTILE } from "./hostile.ts";
import { explored, small } from "./models.ts";

/** The cosine taken apart, against the pipeline, sentence-transformers, and plain loops over the weights' file. */
const EMBEDDINGS = join(import.meta.dirname, "..", "..", "weights", "embeddings");
const A = "I cannot get into the house.";
const B = "The door is locked.";

/** What float32 leaves of a cosine: each vector is rounded once, and a product of two once more. */
const ROUNDED = 4 * 2 ** -24;

function similarityIn(bert: Bert, text: string, pair: string, rest: Partial<ExplorerRequest> = {}) {
  const { further } = explored({ model: bert, tokenizer: bert.tokenizer }, text, {
    ...{ pair, ...rest, further: { similarity: true } },
  });
  return further?.similarity ?? null;
}

function apart(found: Similarity | Inseparable | null): Similarity {
  if (!found || "problem" in found) throw new Error(found?.problem ?? "nothing");
  return found;
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, one) => total + one, 0);

describe("the small embedding model", () => {
  let bert: Bert;
  beforeAll(async () => {
    bert = await loadBert(EMBEDDINGS, { backend: "plain" });
  });
  afterAll(() => bert.dispose());

  test.each([
    [A, B],
    ["The soup is cold.", "the soup is cold"],
    ["No.", "A text of several sentences. It is about nothing in particular, and goes on; it does not end."],
  ])("%s · %s: the parts add up to the pipeline's cosine", async (text, pair) => {
    const { pairs, cosine, texts, hasBias } = apart(similarityIn(bert, text, pair));
    await using compare = await pipeline("sentence-similarity", EMBEDDINGS, { backend: "plain" });
    const [truth] = await compare({ source_sentence: text, sentences: [pair] });
    expect(Math.abs(sum(pairs) - truth)).toBeLessThanOrEqual(ROUNDED);
    expect(Math.abs(cosine - truth)).toBeLessThanOrEqual(ROUNDED);
    expect(Math.abs(sum(pairs) - cosine)).toBeLessThanOrEqual(1e-14);
    expect(hasBias).toBe(true);
    expect(pairs.length).toBe((texts[0].pieces.length + 1) * (texts[1].pieces.length + 1));
  });

  test("each part is what plain loops over the Dense's file make of the hidden states", async () => {
    const { pairs, cosine } = apart(similarityIn(bert, A, B));
    const file = readSafetensors(readFileSync(join(EMBEDDINGS, "2_Dense", "model.safetensors")));
    const [W, b] = ["linear.weight", "linear.bias"].map((name) => file.toFloat32(name));
    const parts = await Promise.all(
      [A, B].map(async (text) => {
        const { lastHiddenState: h } = await bert.forward([bert.tokenizer.encode(text)]);
        const [, T, H] = h.shape;
        const given = Array.from({ length: T }, (_, t) =>
          Array.from({ length: 384 }, (_none, o) =>
            sum(Array.from({ length: H }, (_zero, i) => W[o * H + i] * (h.data[t * H + i] / T))),
          ),
        );
        return [...given, [...b]];
      }),
    );
    const vectors = parts.map((rows) => rows[0].map((_, o) => sum(rows.map((row) => row[o]))));
    const lengths = vectors.map((vector) => Math.hypot(...vector));
    const want = parts[0].flatMap((p) =>
      parts[1].map((q) => sum(p.map((x, o) => (x / lengths[0]) * (q[o] / lengths[1])))),
    );
    expect(pairs.length).toBe(want.length);
    for (const [at, value] of pairs.entries())
      if (!(Math.abs(value - want[at]) <= 1e-13)) expect.fail(`${at}: ${value}, not ${want[at]}`);
    expect(Math.abs(cosine - sum(want))).toBeLessThanOrEqual(1e-13);
  });

  test("a hidden word is hidden here too, wherever it stands", () => {
    // "house" is the sixth token of A, "locked" the fourth of B, which begins behind A's [SEP].
    const T = bert.tokenizer.encode(A).length;
    const found = apart(similarityIn(bert, A, B, { masks: [6, T + 3] }));
    const written = apart(similarityIn(bert, A.replace("house", "[MASK]"), B.replace("locked", "[MASK]")));
    expect(found.texts.map(({ pieces }) => pieces.filter((piece) => piece === "[MASK]").length)).toEqual([1, 1]);
    expect(found.pairs).toEqual(written.pairs);
  });

  test("the texts in each other's place: the matrix is turned over", () => {
    const [one, other] = [similarityIn(bert, A, B), similarityIn(bert, B, A)].map(apart);
    const [n, m] = one.texts.map(({ pieces }) => pieces.length + 1);
    expect(other.cosine).toBeCloseTo(one.cosine, 14);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < m; j++) expect(other.pairs[j * n + i]).toBeCloseTo(one.pairs[i * m + j], 14);
  });

  test("without a second text there is none", () => {
    expect(similarityIn(bert, A, "")).toBeNull();
  });

  describe.each([328, 720, 1200])("%d pixels wide", (width) => {
    test("the matrix has every number once, and its colours go by the legend", () => {
      const similarity = apart(similarityIn(bert, A, B));
      const scene = similarityMatrix(similarity, width);
      const { values, strengths, rows, columns, ref } = matrixIn(scene);
      expect(values).toEqual(Float32Array.from(similarity.pairs));
      const most = Math.max(...similarity.pairs.map(Math.abs));
      expect(scene.brightest).toBe(String(Number(most.toPrecision(3))));
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          expect(ref(i, j).at).toEqual([i, j]);
          const strength = (similarity.pairs[i * columns + j] / most + 1) / 2;
          expect(strengths[i * columns + j]).toBeCloseTo(strength, 6);
        }
      expect(scene.width).toBeLessThanOrEqual(width);
      const text = scene.legend.join(" ");
      expect(text).toContain(`All numbers together are ${similarity.cosine.toFixed(6)}`);
      expect(text).toContain("mean, Dense 256 → 384, Normalize.");
      expect(text).toContain("carries the words around it");
    });

    test("the sums beside the matrix are those of its rows, and add up to the cosine", () => {
      const similarity = apart(similarityIn(bert, A, B));
      const { columns } = matrixIn(similarityMatrix(similarity, width));
      const [rowSums, columnSums] = sumsOf(similarity);
      for (const [i, one] of rowSums.entries())
        expect(one).toBeCloseTo(sum(similarity.pairs.subarray(i * columns, (i + 1) * columns)), 14);
      for (const sums of [rowSums, columnSums]) expect(sum(sums)).toBeCloseTo(similarity.cosine, 12);
      const shown = textsIn(similarityMatrix(similarity, width));
      for (const one of rowSums) expect(shown).toContain(one.toFixed(3).replace("-", "−"));
    });

    test("the strongest pairs stand first, and what the rest gives is told", () => {
      const similarity = apart(similarityIn(bert, A, B));
      const scene = strongestPairs(similarity, width);
      const bars = scene.shapes.filter((shape): shape is BarShape => shape.kind === "bar");
      const sorted = [...similarity.pairs].sort((a, b) => Math.abs(b) - Math.abs(a));
      expect(bars.map(({ value }) => value)).toEqual(sorted.slice(0, 12));
      const m = similarity.texts[1].pieces.length + 1;
      for (const { value, ref, width: length, x } of bars) {
        expect(similarity.pairs[ref.at[0] * m + ref.at[1]]).toBe(value);
        expect(length / bars[0].width).toBeCloseTo(Math.abs(value / bars[0].value), 10);
        expect([x >= 0, x + length <= width + 1e-9]).toEqual([true, true]);
      }
      expect(textsIn(scene)).toContain(`the other ${similarity.pairs.length - 12} pairs`);
      expect(textsIn(scene)).toContain(sum(sorted.slice(12)).toFixed(4).replace("-", "−"));
    });
  });

  test.each(Object.entries(HOSTILE))("a text %s is shown, and adds up", (_, text) => {
    for (const [a, b] of [
      [text, B],
      [A, text],
    ]) {
      const found = similarityIn(bert, a, b);
      if (b === "") expect(found).toBeNull();
      else {
        const similarity = apart(found);
        expect(Math.abs(sum(similarity.pairs) - similarity.cosine)).toBeLessThanOrEqual(1e-12);
        expect(similarityMatrix(similarity, 328).shapes.length).toBeGreaterThan(0);
        const cut = similarity.texts.some(({ pieces, whole }) => whole > pieces.length);
        expect(/is cut after 256 of \d+ tokens/.test(similarityMatrix(similarity).legend.join(" "))).toBe(cut);
      }
    }
  });
});

const matrixIn = ({ shapes }: Scene): MatrixShape => shapes.find(({ kind }) => kind === "matrix") as MatrixShape;
const textsIn = ({ shapes }: Scene): string[] => shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));

describe("folders of sentence-transformers", async () => {
  const root = await mkdtemp(join(tmpdir(), "plainbert-similarity-"));
  afterAll(() => rm(root, { recursive: true }));
  const golden = join(import.meta.dirname, "..", "pipelines", "reference", "embeddings.jsonl");
  const [{ texts }, ...lines] = readFileSync(golden, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

  test.each(SENTENCE_FORMS)(
    "%s: the sum is the cosine of sentence-transformers' vectors, or it is told why not",
    async (form) => {
      const { vectors } = lines.find((line) => line.form === form && JSON.stringify(line.options) === "{}");
      await using bert = await loadBert(await sentenceFolder(root, form), { backend: "plain" });
      const isWhole =
        /^(dense|dense_bin|dense_of_others|dense_residual|several_dense|layer_norm|max|pooling_mode|hidden_state_from_end|without_prompt)$/;
      for (const [a, b] of [
        [0, 1],
        [0, 2],
        [3, 0],
        [4, 1],
      ]) {
        const found = similarityIn(bert, texts[a], texts[b]);
        if (found && "problem" in found) {
          expect(found.problem).toMatch(
            /^This model's cosine is no sum over pairs of tokens: the module .+ keeps no sum/,
          );
          expect(form).toMatch(isWhole);
        } else {
          expect(form).not.toMatch(isWhole);
          const truth =
            sum(vectors[a].map((x: number, d: number) => x * vectors[b][d])) /
            (Math.hypot(...vectors[a]) * Math.hypot(...vectors[b]));
          const similarity = apart(found);
          expect(Math.abs(sum(similarity.pairs) - truth)).toBeLessThanOrEqual(1e-6); // the model's own float32
          expect(Math.abs(similarity.cosine - truth)).toBeLessThanOrEqual(1e-6);
          expect(similarity.isListed).toBe(form !== "plain");
        }
      }
    },
  );
});

test("the strongest pairs are named by text A's token and its position, then text B's", async () => {
  const { model } = await small();
  const found = apart(similarityIn(model as Bert, A, B));
  const [rows, columns] = namesOf(found);
  const [{ row, column }] = rankedPairs(found);
  const texts = strongestPairs(found, 800).shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
  expect(texts).toContain(`${rows[row]} ${row} · ${columns[column]} ${column}`);
});

test("a model that predicts words: the mean of all tokens, which is told", async () => {
  const { model } = await small();
  const found = apart(similarityIn(model as Bert, A, B));
  expect(found.recipe).toEqual(["mean"]);
  expect(found.isListed).toBe(false);
  expect(found.hasBias).toBe(false);
  expect(similarityMatrix(found).legend.join(" ")).toContain("the model was not trained to compare texts");
});
