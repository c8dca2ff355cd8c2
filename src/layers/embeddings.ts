import type { Tensor, Weight } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";
import { type LayerNormParams, layerNorm, layerNormBackward } from "./addAndNorm.ts";
import { gather, gatherBackward } from "./gather.ts";
import type { GradientsOf } from "./gradientsOf.ts";
import type { PackedBatch } from "./packedBatch.ts";
import { type Pass, see } from "./pass.ts";

/** Checkpoint names: bert.embeddings.*. */
export interface EmbeddingsParams {
  /** [V, H] */
  readonly word_embeddings: { readonly weight: Weight };
  /** [positions, H] */
  readonly position_embeddings: { readonly weight: Weight };
  /** [types, H]; null in models that do not tell segments apart, as DistilBERT. */
  readonly token_type_embeddings: { readonly weight: Weight } | null;
  readonly LayerNorm: LayerNormParams;
}

/**
 * BERT's input representation (Devlin et al. 2019, §3 and figure 2): for each token the sum of the embeddings of its
 * word piece, its segment and its position, normalised.
 *
 * On one page: `embeddings` in docs/reading/onePage.ts.
 *
 * @returns [R, H]
 */
export function embeddings(pass: Pick<Pass, "k" | "config" | "tap">, p: EmbeddingsParams, batch: PackedBatch): Tensor {
  const sum = embeddingsSum(pass, p, batch);
  return see(pass, "embeddings.LayerNorm", layerNorm(pass.k, p.LayerNorm, sum, pass.config.layerNormEps));
}

/** What is normalised. @returns [R, H] */
function embeddingsSum(pass: Pick<Pass, "k" | "tap">, p: EmbeddingsParams, batch: PackedBatch): Tensor {
  const { k } = pass;
  const words = see(pass, "embeddings.word_embeddings", gather(k, p.word_embeddings.weight, batch.inputIds));
  const sum = words;
  if (p.token_type_embeddings) {
    const types = gather(k, p.token_type_embeddings.weight, batch.tokenTypeIds);
    see(pass, "embeddings.token_type_embeddings", types);
    k.add(sum.data, words.data, types.data);
  }
  const positions = gather(k, p.position_embeddings.weight, batch.positionIds);
  k.add(sum.data, sum.data, positions.data);
  return sum;
}

/**
 * The gradients of `embeddings`. The sum is looked up again, so nothing is kept; all three tables get its gradient:
 *
 *     dsum = layerNormBackward(dy)        dE_word[id_r] += dsum_r, and so for segments and positions
 *
 * On one page: `embeddings` in docs/reading/onePageTraining.ts.
 *
 * @param dy [R, H], overwritten
 */
export function embeddingsBackward(
  k: TrainingBackend,
  p: EmbeddingsParams,
  gradients: GradientsOf<EmbeddingsParams>,
  batch: PackedBatch,
  dy: Tensor,
  eps: number,
): void {
  layerNormBackward(k, p.LayerNorm, gradients.LayerNorm, embeddingsSum({ k, tap: null }, p, batch), dy, eps);
  gatherBackward(k, gradients.position_embeddings.weight, batch.positionIds, dy);
  gatherBackward(k, gradients.token_type_embeddings?.weight ?? null, batch.tokenTypeIds, dy);
  gatherBackward(k, gradients.word_embeddings.weight, batch.inputIds, dy);
}
