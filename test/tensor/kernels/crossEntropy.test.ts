import { expect, test } from "vitest";
import { crossEntropy, IGNORED } from "../../../src/tensor/kernels/crossEntropy.ts";
import { numbers } from "./cases.ts";

/** −ln of the softmax of the label, as its definition says. */
function lossOf(row: Float64Array, label: number): number {
  const total = row.reduce((sum, z) => sum + Math.exp(z), 0);
  return -Math.log(Math.exp(row[label]) / total);
}

test.each([
  [1, 1],
  [3, 2],
  [5, 7],
  [2, 211],
])("%i rows of %i classes against finite differences in float64", (R, C) => {
  const logits = numbers(R * C, 1, 5);
  const labels = Int32Array.from({ length: R }, (_, r) => (r === 1 ? IGNORED : (r * 5) % C));
  const got = new Float32Array(R * C).fill(9);
  const scale = 0.25;
  const { loss, correct } = crossEntropy(got, logits, labels, R, C, scale);
  let [wantLoss, wantCorrect] = [0, 0];
  for (let r = 0; r < R; r++) {
    const row = Float64Array.from(logits.subarray(r * C, (r + 1) * C));
    if (labels[r] === IGNORED) {
      expect(got.subarray(r * C, (r + 1) * C).every((g) => g === 0)).toBe(true);
      continue;
    }
    wantLoss += lossOf(row, labels[r]);
    if (row[labels[r]] === Math.max(...row)) wantCorrect++;
    for (let c = 0; c < C; c++) {
      const [up, down] = [row.slice(), row.slice()];
      up[c] += 1e-5;
      down[c] -= 1e-5;
      const want = (scale * (lossOf(up, labels[r]) - lossOf(down, labels[r]))) / 2e-5;
      expect(Math.abs(got[r * C + c] - want), `[${r}, ${c}]`).toBeLessThanOrEqual(1e-8);
    }
  }
  expect(Math.abs(loss - wantLoss)).toBeLessThanOrEqual(1e-12);
  expect(correct).toBe(wantCorrect);
  const inPlace = logits.slice();
  crossEntropy(inPlace, inPlace, labels, R, C, scale);
  expect(inPlace).toEqual(got);
});

test("logits that would overflow e^z", () => {
  const z = Float32Array.of(1000, 0, -3e38);
  expect(crossEntropy(z, z, Int32Array.of(1), 1, 3, 1)).toEqual({ loss: 1000, correct: 0 });
  expect(z).toEqual(Float32Array.of(1, -1, 0));
});

test("NaN makes the loss NaN", () => {
  const z = Float32Array.of(1, Number.NaN);
  expect(crossEntropy(z, z, Int32Array.of(0), 1, 2, 1).loss).toBeNaN();
});
