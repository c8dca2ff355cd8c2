/** What a model answers when something is taken from it: attention heads, or words of the text. */
import type { BertModel, BertTokenizer, HeadOutput, SequenceInput, Tensor } from "../../index.ts";
import { type ExplorerRequest, type ExplorerToken, inputOf, outputsOf } from "../explorerResult.ts";
import type { NumberRef } from "../scene.ts";
import { answersOf } from "./answers.ts";
import type { HeadAt, Occlusion } from "./choices.ts";
import type { Subject } from "./subjects.ts";

/** What is taken away: heads, whose part of the context becomes 0; or the tokens at positions. */
export type Change =
  | { readonly how: "heads"; readonly heads: readonly HeadAt[] }
  | { readonly how: Occlusion; readonly positions: readonly number[] };

/** What is asked of a text. */
export interface EffectRequest {
  readonly request: ExplorerRequest;
  /** null: nothing is taken away. It must not remove the token that the subject is about. */
  readonly change: Change | null;
  /** Which answer is looked at. */
  readonly subject: Subject;
  /** The ids of answers that are told whatever their place. */
  readonly ids: readonly number[];
  /** The vector that the cosine is taken to; null: the text's own. */
  readonly vector: Float64Array | null;
}

/** An answer. */
export interface EffectAnswer {
  /** Of a piece of the vocabulary its id; of a label its place; of a part of the text its first token · T + its last. */
  readonly id: number;
  readonly name: string;
  /** The numbers of `forward` that it is made of, and their places in its outputs. */
  readonly numbers: readonly { readonly value: number; readonly ref: NumberRef }[];
  /** null: the answer is a number, and not one of several. */
  readonly probability: number | null;
  /** What an effect is the change of: ln of the probability; else the number. */
  readonly score: number;
  /** Its place among all answers, from 1. */
  readonly rank: number;
}

/** What a model answers. */
export interface Effect {
  /** The likeliest, and those that were asked for; the likeliest first. */
  readonly answers: readonly EffectAnswer[];
  /** [H], the mean of the tokens' vectors, where the subject is the vector. */
  readonly vector: Float64Array | null;
}

/** What a model is given, and where the tokens of the text are in it. */
export interface ChangedInput {
  readonly sequence: SequenceInput;
  /** The tokens of the whole text. */
  readonly tokens: readonly ExplorerToken[];
  /** The place in the sequence of a position in the whole text; −1 where it is removed. */
  placeOf(position: number): number;
}

/**
 * Computes an answer with something taken away.
 *
 * @throws BertError as `encode` and `forward`
 */
export function effectOf(model: BertModel, tokenizer: BertTokenizer, asked: EffectRequest): Effect {
  const { request, change, subject, ids, vector } = asked;
  const input = changedInput(inputOf(model, tokenizer, request), change, tokenizer);
  const { architecture } = model.config;
  const gap = subject.position === null ? -1 : input.placeOf(subject.position);
  const readsGaps = outputsOf(architecture).gaps !== undefined;
  const output: HeadOutput & { readonly lastHiddenState?: Tensor } = model.forwardSync([input.sequence], {
    lastHiddenState: subject.kind === "vector",
    ...(change?.how === "heads" && { headMask: headMaskOf(model, change.heads) }),
    ...(readsGaps && { maskedLmPositions: [subject.kind === "gap" ? [gap] : []] }),
  });
  return answersOf({ model, tokenizer, input, subject, ids, output, vector, targets: request.targets ?? [] });
}

/** [L, A]: 0 for heads that are off, 1 for the others. */
export function headMaskOf({ config }: Pick<BertModel, "config">, off: readonly HeadAt[]): number[][] {
  const mask = Array.from({ length: config.numHiddenLayers }, () => Array<number>(config.numAttentionHeads).fill(1));
  for (const [layer, head] of off) mask[layer][head] = 0;
  return mask;
}

function changedInput(
  { tokens, sequence }: Pick<ReturnType<typeof inputOf>, "tokens" | "sequence">,
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
