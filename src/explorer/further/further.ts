/** What is computed beside a result, of the same forward pass, for the views that are open. */
import type { BertModel, BertTokenizer, Tensor } from "../../index.ts";
import { layerTaps, stateTaps } from "./layerTaps.ts";
import { type Lens, lensOf } from "./lens.ts";
import { transformedNorms } from "./norms.ts";
import { type Residual, residualOf } from "./residual.ts";
import type { Inseparable, Similarity } from "./similarity.ts";

/** What is asked for; what is left out is not computed. */
export interface FurtherRequest {
  /** The position whose vectors the lens reads; null: the first gap's. */
  readonly lens?: number | null;
  readonly residual?: true;
  /** The layer whose queries and keys are wanted. */
  readonly projections?: number;
  /** The norms of what heads take from tokens. */
  readonly norms?: true;
  /** The cosine of the two texts, taken apart. */
  readonly similarity?: true;
}

/** The queries and keys of a layer, [T, H] each. */
export interface Projections {
  readonly layer: number;
  readonly taps: readonly [query: string, key: string];
  readonly query: Float32Array;
  readonly key: Float32Array;
}

/** What was computed; null: it was not asked for, or the model does not have it. */
export interface Further {
  readonly lens: Lens | null;
  readonly residual: Residual | null;
  readonly projections: Projections | null;
  /** L arrays [A, T]. */
  readonly norms: readonly Float32Array[] | null;
  /** null: there is no second text, too. */
  readonly similarity: Similarity | Inseparable | null;
}

/** What the lens needs of a text. */
interface LensTokens {
  readonly tokenizer: BertTokenizer;
  readonly ids: readonly number[];
  /** The ids of the tokens that are hidden; null where none is. */
  readonly hidden: readonly (number | null)[];
  /** The positions of gaps. */
  readonly gaps: readonly number[];
  /** The ids of the pieces that are asked for. */
  readonly asked: readonly number[];
}

/** The taps that a request needs of the forward pass. */
export function tapsFor({ taps }: BertModel, request: FurtherRequest): string[] {
  const layers = layerTaps(taps);
  const { lens, residual, projections, norms } = request;
  const own = projections === undefined ? undefined : layers[projections];
  return [
    ...new Set([
      ...(lens !== undefined || residual ? stateTaps(taps) : []),
      ...(residual ? layers.flatMap(({ attention, attended, feedForward }) => [attention, attended, feedForward]) : []),
      ...(own ? [own.query, own.key] : []),
      ...(norms ? layers.map(({ value }) => value) : []),
    ]),
  ];
}

/**
 * Computes what is asked for.
 *
 * @param seen      the taps that `tapsFor` names
 * @param canAnswer whether the model has the head that predicts
 */
export function furtherOf(
  model: BertModel,
  request: FurtherRequest,
  seen: ReadonlyMap<string, Tensor>,
  text: LensTokens,
  canAnswer: boolean,
): Omit<Further, "similarity"> {
  const { hiddenSize: H, numAttentionHeads: A } = model.config;
  const T = text.ids.length;
  const at = (name: string) => seen.get(name)?.data as Float32Array;
  const names = stateTaps(model.taps);
  const layers = layerTaps(model.taps);
  const { lens, residual, projections: layer = -1, norms } = request;
  const own = layers[layer];
  const position = lens !== undefined && lens !== null && lens < T ? lens : text.gaps[0];
  const hasLens = lens !== undefined && canAnswer && position !== undefined;
  return {
    lens: hasLens ? lensOf(model, text.tokenizer, lensInput(position, text, names, at)) : null,
    residual: residual
      ? residualOf(
          names,
          {
            states: names.map(at),
            attention: layers.map(({ attention }) => at(attention)),
            attended: layers.map(({ attended }) => at(attended)),
            feedForward: layers.map(({ feedForward }) => at(feedForward)),
          },
          T,
          H,
        )
      : null,
    projections: own ? { layer, taps: [own.query, own.key], query: at(own.query), key: at(own.key) } : null,
    norms: norms
      ? layers.map(({ value, attention }) => transformedNorms(at(value), weightOf(model, attention), A, T, H))
      : null,
  };
}

/** The weight of a linear map, [H, H], by the name of the tap that shows its result. */
const weightOf = ({ parameters }: BertModel, tap: string): Float32Array =>
  parameters.get(`${tap}.weight`)?.data as Float32Array;

function lensInput(
  position: number,
  { ids, hidden, gaps, asked }: LensTokens,
  names: readonly string[],
  at: (name: string) => Float32Array,
): Parameters<typeof lensOf>[2] {
  const own = gaps.includes(position) ? hidden[position] : ids[position];
  return { position, states: names.map((name) => [name, at(name)] as const), asked, own };
}
