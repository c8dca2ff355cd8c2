import { describe, expect, test } from "vitest";
import { batchesWithoutDuplicates, leastBatches, numbersOf } from "../../../src/training/sentence/noDuplicates.ts";
import {
  type VectorLossName,
  type VectorLossSettings,
  vectorLoss,
} from "../../../src/training/sentence/vectorLosses.ts";
import { seeded } from "../../support/seeded.ts";

const settings = (name: VectorLossName, changes: Partial<VectorLossSettings> = {}): VectorLossSettings => ({
  ...{ name, scale: 20, matryoshka: null },
  ...changes,
});
const vectorsOf = (...rows: number[][]) => rows.map((row) => Float64Array.from(row));

describe("losses by hand", () => {
  test("ranking: each anchor among two documents", () => {
    // cosines 1 and 0 of the first anchor, 0.6 and 0.8 of the second; lengths do not matter
    const vectors = vectorsOf([2, 0], [5, 0], [0.6, 0.8], [0, 3]);
    const { loss, terms } = vectorLoss(settings("MultipleNegativesRankingLoss", { scale: 5 }), { vectors, groups: [2, 2], scores: null }); // biome-ignore format: one line
    const first = -Math.log(Math.exp(5) / (Math.exp(5) + 1));
    const second = -Math.log(Math.exp(4) / (Math.exp(4) + Math.exp(3)));
    expect(Array.from(terms as Float64Array)).toEqual([expect.closeTo(first, 14), expect.closeTo(second, 14)]);
    expect(loss).toBeCloseTo((first + second) / 2, 14);
  });

  test("ranking: the negatives of one are those of all, and they may be of different number", () => {
    const vectors = vectorsOf([1, 0], [1, 0], [0, 1], [0, 1], [0, 1]);
    const { loss } = vectorLoss(settings("MultipleNegativesRankingLoss", { scale: 1 }), { vectors, groups: [3, 2], scores: null }); // biome-ignore format: one line
    const [e] = [Math.E];
    expect(loss).toBeCloseTo((-Math.log(e / (e + 2)) - Math.log(e / (1 + 2 * e))) / 2, 14);
  });

  test("CoSENT: only pairs of different scores count; without any the loss is 0", () => {
    const vectors = vectorsOf([1, 0], [0, 1], [1, 0], [1, 0], [1, 0], [0.6, 0.8]); // cosines 0, 1, 0.6
    const loss = (scores: number[]) => vectorLoss(settings("CoSENTLoss", { scale: 2 }), { vectors, groups: [2, 2, 2], scores }); // biome-ignore format: one line
    expect(loss([0.5, 0.5, 0.1]).loss).toBeCloseTo(Math.log(1 + Math.exp(1.2) + Math.exp(1.2 - 2)), 14);
    const { loss: none, dvectors } = loss([3, 3, 3]);
    expect([none, ...dvectors.flatMap((row) => Array.from(row, Math.abs))]).toEqual(new Array(13).fill(0));
  });

  test("cosine: the squared error", () => {
    const vectors = vectorsOf([1, 0], [3, 4], [0, 2], [0, -1]);
    const batch = { vectors, groups: [2, 2], scores: [0.5, -1] };
    const { loss, terms } = vectorLoss(settings("CosineSimilarityLoss"), batch);
    expect(Array.from(terms as Float64Array)).toEqual([expect.closeTo(0.01, 15), 0]);
    expect(loss).toBeCloseTo(0.005, 15);
  });

  test("Matryoshka: the weighted sum of the losses of shorter vectors; what no dimension has gets no gradient", () => {
    const random = seeded(3);
    const vectors = Array.from({ length: 6 }, () =>
      Float64Array.from({ length: 5 }, () => (random(2001) - 1000) / 2000),
    );
    const batch = { vectors, groups: [2, 2, 2], scores: [0.1, 0.9, 0.4] };
    for (const name of ["MultipleNegativesRankingLoss", "CoSENTLoss", "CosineSimilarityLoss"] as const) {
      const matryoshka = [{ dim: 4, weight: 2 }, { dim: 1, weight: 0.5 }]; // biome-ignore format: one line
      const both = vectorLoss(settings(name, { matryoshka }), batch);
      const cut = (dim: number) => vectorLoss(settings(name), { ...batch, vectors: vectors.map((v) => v.slice(0, dim)) }).loss; // biome-ignore format: one line
      expect(both.loss, name).toBeCloseTo(2 * cut(4) + 0.5 * cut(1), 12);
      for (const [n, d] of both.dvectors.entries()) expect([d[4], d.length, n]).toEqual([0, 5, n]);
    }
  });

  test("a vector of zeros has no direction: the loss is finite", () => {
    const vectors = vectorsOf([0, 0], [1, 0], [0, 1], [0, 1]);
    for (const name of ["MultipleNegativesRankingLoss", "CoSENTLoss", "CosineSimilarityLoss"] as const) {
      const { loss } = vectorLoss(settings(name), { vectors, groups: [2, 2], scores: [0, 1] });
      expect(Number.isFinite(loss), name).toBe(true);
    }
  });
});

describe("batches without duplicates", () => {
  const random = seeded(11);
  const examples = Array.from({ length: 500 }, () => [`q${random(120)}`, `d${random(300)}`, `n${random(300)}`]); // biome-ignore format: one line
  const texts = numbersOf(examples);
  const order = Array.from(examples.keys()).sort((i, j) => ((i * 7919) % 503) - ((j * 7919) % 503));

  test("have each example once and no text twice; they are full while there is enough to choose from", () => {
    const batches = batchesWithoutDuplicates(order, texts, 16);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(Array.from(examples.keys()));
    for (const batch of batches) {
      const all = batch.flatMap((i) => [...new Set(examples[i])]);
      expect(new Set(all).size).toBe(all.length);
    }
    expect(batches.slice(0, 12).every(({ length }) => length === 16)).toBe(true);
    expect(batchesWithoutDuplicates(order, texts, 16)).toEqual(batches);
  });

  test("their least number: that of the examples, or of those that share a text", () => {
    expect(leastBatches([[0, 1], [2, 3], [4, 5]], 2)).toBe(2); // biome-ignore format: one line
    expect(leastBatches([[0, 1], [0, 2], [0, 0], [3, 4]], 4)).toBe(3); // biome-ignore format: one line
    expect(batchesWithoutDuplicates(order, texts, 16).length).toBeGreaterThanOrEqual(leastBatches(texts, 16));
  });

  test("without duplicates the order is cut as it is; a text twice in one example is no obstacle", () => {
    expect(batchesWithoutDuplicates([2, 0, 1, 3], [[0, 0], [1], [2], [3]], 3)).toEqual([[2, 0, 1], [3]]); // biome-ignore format: one line
  });

  test("of examples that all share a text each is a batch of its own, in a time that grows with their number alone", () => {
    const same = Array.from({ length: 20_000 }, (_, i) => [0, i + 1]);
    const start = performance.now();
    expect(batchesWithoutDuplicates(Array.from(same.keys()), same, 8).length).toBe(20_000);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});
