import { embeddings, embeddingsBackward } from "../layers/embeddings.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import type { PackedBatch } from "../layers/packedBatch.ts";
import { pooler, poolerBackward } from "../layers/pooler.ts";
import type { Encoded } from "../model/bert.ts";
import type { BertConfig } from "../model/config.ts";
import type { BertParams } from "../model/params.ts";
import type { ReadRows } from "../model/readRows.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend, TrainingScope } from "../tensor/trainingBackend.ts";
import type { DropoutSites } from "./dropoutSites.ts";
import { type EncoderLayerRecord, encoderLayerBackward, recordedEncoderLayer } from "./encoderLayer.ts";
import { hasTrained } from "./gradients.ts";

/** What `bertBackward` needs of the forward pass. */
export interface BertRecord {
  readonly encoded: Encoded;
  /** [L]; null for layers with nothing to train in or below them */
  readonly layers: readonly (LayerMemory | null)[];
}

interface LayerMemory {
  readonly record: EncoderLayerRecord;
  /** Where the record and the layer's output are. */
  readonly scope: TrainingScope;
}

/**
 * `bert` (model/bert.ts) while it trains: with dropout, and with a record of each layer that something is trained in or below.
 *
 * @param k         the backend, of which each layer gets a scope
 * @param gradients say what is trained
 * @param read      the rows that the heads read; null if all
 * @returns         sequence [R, H], or [M, H] of M read rows; pooled [B, H]
 */
export function recordedBert(
  k: TrainingBackend,
  p: BertParams,
  gradients: GradientsOf<BertParams>,
  batch: PackedBatch,
  c: BertConfig,
  read: ReadRows | null,
  dropout: DropoutSites,
): BertRecord {
  const layers: (LayerMemory | null)[] = [];
  let below = k.scope(); // what the layer before has returned, if no record holds it
  let sequence = embeddings(below, p.embeddings, batch, c.layerNormEps);
  if (dropout.embeddings) k.dropout(sequence.data, sequence.data, dropout.embeddings);
  const lowest = lowestTrained(gradients);

  for (const [n, layer] of p.encoder.layer.entries()) {
    const isRecorded = n + 1 >= lowest;
    const scope = k.scope();
    const working = isRecorded ? scope : scope.scope();
    const wanted = n === p.encoder.layer.length - 1 ? read : null;
    const { y, record } = recordedEncoderLayer(working, layer, sequence, batch.offsets, c, wanted, dropout.layers[n]);
    sequence = y;
    layers.push(isRecorded ? { record, scope } : null);
    if (isRecorded) continue;
    working.release(y);
    below.release();
    below = scope;
  }
  const pooled = p.pooler && pooler(k, p.pooler, sequence, (read ?? batch).offsets);
  return { encoded: { sequence, pooled }, layers };
}

/**
 * The gradients of `recordedBert`: `bert` read from bottom to top. It ends where nothing below is trained. Each layer's record
 * is freed when it has been read.
 *
 * @param dsequence [R, H] or [M, H], used up
 * @param dpooled   [B, H], used up; null without a pooler
 */
export function bertBackward(
  k: TrainingBackend,
  p: BertParams,
  gradients: GradientsOf<BertParams>,
  { encoded, layers }: BertRecord,
  batch: PackedBatch,
  c: BertConfig,
  read: ReadRows | null,
  dropout: DropoutSites,
  dsequence: Tensor,
  dpooled: Tensor | null,
): void {
  if (p.pooler && gradients.pooler && dpooled) {
    const { sequence, pooled } = encoded;
    const { offsets } = read ?? batch;
    poolerBackward(k, p.pooler, gradients.pooler, sequence, offsets, pooled as Tensor, dpooled, dsequence);
  }
  const lowest = lowestTrained(gradients);
  let dx: Tensor | null = dsequence;
  for (let n = p.encoder.layer.length - 1; n >= 0 && dx; n--) {
    const memory = layers[n];
    if (!memory) return;
    const wanted = n === p.encoder.layer.length - 1 ? read : null;
    dx = encoderLayerBackward(
      k,
      p.encoder.layer[n],
      gradients.encoder.layer[n],
      memory.record,
      batch.offsets,
      c,
      wanted,
      dropout.layers[n],
      dx,
      n + 1 > lowest,
    );
    memory.scope.release();
  }
  if (!dx || lowest > 0) return;
  if (dropout.embeddings) k.dropout(dx.data, dx.data, dropout.embeddings);
  embeddingsBackward(k, p.embeddings, gradients.embeddings, batch, dx, c.layerNormEps);
}

/** 0 if something of the embeddings is trained, else n + 1 for the lowest such layer n, L + 1 if there is none. */
function lowestTrained(gradients: GradientsOf<BertParams>): number {
  if (hasTrained(gradients.embeddings)) return 0;
  const layer = gradients.encoder.layer.findIndex(hasTrained);
  return layer < 0 ? gradients.encoder.layer.length + 1 : layer + 1;
}
