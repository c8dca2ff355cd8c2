import { type BatchInput, packBatch, type SequenceInput } from "../model/batch.ts";
import { placesIn, type ReadRows } from "../model/readRows.ts";
import { bertBackward, recordedBert } from "./bertBackward.ts";
import { type DropoutKey, dropoutSites } from "./dropoutSites.ts";
import type { Gradients, TrainedModel } from "./gradients.ts";
import { headLosses, type LossPart } from "./headLosses.ts";
import type { Loss } from "./losses.ts";
import { type Labels, type PackedLabels, packLabels } from "./packLabels.ts";

export interface LossOptions {
  /** Which masks drop, with the probabilities of the model's config; null for no dropout. */
  readonly dropout: DropoutKey | null;
  /** What the gradients are multiplied by: 1 / n where n batches make one step. Default 1. */
  readonly scale?: number;
}

/** The loss of a batch, before `scale`. */
export interface BatchLoss {
  /** The sum of the parts; of start and end the mean. */
  readonly loss: number;
  readonly parts: { readonly [part in LossPart]?: Loss };
}

/**
 * The loss of a batch, and the gradient of each parameter that is not frozen, added to `gradients`. Sequences are packed
 * without padding, and the last layer computes only the tokens that the heads read.
 *
 * Memory while it runs, beside weights and gradients: see `EncoderLayerRecord`; for BERT-base 406 KB for each token, and
 * 4V bytes for each masked token. A process that trains it on 8 × 128 tokens with AdamW peaks at 2,236 MB (`simd`, Node 26): four times
 * the weights are 1,733, the records 416, and the rest is Node, one layer's working memory and what multiplies.
 *
 * @param input  a list of sequences or `{ inputIds, … }` of [B, T], as `forward` takes it
 * @throws BertError ERR_INPUT an input or labels that do not fit the model
 * @example
 * const gradients = createGradients(model);
 * const { loss } = lossAndGradients(model, gradients, batch, { labels: [1, 0] }, { dropout: { seed: 1, step: 0 } });
 */
export function lossAndGradients(
  { config, params: { tree }, kernels }: TrainedModel,
  gradients: Gradients,
  input: readonly SequenceInput[] | BatchInput,
  labels: Labels,
  { dropout: key, scale = 1 }: LossOptions,
): BatchLoss {
  const batch = packBatch(input, config);
  const packed = packLabels(labels, batch, config);
  const read = readRows(packed, batch.offsets, tree.bert.pooler !== null);
  const rows = packed.tokens?.rows ?? new Int32Array(0);
  const dropout = dropoutSites(config, key);
  const k = kernels.scope();
  try {
    const record = recordedBert(k, tree.bert, gradients.tree.bert, batch, config, read, dropout);
    const { parts, dsequence, dpooled } = headLosses(
      k,
      tree,
      gradients.tree,
      record.encoded,
      batch.offsets,
      packed,
      read ? placesIn(read, rows) : rows,
      config,
      dropout.classifier,
      scale,
    );
    bertBackward(k, tree.bert, gradients.tree.bert, record, batch, config, read, dropout, dsequence, dpooled);
    const sum = Object.values(parts).reduce((total, { loss }) => total + loss, 0);
    return { loss: parts.start ? sum / 2 : sum, parts };
  } finally {
    k.release();
  }
}

/** The rows of the last hidden state that the heads read: [CLS] for the pooler, and tokens with a label. @returns null if all */
function readRows({ tokens, span }: PackedLabels, offsets: Int32Array, hasPooler: boolean): ReadRows | null {
  const R = offsets[offsets.length - 1];
  const wanted = new Set<number>(tokens?.rows);
  if (hasPooler) for (const first of offsets.subarray(0, -1)) wanted.add(first);
  if (span || wanted.size === R) return null;
  const rows = Int32Array.from(wanted).sort();
  return { rows, offsets: offsets.map((offset) => rows.filter((row) => row < offset).length) };
}
