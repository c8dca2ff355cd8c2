import type { BackendScope } from "../backend.ts";
import { decodeHalves } from "../numberFormats.ts";
import { decodeWeight, emptyRows, encodeRows } from "../storage.ts";
import { sizeOf, type Tensor } from "../tensor.ts";
import { gelu, geluNew, relu, silu, tanh } from "./activations.ts";
import { attention } from "./attention.ts";
import { layerNorm } from "./layerNorm.ts";
import { linear, matmul, matmulTransposed } from "./matmul.ts";
import { activate } from "./otherActivations.ts";
import { add, gatherRows } from "./rows.ts";
import { softmaxRows } from "./softmax.ts";
import { gatherStored, linearStored } from "./storedWeights.ts";

function zeros(shape: readonly number[]): Tensor {
  return { data: new Float32Array(sizeOf(shape)), shape };
}

/**
 * The reference backend: plain loops on one thread, all arithmetic in float64 and rounded where it is stored. Built
 * from +, −, ×, ÷ and √ alone, which IEEE 754 defines to the last bit, it gives the same bits on every machine and
 * engine.
 */
export const plain: BackendScope = {
  info: { name: "plain", width: 64, fused: false, threads: 1, reason: "asked for" },
  zeros,
  empty: zeros,
  free: () => {}, // the garbage collector does it
  scope: () => plain,
  release: () => {},
  packWeight: (weight) => weight,
  decodeHalves,
  allFinite: (data) => data.every(Number.isFinite),
  unpackWeight: (weight) => {
    if (!weight.dtype || weight.dtype === "float32") return weight.data;
    const data = new Float32Array(weight.data.length);
    decodeWeight(data, weight);
    return data;
  },
  emptyStored: emptyRows,
  encodeRows,
  rowsOf: (weight) => weight,
  sharing: null,
  dispose: async () => {},
  linear,
  linearStored,
  matmul,
  matmulTransposed,
  softmaxRows,
  attention,
  layerNorm,
  gelu,
  geluNew,
  relu,
  silu,
  tanh,
  activate,
  add,
  gatherRows,
  gatherStored,
};
