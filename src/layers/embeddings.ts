import type { Backend } from "../tensor/backend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import { type LayerNormParams, layerNorm } from "./addAndNorm.ts";
import { gather } from "./gather.ts";
import type { PackedBatch } from "./packedBatch.ts";
import type { Tap } from "./tap.ts";

/** Checkpoint names: bert.embeddings.*. */
export interface EmbeddingsParams {
  /** [V, H] */
  readonly word_embeddings: { readonly weight: Weight };
  /** [positions, H] */
  readonly position_embeddings: { readonly weight: Weight };
  /** [types, H] */
  readonly token_type_embeddings: { readonly weight: Weight };
  readonly LayerNorm: LayerNormParams;
}

/**
 * BERT's input representation (Devlin et al. 2019, §3 and figure 2): for each token the sum of the embeddings of its
 * word piece, its segment and its position, normalised.
 *
 * @returns [R, H]
 */
export function embeddings(k: Backend, p: EmbeddingsParams, batch: PackedBatch, eps: number, tap?: Tap): Tensor {
  const words = gather(k, p.word_embeddings.weight, batch.inputIds);
  tap?.see("word_embeddings", words);
  const types = gather(k, p.token_type_embeddings.weight, batch.tokenTypeIds);
  tap?.see("token_type_embeddings", types);
  const positions = gather(k, p.position_embeddings.weight, batch.positionIds);

  const sum = words;
  k.add(sum.data, words.data, types.data);
  k.add(sum.data, sum.data, positions.data);
  const normalized = layerNorm(k, p.LayerNorm, sum, eps);
  tap?.see("LayerNorm", normalized);
  return normalized;
}
