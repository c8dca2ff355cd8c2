import { type BatchInput, packBatch, type SequenceInput } from "../model/batch.ts";
import { bert, bertBackward, emptyRecord, finish } from "../model/bert.ts";
import { type DropoutKey, dropoutSites } from "../model/dropoutSites.ts";
import { readRows } from "../model/readRows.ts";
import type { Gradients, TrainedModel } from "./gradients.ts";
import { headLosses, type LossPart } from "./headLosses.ts";
import type { Loss } from "./losses.ts";
import { type Labels, type PackedLabels, packLabels } from "./packLabels.ts";
import { embeddingLoss } from "./sentence/embeddingLoss.ts";

export interface LossOptions {
  /** Which masks drop, with the probabilities of the model's config; null for no dropout. */
  readonly dropout: DropoutKey | null;
  /** What the gradients are multiplied by: 1 / n where n batches make one step. Default 1. */
  readonly scale?: number;
  /** Compute each layer's record again on the way back instead of keeping it: the same bits. Default false. */
  readonly gradientCheckpointing?: boolean;
}

/** The loss of a batch, before `scale`. */
export interface BatchLoss {
  /** The sum of the parts; of start and end the mean. */
  readonly loss: number;
  readonly parts: { readonly [part in LossPart]?: Loss };
}

/**
 * The loss of a batch, and the gradient of each parameter that is not frozen, added to `gradients`. Sequences are
 * packed without padding, and the last layer computes only the tokens that the heads read.
 *
 * Memory while it runs, beside weights and gradients: see `LayerRecord`; for BERT-base 406 KB for each token, and
 * 4V bytes for each masked token. A process that trains it on 8 × 128 tokens with AdamW peaks at 2,236 MB (`simd`, Node
 * 26): four times the weights are 1,733, the records 416, and the rest is Node, one layer's working memory and the
 * buffers of matrix products. With `gradientCheckpointing` a layer keeps its input, a tenth of its record, and forward
 * is computed twice, which takes a third more time. Such a process, with a classifier and two threads, peaks at
 *
 *     8 × 128 tokens    2,342 MB, with it 2,031 (0.87)    on one thread 1.32 times the processor's time
 *     32 × 128          3,711 MB, with it 2,453 (0.66)    1.33 times
 *     64 × 128          does not fit in the 4 GiB of WebAssembly, with it 3,021 MB
 *
 * (`npm run bench:checkpointing`): weights, gradients and moments stay, so that the whole is halved only where they are
 * small beside the batch.
 *
 * On one page: `lossAndGradients` in docs/reading/onePageTraining.ts.
 *
 * @param input  a list of sequences or `{ inputIds, … }` of [B, T], as `forward` takes it
 * @throws BertError ERR_INPUT an input or labels that do not fit the model
 * @example
 * const gradients = createGradients(model);
 * const { loss } = lossAndGradients(model, gradients, batch, { labels: [1, 0] }, { dropout: { seed: 1, step: 0 } });
 */
export function lossAndGradients(
  model: TrainedModel,
  gradients: Gradients,
  input: readonly SequenceInput[] | BatchInput,
  labels: Labels,
  { dropout: key, scale = 1, gradientCheckpointing: checkpointing = false }: LossOptions,
): BatchLoss {
  const { config, kernels } = model;
  const { tree } = model.params;
  const batch = packBatch(input, config);
  const packed = packLabels(labels, batch, config);
  const read = readRows(batch, labelledTokens(packed), tree.bert.pooler !== null);
  const k = kernels.scope();
  const record = emptyRecord(gradients.tree.bert);
  const training = { kernels: k, dropout: dropoutSites(config, key), record, checkpointing };
  const pass = { k, config, offsets: batch.offsets, read, tap: null, headMask: null, training };
  try {
    const encoded = finish(bert(pass, tree.bert, batch));
    const { loss, parts, dencoded } = packed.vectors
      ? embeddingLoss(pass, model, gradients, encoded, packed.vectors, scale)
      : headLosses(pass, tree, gradients.tree, encoded, packed, scale);
    bertBackward(pass, tree.bert, gradients.tree.bert, batch, encoded, dencoded);
    return { loss, parts };
  } finally {
    k.release();
  }
}

/**
 * The rows of tokens that a loss reads: all where it is of a span or of vectors, else those with a label.
 *
 * @returns null if all
 */
function labelledTokens({ tokens, span, vectors }: PackedLabels): Int32Array | null {
  return span || vectors ? null : (tokens?.rows ?? new Int32Array(0));
}
