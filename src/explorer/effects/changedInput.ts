/** What a model is given when something is taken from a text. */
import type { BertTokenizer, SequenceInput } from "../../index.ts";
import type { ExplorerToken } from "../explorerResult.ts";
import type { HeadAt, Occlusion } from "./choices.ts";

/** What is taken away: heads, whose part of the context becomes 0; or the tokens at positions. */
export type Change =
  | { readonly how: "heads"; readonly heads: readonly HeadAt[] }
  | { readonly how: Occlusion; readonly positions: readonly number[] };

/** What a model is given, and where the tokens of the text are in it. */
export interface ChangedInput {
  readonly sequence: SequenceInput;
  /** The tokens of the whole text. */
  readonly tokens: readonly ExplorerToken[];
  /** The place in the sequence of a position in the whole text; −1 where it is removed. */
  placeOf(position: number): number;
}

/** What a model is given of a text. @throws RangeError the vocabulary has not what stands in a word's place */
export function changedInput(
  { tokens, sequence }: Pick<ChangedInput, "tokens" | "sequence">,
  change: Change | null,
  { maskTokenId, unkTokenId }: BertTokenizer,
): ChangedInput {
  if (!change || change.how === "heads") return { sequence, tokens, placeOf: (position) => position };
  const { how, positions } = change;
  const { inputIds, tokenTypeIds } = sequence;
  if (how === "removed") {
    const kept = [...tokens.keys()].filter((t) => !positions.includes(t));
    const types = tokenTypeIds && kept.map((t) => tokenTypeIds[t]);
    return {
      sequence: { inputIds: kept.map((t) => inputIds[t]), ...(types && { tokenTypeIds: types }) },
      tokens,
      placeOf: (position) => kept.indexOf(position),
    };
  }
  const id = how === "mask" ? maskTokenId : unkTokenId;
  if (id === undefined) throw new RangeError(`The vocabulary has no [${how.toUpperCase()}] to put in a word's place.`);
  const ids = Array.from(inputIds, (own, t) => (positions.includes(t) ? id : own));
  return { sequence: { ...sequence, inputIds: ids }, tokens, placeOf: (position) => position };
}
