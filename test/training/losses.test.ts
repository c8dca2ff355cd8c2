import { expect, test } from "vitest";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import {
  binaryCrossEntropyLoss,
  crossEntropyLoss,
  meanSquaredError,
  spanLoss,
  weightedCrossEntropyLoss,
} from "../../src/training/losses.ts";

/** Cases worked by hand; the whole model's tests compare with PyTorch. Logits are 0 or so large that e^z would overflow. */
const LN2 = Math.LN2;

test("crossEntropyLoss: the mean over labelled rows, and its gradient times scale", () => {
  const logits = { data: Float32Array.of(0, 0, 1000, 0, 0, 0, 5, 7), shape: [4, 2] };
  const { loss, count, correct } = crossEntropyLoss(plainTraining, logits, Int32Array.of(1, 1, 0, -100), 3);
  expect([count, correct]).toEqual([3, 1]); // of equal logits the first counts as the largest
  expect(loss).toBeCloseTo((LN2 + 1000 + LN2) / 3, 12);
  expect([...logits.data]).toEqual([0.5, -0.5, 1, -1, -0.5, 0.5, 0, 0]);
});

test("binaryCrossEntropyLoss: ln 2 at 0, |z| where a sigmoid is wrong, 0 where it is right", () => {
  const logits = { data: Float32Array.of(0, 1000, -1000, 1000), shape: [2, 2] };
  const { loss, count } = binaryCrossEntropyLoss(logits, [1, 0, 0, 1], 4);
  expect(count).toBe(4);
  expect(loss).toBeCloseTo((LN2 + 1000) / 4, 12);
  expect([...logits.data]).toEqual([-0.5, 1, 0, 0]);
});

test("binaryCrossEntropyLoss: what is positive counts so many times", () => {
  const logits = { data: Float32Array.of(0, 0, -1000, 1000), shape: [4, 1] };
  expect(binaryCrossEntropyLoss(logits, [1, 0.5, 1, 1], 4, 3).loss).toBeCloseTo((3 * LN2 + 2 * LN2 + 3000) / 4, 12);
  expect([...logits.data]).toEqual([-1.5, -0.5, -3, 0]);
});

test("weightedCrossEntropyLoss: a weighted mean, and its gradient times scale", () => {
  const logits = () => ({ data: Float32Array.of(0, 0, 1000, 0, 5, 7), shape: [3, 2] });
  const labels = Int32Array.of(1, 1, -100);
  const weights = { classWeights: [1, 3], labelSmoothing: 0 };
  const weighted = logits();
  const { loss: ofWeights, ...counts } = weightedCrossEntropyLoss(weighted, labels, weights, 2);
  expect(ofWeights).toBeCloseTo((LN2 + 1000) / 2, 9);
  expect(counts).toEqual({ count: 2, correct: 0 });
  expect([...weighted.data]).toEqual([0.5, -0.5, 1, -1, 0, 0]);
  const smooth = logits(); // targets are ¼ and ¾
  const { loss } = weightedCrossEntropyLoss(smooth, labels, { classWeights: null, labelSmoothing: 0.5 }, 2);
  expect(loss).toBeCloseTo((LN2 + 750) / 2, 9);
  expect([...smooth.data]).toEqual([0.25, -0.25, 0.75, -0.75, 0, 0]);
});

test("meanSquaredError", () => {
  const logits = { data: Float32Array.of(1, -2), shape: [2, 1] };
  expect(meanSquaredError(logits, [0.5, 1], 0.5)).toEqual({ loss: (0.25 + 9) / 2, count: 2 });
  expect([...logits.data]).toEqual([0.25, -1.5]);
});

test("spanLoss: each sequence's own softmax, the mean of start and end", () => {
  // Two sequences, of 2 and of 4 tokens; columns are start and end.
  const logits = { data: new Float32Array(12), shape: [6, 2] };
  const positions = [Int32Array.of(1, 0), Int32Array.of(-1, 3)] as const;
  const { start, end } = spanLoss(plainTraining, logits, Int32Array.of(0, 2, 6), positions, 1);
  expect(start.count).toBe(2);
  expect(start.loss).toBeCloseTo((Math.log(2) + Math.log(4)) / 2, 12);
  expect(end.count).toBe(1);
  expect(end.loss).toBeCloseTo(Math.log(4), 12);
  const column = (side: number) => Array.from({ length: 6 }, (_, row) => logits.data[row * 2 + side]);
  // (softmax − onehot) / 2 / count: halves and quarters, by 4 for starts and by 2 for ends
  expect(column(0)).toEqual([0.125, -0.125, -0.1875, 0.0625, 0.0625, 0.0625]);
  expect(column(1)).toEqual([0, 0, 0.125, 0.125, 0.125, -0.375]);
});
