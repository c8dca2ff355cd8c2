import { ACTIVATIONS_BACKWARD, type ActivationBackward } from "../../kernels/activations.ts";
import { activateBackward, OTHER_ACTIVATIONS } from "../../kernels/otherActivations.ts";
import { type Kernels, type TrainingKernels, type TrainingRangeKernelName, tableOf } from "../kernelNames.ts";
import type { TensorMemory } from "../memory.ts";
import type { RangeKernel } from "../rangeKernels.ts";

import { DROPOUT_NUMBERS } from "./emitDropout.ts";
import { trainingAttention } from "./trainingAttention.ts";
import { unpackedProduct } from "./unpackedProduct.ts";

/**
 * Gradients of γ, β and biases are summed up in float32 over blocks of so many rows; the blocks' sums are added in
 * float64.
 */
export const ROW_BLOCK = 32;
/** Squares are summed up in float32 over blocks of so many numbers; the blocks' sums are added in float64. */
export const SQUARES_BLOCK = 1024;
/** Exponentials are summed up in float32 over blocks of so many logits; the blocks' sums are added in float64. */
const LOGITS_BLOCK = 1024;

/** The range kernels of training by name. */
export type TrainingRangeKernels = Readonly<Record<TrainingRangeKernelName, RangeKernel>>;

/** The range kernels of training: each computes outputs begin … end − 1, as those of `rangeKernels` do. */
export function trainingRanges(k: Kernels, t: TrainingKernels, memory: TensorMemory): TrainingRangeKernels {
  const elementwise =
    (name: ActivationBackward): RangeKernel =>
    (dx, dy, x, begin, end) =>
      t[name](dx + begin * 4, dy + begin * 4, x + begin * 4, end - begin);
  const tail = memory.allocate(DROPOUT_NUMBERS);
  const block = (begin: number, rows: number) => [begin * ROW_BLOCK, Math.min(rows, (begin + 1) * ROW_BLOCK)];
  return {
    ...trainingAttention(k, t, memory),
    product: unpackedProduct(k, memory),

    /** An output is sixteen columns of `from` [rows, cols]. */
    transpose: (to, from, toStride, fromStride, rows, cols, begin, end) => {
      const first = begin * 16;
      t.transpose(
        to + first * toStride,
        from + first * 4,
        toStride,
        fromStride,
        rows,
        Math.min(cols, end * 16) - first,
      );
    },

    /** An output is the sums of a block of rows: a row of sums [blocks, cols], which is written. */
    columnSums: (sums, x, rows, cols, begin, end) => {
      for (let b = begin; b < end; b++) {
        const [from, to] = block(b, rows);
        const at = sums + b * cols * 4;
        new Float32Array(memory.memory.buffer, at, cols).fill(0);
        t.columnSums(at, x + from * cols * 4, cols * 4, to - from, cols);
      }
    },

    /** An output is a block of rows of dx, and its part of sums [blocks, 2, H]. */
    layerNormBackward: (dx, sums, dy, x, gamma, R, H, eps, begin, end) => {
      for (let b = begin; b < end; b++) {
        const [from, to] = block(b, R);
        const at = sums + b * 2 * H * 4;
        new Float32Array(memory.memory.buffer, at, 2 * H).fill(0);
        const row = from * H * 4;
        t.layerNormBackward(dx + row, at, dy + row, x + row, gamma, to - from, H, eps);
      }
    },

    ...tableOf(ACTIVATIONS_BACKWARD, elementwise),

    /** `act` is a number: the place in OTHER_ACTIVATIONS. */
    activateBackward: (dx, dy, x, act, begin, end) => {
      const arrays = [dx, dy, x].map((at) => new Float32Array(memory.memory.buffer, at + begin * 4, end - begin));
      activateBackward(arrays[0], arrays[1], arrays[2], OTHER_ACTIVATIONS[act]);
    },

    /** An output is sixteen of n numbers. */
    dropout: (y, x, n, seed, step, site, most, scale, begin, end) => {
      const first = begin * DROPOUT_NUMBERS;
      const whole = Math.min(n - (n % DROPOUT_NUMBERS), end * DROPOUT_NUMBERS);
      const key = [seed, step, site, most, scale];
      if (whole > first) t.dropout(y + first * 4, x + first * 4, 0, 1, whole - first, first / 2, 0, ...key);
      if (end * DROPOUT_NUMBERS <= n) return;
      const { buffer } = memory.memory;
      const at = Math.max(whole, first);
      tail.set(new Float32Array(buffer, x + at * 4, n - at));
      t.dropout(tail.byteOffset, tail.byteOffset, 0, 1, DROPOUT_NUMBERS, at / 2, 0, ...key);
      new Float32Array(buffer, y + at * 4, n - at).set(tail.subarray(0, n - at));
    },

    /**
     * An output is a row: softmax(logits) · scale in dlogits, and the sum of its exponentials in sums [R] of float64.
     */
    crossEntropy: (dlogits, logits, sums, maxima, C, scale, begin, end) => {
      const { buffer } = memory.memory;
      const max = new Float32Array(buffer, maxima);
      const sumOf = new Float64Array(buffer, sums);
      for (let r = begin; r < end; r++) {
        const row = r * C * 4;
        let sum = 0;
        for (let c = 0; c < C; c += LOGITS_BLOCK) {
          const at = row + c * 4;
          sum += t.exponentials(dlogits + at, logits + at, Math.min(LOGITS_BLOCK, C - c), max[r]);
        }
        sumOf[r] = sum;
        t.scaleBy(dlogits + row, C, scale / sum);
      }
    },

    /** An output is the sum of the squares of 1,024 numbers. */
    squares: (sums, x, n, begin, end) => {
      const out = new Float32Array(memory.memory.buffer, sums);
      for (let b = begin; b < end; b++) {
        const from = b * SQUARES_BLOCK;
        out[b] = t.squares(x + from * 4, Math.min(SQUARES_BLOCK, n - from));
      }
    },

    adamw: (weight, first, second, gradient, a, b, c, d, e, f, g, h, i, begin, end) => {
      const at = begin * 4;
      t.adamw(weight + at, first + at, second + at, gradient + at, end - begin, a, b, c, d, e, f, g, h, i);
    },
  };
}
