import { addAndNormBackward, layerNorm, residualSum } from "../layers/addAndNorm.ts";
import { activation, feedForwardBackward } from "../layers/feedForward.ts";
import { gather, gatherBackward } from "../layers/gather.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import { linear, linearBackward } from "../layers/linear.ts";
import {
  type Queries,
  recordedSelfAttention,
  type SelfAttentionRecord,
  selfAttentionBackward,
} from "../layers/selfAttention.ts";
import type { BertConfig } from "../model/config.ts";
import type { EncoderLayerParams } from "../model/params.ts";
import type { ReadRows } from "../model/readRows.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import type { LayerDropout } from "./dropoutSites.ts";

/**
 * What the backward of a Transformer block needs of its forward: 7H + I numbers for each token, 44H bytes where I = 4H.
 * BERT-base keeps 34 KB for each token and layer, 406 KB in all. What is cheap is computed again instead: attention
 * probabilities (A · T numbers for each token), x′, and the activation function (I numbers).
 */
export interface EncoderLayerRecord {
  /** [R, H], what the layer before returned */
  readonly x: Tensor;
  /** Which rows of x ask: x itself, or [M, H] */
  readonly queries: Queries;
  readonly attention: SelfAttentionRecord;
  /** [M, H], the heads side by side */
  readonly context: Tensor;
  /** [M, H], x + dropout(Attention(x)) */
  readonly attentionSum: Tensor;
  /** [M, I], the feed-forward network before its activation function */
  readonly before: Tensor;
  /** [M, H], x′ + dropout(FFN(x′)) */
  readonly outputSum: Tensor;
}

/**
 * A Transformer block as in model/encoder.ts, with its dropouts and a record for `encoderLayerBackward`:
 *
 *     x′ = LayerNorm(x + dropout(Attention(x)))        y = LayerNorm(x′ + dropout(FFN(x′)))
 *
 * @param k    where y and the record are kept
 * @param x    [R, H]
 * @param read the rows of y that are wanted; null if all
 * @returns    y [R, H], or [M, H] of M wanted rows
 */
export function recordedEncoderLayer(
  k: TrainingBackend,
  p: EncoderLayerParams,
  x: Tensor,
  offsets: Int32Array,
  c: BertConfig,
  read: ReadRows | null,
  dropout: LayerDropout,
): { y: Tensor; record: EncoderLayerRecord } {
  const working = k.scope();
  const queries = read ? { x: gather(k, x, read.rows), offsets: read.offsets } : { x, offsets };
  const { out: context, record: attention } = recordedSelfAttention(
    k,
    p.attention.self,
    x,
    offsets,
    queries,
    c.numAttentionHeads,
    dropout.probs,
  );
  const attentionSum = linear(k, p.attention.output.dense, context);
  residualSum(k, attentionSum, queries.x, dropout.attentionOutput);
  const attended = layerNorm(working, p.attention.output.LayerNorm, attentionSum, c.layerNormEps); // x′

  const before = linear(k, p.intermediate.dense, attended); // [M, I]
  const outputSum = linear(k, p.output.dense, activation(working, before, c.hiddenAct));
  residualSum(k, outputSum, attended, dropout.output);
  const y = layerNorm(k, p.output.LayerNorm, outputSum, c.layerNormEps);
  working.release();
  return { y, record: { x, queries, attention, context, attentionSum, before, outputSum } };
}

/**
 * The gradients of `recordedEncoderLayer`, its lines from bottom to top.
 *
 * @param k       where dx comes from
 * @param dy      [M, H]; used up, or, where all rows are read, turned into dx
 * @param wantsDx whether something below is trained
 * @returns       dx [R, H]; null if it is not wanted
 */
export function encoderLayerBackward(
  k: TrainingBackend,
  p: EncoderLayerParams,
  gradients: GradientsOf<EncoderLayerParams>,
  record: EncoderLayerRecord,
  offsets: Int32Array,
  c: BertConfig,
  read: ReadRows | null,
  dropout: LayerDropout,
  dy: Tensor,
  wantsDx: boolean,
): Tensor | null {
  const working = k.scope();
  const { x, queries, attention, context, attentionSum, before, outputSum } = record;
  const norms = [p.attention.output.LayerNorm, p.output.LayerNorm];
  const attended = layerNorm(working, norms[0], attentionSum, c.layerNormEps); // x′ again

  const dattended = dy; // what the residual connection hands on; the network's share is added
  const dtransformed = addAndNormBackward(
    working,
    norms[1],
    gradients.output.LayerNorm,
    outputSum,
    dattended,
    c.layerNormEps,
    dropout.output,
  );
  feedForwardBackward(working, p, gradients, attended, before, dtransformed, dattended, c.hiddenAct);

  const dqueries = dattended; // the residual connection again
  const dprojected = addAndNormBackward(
    working,
    norms[0],
    gradients.attention.output.LayerNorm,
    attentionSum,
    dqueries,
    c.layerNormEps,
    dropout.attentionOutput,
  );
  const dcontext = working.zeros(context.shape);
  linearBackward(working, p.attention.output.dense, gradients.attention.output.dense, context, dprojected, dcontext);
  const dx = wantsDx ? (read ? k.zeros(x.shape) : dqueries) : null;
  selfAttentionBackward(
    working,
    p.attention.self,
    gradients.attention.self,
    attention,
    x,
    offsets,
    queries,
    c.numAttentionHeads,
    dropout.probs,
    dcontext,
    dx,
    wantsDx ? dqueries : null,
  );
  if (dx && read) gatherBackward(working, dx, read.rows, dqueries);
  working.release();
  return dx;
}
