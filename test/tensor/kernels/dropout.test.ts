import { expect, test } from "vitest";
import { type DropoutMask, dropout, dropoutWindow } from "../../../src/tensor/kernels/dropout.ts";
import { numbers } from "./cases.ts";

const MASK: DropoutMask = { probability: 0.1, seed: 1, step: 2, site: 3 };

function kept(mask: DropoutMask, count = 64): string {
  const ones = new Float32Array(count).fill(1);
  dropout(ones, ones, mask);
  return Array.from(ones, (y) => (y === 0 ? "." : "1")).join("");
}

test.each([0.1, 0.5, 0.9])("a share of %f is zero, the rest is scaled so that the mean stays", (probability) => {
  const N = 100_000;
  const x = numbers(N, 1).map((v) => v + 2);
  const y = new Float32Array(N);
  dropout(y, x, { ...MASK, probability });
  const zeros = y.filter((v) => v === 0).length;
  const sigma = Math.sqrt(N * probability * (1 - probability));
  expect(Math.abs(zeros - N * probability)).toBeLessThan(4 * sigma);
  const scale = 1 / (1 - probability);
  expect(y).toEqual(x.map((v, i) => (y[i] === 0 ? 0 : v * scale)));
});

test("the mask is a function of seed, step, site and index alone", () => {
  const mask = kept(MASK);
  expect(kept(MASK)).toBe(mask);
  expect(kept(MASK, 61)).toBe(mask.slice(0, 61));
  for (const other of [{ seed: 2 }, { step: 3 }, { site: 4 }]) expect(kept({ ...MASK, ...other })).not.toBe(mask);
  // Pinned, as a run that goes on must go on with the same masks.
  expect(mask).toBe("11111111111111111111.11.1111111111111111.11111.111111111.111.111");
});

test("neighbouring words are independent: pairs are both zero in p² of the cases", () => {
  const N = 200_000;
  const zero = Array.from(kept({ ...MASK, probability: 0.5 }, N), (c) => c === ".");
  for (const distance of [1, 2, 8, 768]) {
    let both = 0;
    for (let i = distance; i < N; i++) if (zero[i] && zero[i - distance]) both++;
    const expected = (N - distance) / 4;
    expect(Math.abs(both - expected), `distance ${distance}`).toBeLessThan(5 * Math.sqrt(expected));
  }
});

test("in a window, each row starts at a whole vector of words", () => {
  const [rows, cols, stride] = [3, 5, 7];
  const data = new Float32Array(rows * stride).fill(1);
  const window = { data, offset: 1, rows, cols, stride };
  dropoutWindow(window, window, 2, 11, MASK); // rows 2 … 4 of a site whose longest row has 11 columns, so 16 words
  const all = kept(MASK, 5 * 16);
  for (let r = 0; r < rows; r++) {
    const got = Array.from(data.subarray(1 + r * stride, 1 + r * stride + cols), (y) => (y === 0 ? "." : "1")).join("");
    expect(got).toBe(all.slice((2 + r) * 16, (2 + r) * 16 + cols));
  }
  expect([data[0], data[6], data[7]], "outside").toEqual([1, 1, 1]);
});
