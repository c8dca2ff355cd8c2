import { embeddings } from "../layers/embeddings.ts";
import type { PackedBatch } from "../layers/packedBatch.ts";
import { pooler } from "../layers/pooler.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { BertConfig } from "./config.ts";
import { encoder } from "./encoder.ts";
import type { BertParams } from "./params.ts";
import type { ReadRows } from "./readRows.ts";

/** What the encoder makes of a batch. */
export interface Encoded {
  /** [R, H], or [M, H] of M wanted rows: one vector for each token, the T_i of Devlin et al. 2019, figure 1. */
  readonly sequence: Tensor;
  /** [B, H]: one vector for each sequence, C, through the pooler; null in models without one. */
  readonly pooled: Tensor | null;
}

/**
 * BERT (Devlin et al. 2019): embeddings, L Transformer blocks, pooler. START READING HERE, then follow the calls down:
 * layers (src/layers) are written in kernels (src/tensor/kernels), and heads.ts stands on top.
 *
 * Letters, here and everywhere below: B sequences of T tokens each, R = ΣT tokens in all, H hidden size, L layers,
 * A attention heads of size D = H/A, I intermediate size, V vocabulary.
 *
 * @param k        the backend, which has the kernels
 * @param batch    ids, token types and positions [R], the sequences end to end
 * @param read     the rows that are wanted; null if all
 * @param headMask [L, A], what each attention head's output is multiplied by
 * @param tap      sees every intermediate result by its PyTorch name
 */
export function* bert(
  k: Backend,
  p: BertParams,
  batch: PackedBatch,
  c: BertConfig,
  read: ReadRows | null,
  headMask?: readonly ArrayLike<number>[],
  tap?: Tap,
): Generator<void, Encoded> {
  const embedded = embeddings(k, p.embeddings, batch, c.layerNormEps, scoped(tap, "embeddings"));
  tap?.see("embeddings", embedded);

  const sequence = yield* encoder(
    k,
    p.encoder.layer,
    embedded,
    batch.offsets,
    c,
    read,
    headMask,
    scoped(tap, "encoder"),
  );

  const pooled = p.pooler && pooler(k, p.pooler, sequence, (read ?? batch).offsets, scoped(tap, "pooler"));
  if (pooled) tap?.see("pooler", pooled);
  return { sequence, pooled };
}
