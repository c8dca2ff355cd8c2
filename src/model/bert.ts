import { type EmbeddingsParams, embeddings, embeddingsBackward } from "../layers/embeddings.ts";
import { gather } from "../layers/gather.ts";
import { type GradientsOf, hasTrained } from "../layers/gradientsOf.ts";
import type { PackedBatch } from "../layers/packedBatch.ts";
import { drop, keep, type LayerRecord, type Pass, scoped } from "../layers/pass.ts";
import { type PoolerParams, pooler, poolerBackward } from "../layers/pooler.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { DropoutSites } from "./dropoutSites.ts";
import { type EncoderLayerParams, encoderLayer, encoderLayerBackward } from "./encoderLayer.ts";

/** bert.*: what every architecture has. */
export interface BertParams {
  readonly embeddings: EmbeddingsParams;
  readonly encoder: { readonly layer: readonly EncoderLayerParams[] };
  readonly pooler: PoolerParams | null;
}

/** What the encoder makes of a batch. */
export interface Encoded {
  /** [M, H], the rows that are read: one vector for each token, the T_i of Devlin et al. 2019, figure 1. */
  readonly sequence: Tensor;
  /** [B, H]: one vector for each sequence, C, through the pooler; null in models without one. */
  readonly pooled: Tensor | null;
}

/**
 * BERT (Devlin et al. 2019): embeddings, L Transformer blocks, pooler. START READING HERE, then follow the calls down:
 * layers (src/layers) call kernels (src/tensor/kernels); heads.ts takes what the encoder returns.
 *
 * Letters, here and everywhere below: B sequences, the longest of T tokens; R tokens in all, M of them that are read; H
 * hidden size, L layers, A attention heads of size D = H/A, I intermediate size, V vocabulary.
 *
 * It is a generator that pauses after each layer (`yield`): `forward` yields to the event loop there and
 * looks at the AbortSignal. `finish` runs it without a pause.
 *
 * On one page: `encoder` in docs/reading/onePage.ts.
 *
 * @param pass  what all steps share: the backend, config.json, which rows are read
 * @param batch ids, token types and positions [R], the sequences end to end
 */
export function* bert(pass: BertPass, p: BertParams, batch: PackedBatch): Generator<void, Encoded> {
  const embedded = embeddings(pass, p.embeddings, batch); // [R, H]
  if (pass.training) drop(pass.training, pass.training.dropout.embeddings, embedded);
  const sequence = yield* encoder(pass, p.encoder.layer, embedded); // [M, H]
  const pooled = p.pooler && pooler(pass, p.pooler, sequence); // [B, H]
  return { sequence, pooled };
}

/**
 * The stack of L Transformer blocks.
 *
 * On one page: `encoder` in docs/reading/onePage.ts.
 *
 * @param x [R, H], the embeddings
 * @returns [M, H], the rows of the last block's output that are read
 */
function* encoder(pass: BertPass, layers: readonly EncoderLayerParams[], x: Tensor): Generator<void, Tensor> {
  for (const [n, p] of layers.entries()) {
    x = layerInItsOwnMemory(pass, n, p, x);
    yield;
  }
  return x;
}

/**
 * Layer n, of which the last computes only the rows that are read. Frees what the layer has computed on the way, and
 * its input, but for the tensors in the record.
 *
 * @param x [R, H]
 * @returns [R, H]; of the last layer [M, H]
 */
function layerInItsOwnMemory(pass: BertPass, n: number, p: EncoderLayerParams, x: Tensor): Tensor {
  const { training } = pass;
  const k = pass.k.scope();
  const record = training?.record.layers[n] ?? null;
  const isComputedAgain = training !== null && computesAgain(pass, training, n);
  const y = layer(pass, k, n, p, x, isComputedAgain ? null : record);
  if (isComputedAgain && record) keep(record, { all: x });
  k.release(y, ...Object.values(record ?? {}));
  if (!record) pass.k.free(x);
  return y;
}

/** Layer n in the memory of `k`. @param record is filled, if there is one */
function layer(
  pass: BertPass,
  k: Backend,
  n: number,
  p: EncoderLayerParams,
  x: Tensor,
  record: Partial<LayerRecord> | null,
): Tensor {
  const { config, offsets, training } = pass;
  const read = n === config.numHiddenLayers - 1 ? pass.read : null;
  return encoderLayer(
    {
      k,
      config,
      offsets,
      read,
      tap: scoped(pass.tap, `encoder.layer.${n}`),
      headMask: pass.headMask?.[n] ?? null,
      training: training && { kernels: training.kernels, dropout: training.dropout.layers[n], record },
    },
    p,
    read ? gather(k, x, read.rows) : x,
    x,
  );
}

/**
 * Whether a layer's record is not kept but computed again on the way back. That of the last layer is read first, when
 * no other is there: to keep it takes no more memory.
 */
function computesAgain({ config }: BertPass, { checkpointing }: BertTraining, n: number): boolean {
  return checkpointing && n < config.numHiddenLayers - 1;
}

/**
 * The record of layer n, from its input: the same bits as in the forward pass, as dropout's masks are functions of
 * their keys (`DropoutKey`). Chen et al. 2016, "Training deep nets with sublinear memory cost", §3.
 */
function recordAgain(pass: BertPass, n: number, p: EncoderLayerParams, x: Tensor): LayerRecord {
  const k = pass.k.scope();
  const record: Partial<LayerRecord> = {};
  layer(pass, k, n, p, x, record);
  k.release(...Object.values(record));
  return record as LayerRecord;
}

/** A forward pass through the whole model. */
export interface BertPass extends Pass {
  readonly config: Pass["config"] & { readonly numHiddenLayers: number };
  /** [L, A], what each attention head's output is multiplied by; null for ones. */
  readonly headMask: readonly ArrayLike<number>[] | null;
  /** What training adds: dropout, and a record for `bertBackward`. null in inference. */
  readonly training: BertTraining | null;
}

/** What training adds to a forward pass. */
export interface BertTraining {
  readonly kernels: TrainingBackend;
  readonly dropout: DropoutSites;
  readonly record: BertRecord;
  /** Whether records of layers hold their input alone (`all`), from which the rest is computed again. */
  readonly checkpointing: boolean;
}

/** What `bertBackward` needs of the forward pass, which fills it: 44H bytes for each token and layer, or 4H. */
export interface BertRecord {
  /** [L]; null for layers with nothing to train in or below them. */
  readonly layers: readonly (Partial<LayerRecord> | null)[];
}

/** Runs a forward pass to its end. */
export function finish<Result>(steps: Generator<void, Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The record of a forward pass that begins. @param gradients say what is trained */
export function emptyRecord(gradients: GradientsOf<BertParams>): BertRecord {
  let trains = hasTrained(gradients.embeddings);
  return {
    layers: gradients.encoder.layer.map((layer) => {
      trains ||= hasTrained(layer);
      return trains ? {} : null;
    }),
  };
}

/**
 * The gradients of `bert`, its lines from bottom to top. It ends where nothing below is trained. Each layer's record is
 * freed when it has been read.
 *
 * On one page: `lossAndGradients` in docs/reading/onePageTraining.ts.
 *
 * @param pass      that of the forward pass, with its record
 * @param encoded   what the forward pass returned
 * @param dencoded  the gradients of its two parts, overwritten: sequence [M, H], pooled [B, H]
 */
export function bertBackward(
  pass: BertPass & { readonly k: TrainingBackend; readonly training: BertTraining },
  p: BertParams,
  gradients: GradientsOf<BertParams>,
  batch: PackedBatch,
  { sequence, pooled }: Encoded,
  dencoded: Encoded,
): void {
  const { k, config, offsets, training } = pass;
  const { dropout, record } = training;
  if (p.pooler && gradients.pooler && pooled && dencoded.pooled) {
    poolerBackward(pass, p.pooler, gradients.pooler, { sequence, pooled }, dencoded.pooled, dencoded.sequence);
  }
  let dx: Tensor | null = dencoded.sequence;
  for (let n = p.encoder.layer.length - 1; n >= 0 && dx; n--) {
    const partial = record.layers[n];
    if (!partial) return; // nothing is trained in this layer or below
    const again = computesAgain(pass, training, n);
    const kept = again ? recordAgain(pass, n, p.encoder.layer[n], partial.all!) : (partial as LayerRecord);
    const trainsBelow = n > 0 ? record.layers[n - 1] !== null : hasTrained(gradients.embeddings);
    const read = n === p.encoder.layer.length - 1 ? pass.read : null;
    const layer = { k, config, offsets, read, dropout: dropout.layers[n], record: kept };
    dx = encoderLayerBackward(layer, p.encoder.layer[n], gradients.encoder.layer[n], dx, trainsBelow);
    for (const tensor of Object.values(kept)) k.free(tensor);
  }
  if (!dx) return;
  drop(training, dropout.embeddings, dx);
  embeddingsBackward(k, p.embeddings, gradients.embeddings, batch, dx, config.layerNormEps);
}
