import type { Activation, ActivationBackward } from "../../kernels/activations.ts";
import type { AdamWUpdate } from "../../kernels/adamw.ts";
import { longest } from "../../kernels/attention.ts";
import { IGNORED } from "../../kernels/crossEntropy.ts";
import { type DropoutMask, rowWords } from "../../kernels/dropout.ts";
import { OTHER_ACTIVATIONS, type OtherActivation } from "../../kernels/otherActivations.ts";
import { gatherRowsBackward } from "../../kernels/rows.ts";
import { log } from "../../kernels/transcendental.ts";
import type { Tensor } from "../../tensor.ts";
import type { TrainingScope } from "../../trainingBackend.ts";
import type { TrainingKernels } from "../kernelNames.ts";
import { numberOfActivation } from "../multiplyRange.ts";
import { PACKS, type Pack } from "../packing.ts";
import { PANEL } from "../panels.ts";
import { SimdBackend } from "../simdBackend.ts";
import { CHUNK_ELEMENTS, CHUNK_PRODUCTS, runRange, type SimdCore } from "../simdCore.ts";

import { DROPOUT_NUMBERS } from "./emitDropout.ts";
import type { TrainingAttention } from "./trainingAttention.ts";
import { ROW_BLOCK, SQUARES_BLOCK, type TrainingRangeKernels } from "./trainingRanges.ts";
import { UNIT_PANELS } from "./unpackedProduct.ts";

/** What a training backend and its scopes share: a `SimdCore` with the kernels for training. */
export interface SimdTrainingCore extends SimdCore {
  readonly ranges: SimdCore["ranges"] & TrainingRangeKernels;
  readonly training: TrainingKernels;
}

/**
 * `simd` with the kernels for training, each the twin of the one in kernels/ that has its name. Weights change at every
 * step and are read by rows and by columns, so they are never packed: each product packs the factor that it multiplies
 * by, a share of 1/R of its work where it has R rows.
 */
export class SimdTrainingBackend extends SimdBackend implements TrainingScope {
  private readonly trainingCore: SimdTrainingCore;

  constructor(core: SimdTrainingCore, parent: SimdTrainingBackend | null = null) {
    super(core, parent);
    this.trainingCore = core;
  }

  override scope(): TrainingScope {
    return this.opened(new SimdTrainingBackend(this.trainingCore, this));
  }

  override packWeight(weight: Tensor): Tensor {
    return weight;
  }

  override linear(
    y: Float32Array,
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    R: number,
    I: number,
    O: number,
    activation: Activation | null = null,
  ): void {
    const addresses = [y, bias, x, weight].map(({ byteOffset }) => byteOffset);
    this.product("packRows", addresses, [O, 0, I, I], R, I, O, numberOfActivation(activation));
  }

  linearBackwardInput(dx: Float32Array, dy: Float32Array, weight: Float32Array, R: number, I: number, O: number): void {
    const addresses = [dx, dx, dy, weight].map(({ byteOffset }) => byteOffset);
    this.product("packColumns", addresses, [I, I, O, I], R, O, I, 0);
  }

  linearBackwardWeight(
    dweight: Float32Array | null,
    dbias: Float32Array | null,
    dy: Float32Array,
    x: Float32Array,
    R: number,
    I: number,
    O: number,
  ): void {
    if (R === 0) return;
    if (dweight) {
      // dyᵀ, its rows a little apart, as those of a power of 2 would share cache sets.
      const stride = Math.ceil(R / PANEL) * PANEL + PANEL;
      const transposed = this.scratch.transposed(O * stride).byteOffset;
      const units = Math.ceil(O / PANEL);
      const grain = Math.ceil(CHUNK_ELEMENTS / (R * PANEL));
      this.run("transpose", [transposed, dy.byteOffset, stride * 4, O * 4, R, O], units, grain);
      const addresses = [dweight.byteOffset, dweight.byteOffset, transposed, x.byteOffset];
      this.product("packColumns", addresses, [I, I, stride, I], O, R, I, 0);
    }
    if (dbias) {
      const blocks = Math.ceil(R / ROW_BLOCK);
      const sums = this.scratch.sums(blocks * O);
      const grain = Math.ceil(CHUNK_ELEMENTS / (ROW_BLOCK * O));
      this.run("columnSums", [sums.byteOffset, dy.byteOffset, R, O], blocks, grain);
      addBlocks(dbias, sums, 0, O, blocks);
    }
  }

  attentionWithDropout(
    out: Float32Array,
    query: Float32Array,
    key: Float32Array,
    value: Float32Array,
    offsets: Int32Array,
    H: number,
    A: number,
    mask: DropoutMask,
    readOffsets: Int32Array = offsets,
  ): void {
    this.heads("attentionWithDropout", [out, query, key, value], offsets, H, A, mask, readOffsets);
  }

  attentionBackward(
    dquery: Float32Array,
    dkey: Float32Array,
    dvalue: Float32Array,
    dout: Float32Array,
    query: Float32Array,
    key: Float32Array,
    value: Float32Array,
    offsets: Int32Array,
    H: number,
    A: number,
    mask: DropoutMask | null,
    readOffsets: Int32Array = offsets,
  ): void {
    const arrays = [dquery, dkey, dvalue, dout, query, key, value];
    this.heads("attentionBackward", arrays, offsets, H, A, mask, readOffsets);
  }

  layerNormBackward(
    dx: Float32Array,
    dgamma: Float32Array | null,
    dbeta: Float32Array | null,
    dy: Float32Array,
    x: Float32Array,
    gamma: Float32Array,
    R: number,
    H: number,
    eps: number,
  ): void {
    const blocks = Math.ceil(R / ROW_BLOCK);
    const sums = this.scratch.sums(blocks * 2 * H);
    const addresses = [dx, sums, dy, x, gamma].map(({ byteOffset }) => byteOffset);
    this.run("layerNormBackward", [...addresses, R, H, eps], blocks, Math.ceil(CHUNK_ELEMENTS / (ROW_BLOCK * H)));
    if (dgamma) addBlocks(dgamma, sums, 0, 2 * H, blocks);
    if (dbeta) addBlocks(dbeta, sums, H, 2 * H, blocks);
  }

  geluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
    this.elementwiseBackward("geluBackward", dx, dy, x);
  }

  geluNewBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
    this.elementwiseBackward("geluNewBackward", dx, dy, x);
  }

  reluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
    this.elementwiseBackward("reluBackward", dx, dy, x);
  }

  siluBackward(dx: Float32Array, dy: Float32Array, x: Float32Array): void {
    this.elementwiseBackward("siluBackward", dx, dy, x);
  }

  tanhBackward(dx: Float32Array, dy: Float32Array, y: Float32Array): void {
    this.elementwiseBackward("tanhBackward", dx, dy, y);
  }

  /** The loop is that of `plain`, cut for the threads. */
  activateBackward(dx: Float32Array, dy: Float32Array, x: Float32Array, act: OtherActivation): void {
    const args = [dx.byteOffset, dy.byteOffset, x.byteOffset, OTHER_ACTIVATIONS.indexOf(act)];
    this.run("activateBackward", args, x.length, CHUNK_ELEMENTS);
  }

  /** This kernel is that of `plain`. For the base model, 1024 tokens and three tables it takes 0.1 % of a step. */
  gatherRowsBackward(dtable: Float32Array, dy: Float32Array, indices: Int32Array, H: number): void {
    gatherRowsBackward(dtable, dy, indices, H);
  }

  dropout(y: Float32Array, x: Float32Array, mask: DropoutMask): void {
    const units = Math.ceil(x.length / DROPOUT_NUMBERS);
    const args = [y.byteOffset, x.byteOffset, x.length, ...maskArguments(mask)];
    this.run("dropout", args, units, CHUNK_ELEMENTS / DROPOUT_NUMBERS);
  }

  crossEntropy(
    dlogits: Float32Array,
    logits: Float32Array,
    labels: Int32Array,
    R: number,
    C: number,
    scale: number,
  ): { loss: number; correct: number } {
    const maxima = this.scratch.sums(R);
    const labelled = this.scratch.exponentials(R);
    let loss = 0;
    let correct = 0;
    const atLabel = new Float32Array(R);
    for (let r = 0; r < R; r++) {
      const row = r * C;
      maxima[r] = this.trainingCore.training.largest(logits.byteOffset + row * 4, C);
      if (labels[r] === IGNORED) continue;
      atLabel[r] = logits[row + labels[r]];
      if (atLabel[r] === maxima[r] && logits.subarray(row, row + C).indexOf(maxima[r]) === labels[r]) correct++;
    }
    const addresses = [dlogits.byteOffset, logits.byteOffset, labelled.byteOffset, maxima.byteOffset];
    this.run("crossEntropy", [...addresses, C, scale], R, Math.ceil(CHUNK_ELEMENTS / C));
    const sums = new Float64Array(labelled.buffer, labelled.byteOffset, R);
    for (let r = 0; r < R; r++) {
      const row = r * C;
      if (labels[r] === IGNORED) {
        dlogits.fill(0, row, row + C);
        continue;
      }
      loss += log(sums[r]) + maxima[r] - atLabel[r];
      dlogits[row + labels[r]] -= scale;
    }
    return { loss, correct };
  }

  sumOfSquares(x: Float32Array): number {
    const blocks = Math.ceil(x.length / SQUARES_BLOCK);
    const sums = this.scratch.sums(blocks);
    const grain = (4 * CHUNK_ELEMENTS) / SQUARES_BLOCK;
    this.run("squares", [sums.byteOffset, x.byteOffset, x.length], blocks, grain);
    let total = 0;
    for (let b = 0; b < blocks; b++) total += sums[b];
    return total;
  }

  adamw(
    weight: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    gradient: Float32Array,
    { gradientScale, beta1, beta2, epsilon, stepSize, correction, decay }: AdamWUpdate,
  ): void {
    const addresses = [weight, firstMoment, secondMoment, gradient].map(({ byteOffset }) => byteOffset);
    const numbers = [gradientScale, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, stepSize, 1 / correction, decay];
    this.run("adamw", [...addresses, ...numbers], weight.length, 4 * CHUNK_ELEMENTS);
  }

  private run(kernel: keyof TrainingRangeKernels, args: readonly number[], total: number, grain: number): void {
    runRange(this.trainingCore, kernel, args, total, grain);
  }

  private elementwiseBackward(kernel: ActivationBackward, dx: Float32Array, dy: Float32Array, x: Float32Array): void {
    this.run(kernel, [dx.byteOffset, dy.byteOffset, x.byteOffset], x.length, CHUNK_ELEMENTS);
  }

  /**
   * Computes c [M, N] = act(init + a b), see unpackedProduct.ts.
   *
   * @param addresses of c, init, a and source
   * @param strides   from row to row of c, init, a and source, in numbers
   */
  private product(
    pack: Pack,
    addresses: readonly number[],
    strides: readonly number[],
    M: number,
    K: number,
    N: number,
    activation: number,
  ): void {
    if (M === 0) return;
    const units = Math.ceil(N / (UNIT_PANELS * PANEL));
    const grain = Math.ceil((CHUNK_PRODUCTS * units) / (M * K * N));
    const bytes = strides.map((stride) => stride * 4);
    this.run("product", [...addresses, ...bytes, M, K, N, PACKS.indexOf(pack), activation], units, grain);
  }

  private heads(
    kernel: TrainingAttention,
    arrays: readonly Float32Array[],
    offsets: Int32Array,
    H: number,
    A: number,
    mask: DropoutMask | null,
    readOffsets: Int32Array,
  ): void {
    const T = longest(offsets);
    const B = offsets.length - 1;
    const places = this.scratch.offsets(2 * offsets.length);
    const integers = new Int32Array(places.buffer, places.byteOffset); // threads read them from the shared memory
    integers.set(offsets);
    integers.set(readOffsets, offsets.length);
    const addresses = [...arrays, places].map(({ byteOffset }) => byteOffset);
    const dropout = mask ? maskArguments(mask) : [0, 0, 0, 0, 0];
    const grain = Math.ceil(CHUNK_PRODUCTS / (2 * T * T * (H / A)));
    this.run(kernel, [...addresses, B, H, A, rowWords(T), ...dropout], B * A, grain);
  }
}

/** seed, step, site, most, scale of emitDropout.ts: a word w is kept if w ≥ p · 2³², so if w > ⌈p · 2³²⌉ − 1. */
function maskArguments({ probability, seed, step, site }: DropoutMask): number[] {
  return [seed, step, site, Math.ceil(probability * 0x100000000) - 1, 1 / (1 - probability)];
}

/** to[i] += Σ_b sums[b, i], in float64. @param stride from block to block */
function addBlocks(to: Float32Array, sums: Float32Array, offset: number, stride: number, blocks: number): void {
  for (let i = 0; i < to.length; i++) {
    let sum = 0;
    for (let b = 0, at = offset + i; b < blocks; b++, at += stride) sum += sums[at];
    to[i] += sum;
  }
}
