/** What the page asks of the worker beside the rest, for what is open and chosen. */
import type { ExplorerRequest } from "../explorerResult.ts";
import type { FurtherRequest } from "../further/further.ts";
import type { ExplorerState } from "../state.ts";

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

/** What a state compares its text with; undefined: nothing. @param hasOther whether another model is open beside */
export function comparedWith(
  { more, otherText: text, otherPair: pair, otherMasks: masks }: ExplorerState,
  hasOther: boolean,
): ExplorerRequest["compare"] {
  if (more !== "compare") return undefined;
  return text !== null || pair !== null || hasOther ? { text, pair, masks } : undefined;
}
