/** The lens: what the head that predicts makes of the vector that a token has at each layer. */
import type { BertModel, BertTokenizer } from "../../index.ts";
import { type Answer, ranked } from "../ranked.ts";

/** How many words each layer has, and how many of the last layer's are followed through all. */
const [TOP, FOLLOWED] = [8, 3];

/** What each layer's vector of a token would say. */
export interface Lens {
  readonly position: number;
  /** Of the embeddings, then of each layer; the last is the model's answer. */
  readonly layers: readonly {
    /** The vector's tap. */
    readonly tap: string;
    /** The likeliest pieces. */
    readonly best: readonly Answer[];
    /** The pieces that are followed, the same in each layer. */
    readonly followed: readonly Answer[];
  }[];
}

/** What the lens looks at. */
interface LensInput {
  readonly position: number;
  /** The taps [T, H] of the embeddings and of each layer. */
  readonly states: readonly (readonly [tap: string, data: Float32Array])[];
  /** Ids that are followed; of none: the likeliest of the last layer, with `own`. */
  readonly asked: readonly number[];
  /** The token's own id, or that of the hidden one; null: not known. */
  readonly own: number | null;
}

/**
 * Applies the whole masked-language-model head, transform, LayerNorm and decoder, to each layer's vector (the logit
 * lens of nostalgebraist 2020, for BERT's head).
 */
export function lensOf(model: BertModel, tokenizer: BertTokenizer, input: LensInput): Lens {
  const { position, states, asked, own } = input;
  const H = model.config.hiddenSize;
  const rows = new Float32Array(states.length * H);
  for (const [n, [, data]] of states.entries()) rows.set(data.subarray(position * H, (position + 1) * H), n * H);
  const { data, shape } = model.predictMasked({ shape: [states.length, H], data: rows });
  const V = shape[1];
  const byLayer = states.map((_, n) => ranked(data.subarray(n * V, (n + 1) * V), tokenizer));
  const last = byLayer[byLayer.length - 1].ids.slice(0, FOLLOWED);
  const followed = asked.length > 0 ? asked : [...new Set([...last, ...(own === null ? [] : [own])])];
  return {
    position,
    layers: byLayer.map(({ ids, answerOf }, n) => ({
      tap: states[n][0],
      best: ids.slice(0, TOP).map(answerOf),
      followed: followed.map(answerOf),
    })),
  };
}
