import { BertError } from "../errors.ts";
import { joinTokens } from "../tokenizer/decode.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { softmax } from "./scores.ts";

/** How the tokens of a word, and the words of an entity, become one answer. */
export const AGGREGATION_STRATEGIES = ["none", "simple", "first", "average", "max"] as const;
/** One of the ways to aggregate. */
export type AggregationStrategy = (typeof AGGREGATION_STRATEGIES)[number];

/** What a token, or a word, is said to be. */
export interface TokenEntity {
  readonly entity: string;
  /** Probability. */
  readonly score: number;
  /** The token's place in what the model saw, [CLS] counted. */
  readonly index: number;
  /** The token, "##" and all; one that the vocabulary does not have as it stands in the text. */
  readonly word: string;
  /** Where the entity stands: `text.slice(start, end)`. */
  readonly start: number;
  readonly end: number;
}

/** Neighbouring words of one kind. */
export interface EntityGroup {
  /** The label without its "B-" or "I-". */
  readonly entity_group: string;
  /** Mean of the probabilities of its tokens, or words. */
  readonly score: number;
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** A token of the text, with a probability for each label. */
interface TokenScores {
  readonly scores: Float64Array;
  readonly index: number;
  readonly word: string;
  /** Whether it goes on with the word of the token before. */
  readonly isSubword: boolean;
  readonly start: number;
  readonly end: number;
}

/** An entity before it is grouped; `pieces` are its tokens. */
type Word = Omit<TokenEntity, "index" | "word"> & { readonly index: number; readonly pieces: readonly string[] };

/**
 * The tokens of a window that stand in the text.
 *
 * @param logits [T, labels]
 * @param starts where each word begins in the text, if the tokenizer was given words: its offsets are then those within
 *   a word
 */
export function tokenScores(
  where: string,
  text: string,
  window: Encoding,
  logits: Float32Array,
  unkTokenId: number | undefined,
  starts?: readonly number[],
): TokenScores[] {
  const { length, inputIds, offsets, specialTokensMask, wordIds } = window;
  const N = logits.length / length;
  const tokens = window.tokens();
  const result: TokenScores[] = [];
  for (let t = 0; t < length; t++) {
    if (specialTokensMask[t] === 1) continue;
    const before = starts?.[wordIds[t]!] ?? 0;
    const [start, end] = [before + offsets[t][0], before + offsets[t][1]];
    result.push({
      scores: softmax(where, logits.subarray(t * N, (t + 1) * N)),
      index: t,
      word: inputIds[t] === unkTokenId ? text.slice(start, end) : tokens[t],
      // As Python: of a word that was given, the parts that punctuation makes are words of their own.
      isSubword: wordIds[t] === wordIds[t - 1] && tokens[t].startsWith("##"),
      start,
      end,
    });
  }
  return result;
}

/** Each token with its likeliest label. */
export function tokenEntities(tokens: readonly TokenScores[], labels: readonly string[]): TokenEntity[] {
  return tokens.map(({ scores, index, word, start, end }) => ({
    ...likeliest(scores, labels),
    index,
    word,
    start,
    end,
  }));
}

/**
 * Words that follow each other and have one tag are an entity; "B-" begins a new one (transformers,
 * TokenClassificationPipeline.group_entities). With "simple" every token counts as a word; with the others a word has
 * one label: that of its first token, of the mean of its tokens, or of the token that is surest.
 */
export function entityGroups(
  tokens: readonly TokenScores[],
  labels: readonly string[],
  strategy: Exclude<AggregationStrategy, "none">,
): EntityGroup[] {
  const groups: Word[][] = [];
  let last = "";
  for (const word of wordsOf(tokens, labels, strategy)) {
    const tag = tagOf(word.entity);
    if (tag === last && !word.entity.startsWith("B-")) groups.at(-1)!.push(word);
    else groups.push([word]);
    last = tag;
  }
  return groups.map((words) => ({
    // As Python: what stands before the first hyphen is no part of the name.
    entity_group: words[0].entity.replace(/^[^-]*-/, ""),
    score: words.reduce((sum, { score }) => sum + score, 0) / words.length,
    word: joined(
      words.flatMap(({ pieces }) => pieces),
      strategy === "simple" ? null : words,
    ),
    start: words[0].start,
    end: words.at(-1)!.end,
  }));
}

/** Python joins the tokens of each word first, and then the words. */
function joined(pieces: readonly string[], words: readonly Word[] | null): string {
  return joinTokens(words ? words.map((word) => joinTokens(word.pieces, false)) : pieces, false);
}

function wordsOf(
  tokens: readonly TokenScores[],
  labels: readonly string[],
  strategy: Exclude<AggregationStrategy, "none">,
): Word[] {
  const words: TokenScores[][] = [];
  for (const token of tokens) {
    if (strategy !== "simple" && token.isSubword && words.length > 0) words.at(-1)!.push(token);
    else words.push([token]);
  }
  return words.map((word) => ({
    ...likeliest(SCORES[strategy](word), labels),
    index: word[0].index,
    pieces: word.map((token) => token.word),
    start: word[0].start,
    end: word.at(-1)!.end,
  }));
}

/** The probabilities that a word's label is chosen by. */
const SCORES = {
  simple: ([token]: readonly TokenScores[]) => token.scores,
  first: ([token]: readonly TokenScores[]) => token.scores,
  max: (word: readonly TokenScores[]) =>
    word.reduce((best, token) => (Math.max(...token.scores) > Math.max(...best.scores) ? token : best)).scores,
  average: (word: readonly TokenScores[]) =>
    word[0].scores.map((_, i) => word.reduce((sum, { scores }) => sum + scores[i], 0) / word.length),
};

function likeliest(scores: Float64Array, labels: readonly string[]): { entity: string; score: number } {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
  return { entity: labels[best], score: scores[best] };
}

/** A label without "B-" or "I-". */
function tagOf(label: string): string {
  return /^[BI]-/.test(label) ? label.slice(2) : label;
}

/**
 * Entities of overlapping windows, each part of the text once at most: of those that overlap the longer one stays, of
 * equally long ones the surer (transformers, aggregate_overlapping_entities). They are compared in turn, so one that
 * gives way to a second is lost, even where the second gives way to a third that leaves it room.
 */
export function withoutOverlaps(groups: readonly EntityGroup[]): EntityGroup[] {
  const result: EntityGroup[] = [];
  for (const group of groups.toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last === undefined || group.start >= last.end) result.push(group);
    else if (better(group, last)) result[result.length - 1] = group;
  }
  return result;
}

function better(a: EntityGroup, b: EntityGroup): boolean {
  const [lengthA, lengthB] = [a.end - a.start, b.end - b.start];
  return lengthA > lengthB || (lengthA === lengthB && a.score > b.score);
}

/** @throws BertError ERR_INPUT `ignore_labels` is no array of labels */
export function ignoredLabels(where: string, value: unknown): ReadonlySet<string> {
  if (Array.isArray(value) && value.every((label) => typeof label === "string")) return new Set(value);
  throw new BertError("ERR_INPUT", `${where}: ignore_labels must be an array of labels`);
}
