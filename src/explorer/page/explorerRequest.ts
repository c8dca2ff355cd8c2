/** What the page asks of the worker, for what is typed, open and chosen. */
import type { ExplorerRequest } from "../explorerResult.ts";
import type { FurtherRequest } from "../further/further.ts";
import type { HiddenPiece } from "../hidden.ts";
import { type ExplorerState, targetsOf } from "../state.ts";

/** How many answers there are for each gap. */
const TOP = 8;

/**
 * The whole request of a state.
 *
 * @param hasOther whether another model is open beside
 * @param hidden   tokens that stay hidden in a text that has no positions yet; null: `state.masks` has them
 */
export function requestOf(
  state: ExplorerState,
  hasOther: boolean,
  hidden: readonly HiddenPiece[] | null = null,
): ExplorerRequest {
  const { text, pair, masks } = state;
  const targets = targetsOf(state);
  const further = furtherRequest(state);
  const compare = comparedWith(state, hasOther);
  return {
    ...{ text, pair, masks, ...(hidden && { hidden }), top: TOP },
    ...{ ...(targets.length > 0 && { targets }), ...(further && { further }), ...(compare && { compare }) },
  };
}

/** What a request asks of a text, as a text; not what further views ask beside it. */
export function textAsked({ further: _further, compare: _compare, ...request }: ExplorerRequest): string {
  return JSON.stringify(request);
}

/** What a state needs of the same forward pass; null: nothing. */
export function furtherRequest({ more, query, layer, weights }: ExplorerState): FurtherRequest | null {
  const request: FurtherRequest = {
    ...(more === "lens" && { lens: query }),
    ...(more === "stream" && { residual: true }),
    ...(more === "pair" && { projections: layer }),
    ...(more === "similarity" && { similarity: true }),
    ...(weights === "norm" && { norms: true }),
  };
  return Object.keys(request).length > 0 ? request : null;
}

/** What a state compares its text with; undefined: nothing. */
function comparedWith(
  { more, otherText: text, otherPair: pair, otherMasks: masks }: ExplorerState,
  hasOther: boolean,
): ExplorerRequest["compare"] {
  if (more !== "compare") return undefined;
  return text !== null || pair !== null || hasOther ? { text, pair, masks } : undefined;
}
