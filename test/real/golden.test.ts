import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { golden, HIDDEN, spearman, TEXTS, VECTORS } from "./golden.ts";
import { PUBLISHED } from "./publishedModel.ts";

test("the golden numbers belong together", () => {
  expect(TEXTS.length).toBe(30);
  expect(golden.ids.length).toBe(TEXTS.length);
  const numbers = golden.ids.flat().length * 384;
  expect(HIDDEN.length).toBe(7);
  for (const layer of HIDDEN) expect(layer.length).toBe(Math.ceil(numbers / golden.step));
  for (const [layer, rms] of golden.rms.entries()) expect(golden.rms_of_sample[layer] / rms).toBeCloseTo(1, 0);
  for (let i = 0; i < TEXTS.length; i++) {
    expect(VECTORS.subarray(i * 384, (i + 1) * 384).reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 12);
  }
});

test("the checksums stand in one place, and no pipeline of checks needs the network for them", () => {
  const root = join(import.meta.dirname, "../..");
  for (const checksum of [PUBLISHED.wheel, PUBLISHED.weights]) {
    expect(checksum).toMatch(/^[0-9a-f]{64}$/);
    const files = readdirSync(import.meta.dirname).filter((name) => /\.(ts|py)$/.test(name));
    expect(files.filter((name) => readFileSync(join(import.meta.dirname, name), "utf8").includes(checksum))).toEqual([
      "publishedModel.ts",
    ]);
  }
  expect(readFileSync(join(root, ".ci/run"), "utf8")).not.toContain("test:real");
});

test("Spearman's correlation, ties and all", () => {
  expect(spearman([1, 2, 3], [10, 20, 30])).toBe(1);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBe(-1);
  // scipy.stats.spearmanr([1, 2, 2, 4, 5], [2, 1, 3, 3, 5]).statistic
  expect(spearman([1, 2, 2, 4, 5], [2, 1, 3, 3, 5])).toBeCloseTo(0.7631578947368421, 14);
});
