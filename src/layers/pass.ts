import type { Backend } from "../tensor/backend.ts";
import type { DropoutMask } from "../tensor/kernels/dropout.ts";
import type { OtherActivation } from "../tensor/kernels/otherActivations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/** The activation functions that a checkpoint's `hidden_act` may name, each under one of its names. */
export type HiddenAct = "gelu" | "gelu_new" | "relu" | "silu" | "tanh" | OtherActivation;

/** What the layers read of config.json; `BertConfig` has it. */
export interface LayerConfig {
  readonly numAttentionHeads: number;
  readonly hiddenAct: HiddenAct;
  readonly layerNormEps: number;
  readonly poolerAct: "tanh" | "relu";
}

/** Some rows of a packed batch, sequence after sequence: the M rows that heads or the caller read. */
export interface ReadRows {
  /** [M], ascending. */
  readonly rows: Int32Array;
  /** [B + 1]: those of sequence b are rows offsets[b] … offsets[b+1] − 1. */
  readonly offsets: Int32Array;
}

/** What every step of one forward pass has in common. */
export interface Pass {
  /** The backend: the kernels, and the memory that results are in. */
  readonly k: Backend;
  readonly config: LayerConfig;
  /** [B + 1]: sequence b is rows offsets[b] … offsets[b+1] − 1 of the batch. */
  readonly offsets: Int32Array;
  /** The rows of the result that are read; null if all are. */
  readonly read: ReadRows | null;
  /** Receives every intermediate result; null where none is looked at. */
  readonly tap: Tap | null;
}

/** A forward pass through one Transformer block. */
export interface LayerPass extends Pass {
  /** [A], what each attention head's output is multiplied by: 0 silences a head. null for ones. */
  readonly headMask: ArrayLike<number> | null;
  /** What training adds: dropout, and a record for backward. null in inference. */
  readonly training: LayerTraining | null;
}

/** What training adds to a pass through one Transformer block. */
export interface LayerTraining {
  readonly kernels: TrainingBackend;
  readonly dropout: LayerDropout;
  /** Is filled by the forward pass; null if nothing below or in the block is trained. */
  readonly record: Partial<LayerRecord> | null;
}

/** The dropouts of a Transformer block; null where the probability is 0. */
export interface LayerDropout {
  /** Of the attention probabilities. */
  readonly probs: DropoutMask | null;
  /** After the attention's output projection, before the residual sum. */
  readonly attentionOutput: DropoutMask | null;
  /** After the feed-forward network, before the residual sum. */
  readonly output: DropoutMask | null;
}

/**
 * What the backward of a Transformer block needs of its forward: 7H + I numbers for each token, 44H bytes where I = 4H.
 * BERT-base keeps 34 KB for each token and layer, 406 KB in all. What is cheap is computed again instead: attention
 * probabilities (A · T numbers for each token), x′, and the activation function (I numbers).
 */
export interface LayerRecord {
  /** [R, H], what the layer before returned: the rows that are attended to. */
  readonly all: Tensor;
  /** [M, H], those of them that the block computes; `all` itself if all are read. */
  readonly x: Tensor;
  /** [M, H] */
  readonly query: Tensor;
  /** [R, H] */
  readonly key: Tensor;
  /** [R, H] */
  readonly value: Tensor;
  /** [M, H], the heads side by side. */
  readonly context: Tensor;
  /** [M, H], x + dropout(Attention(x)), before LayerNorm. */
  readonly attentionOutputSum: Tensor;
  /** [M, I], the feed-forward network before its activation function. */
  readonly before: Tensor;
  /** [M, H], x′ + dropout(FFN(x′)), before LayerNorm. */
  readonly outputSum: Tensor;
}

/**
 * The way back through one Transformer block: a pass whose record is complete. Gradients are computed in the memory of
 * `k`.
 */
export interface LayerBackwardPass extends Pick<Pass, "config" | "offsets" | "read"> {
  readonly k: TrainingBackend;
  readonly dropout: LayerDropout;
  readonly record: LayerRecord;
}

/**
 * Looks at intermediate results while they are computed; there is no second code path for inspection. Names are
 * PyTorch's module paths. A tensor that `see` is given may be overwritten by the next step: copy it to keep it.
 */
export interface Tap {
  /** Whether `see` wants this name. Layers ask before they make something for the tap alone. */
  wants(name: string): boolean;
  see(name: string, tensor: Tensor): void;
}

/**
 * The tap for a submodule: `scoped(tap, "layer.0")` turns its name "attention.self.query" into
 * "layer.0.attention.self.query".
 */
export function scoped(tap: Tap | null, path: string): Tap | null {
  return (
    tap && {
      wants: (name) => tap.wants(`${path}.${name}`),
      see: (name, tensor) => tap.see(`${path}.${name}`, tensor),
    }
  );
}

/**
 * Shows an intermediate result to the tap, if there is one, and hands it on.
 *
 * @example
 * const q = see(pass, "attention.self.query", linear(k, p.query, x));
 */
export function see({ tap }: Pick<Pass, "tap">, name: string, tensor: Tensor): Tensor {
  tap?.see(name, tensor);
  return tensor;
}

/** [B + 1], which of the rows that are read are of which sequence. */
export function readOffsets({ read, offsets }: Pick<Pass, "read" | "offsets">): Int32Array {
  return (read ?? { offsets }).offsets;
}

/** Keeps tensors for backward, where there is a record. */
export function keep<R>(record: Partial<R> | null | undefined, tensors: Partial<R>): void {
  if (record) Object.assign(record, tensors);
}

/** Dropout in place (kernels/dropout.ts), where the pass trains and the site has a mask. */
export function drop(
  training: { readonly kernels: TrainingBackend } | null,
  mask: DropoutMask | null,
  x: Tensor,
): void {
  if (mask) training?.kernels.dropout(x.data, x.data, mask);
}
