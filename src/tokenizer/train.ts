import { BertError, listed, quote, shown } from "../errors.ts";
import { expectKnownOptions, type OptionNames } from "../options.ts";
import type { NormalizerOptions } from "./basicTokenize.ts";
import { SPECIAL_TOKENS } from "./settings.ts";
import { mergePairs } from "./trainMerges.ts";
import type { PairScore } from "./trainPairs.ts";
import { spellWords } from "./trainSpelling.ts";
import { WordCounter } from "./trainWords.ts";

/**
 * Names and defaults of Hugging Face's `BertWordPieceTokenizer.train`, in camelCase; how words are found, as
 * `basicTokenize`.
 */
export interface TrainVocabularyOptions extends Omit<NormalizerOptions, "neverSplit"> {
  /** Tokens in the end, special ones and the alphabet included; fewer if no pair is frequent enough. Default 30,000. */
  readonly vocabSize?: number;
  /** How often a pair must occur to be merged. Default 2. */
  readonly minFrequency?: number;
  /** Most characters of the alphabet: the most frequent, of equally frequent the lower code points. Default 1,000. */
  readonly limitAlphabet?: number;
  /** Characters that are in the alphabet whether they occur or not: those of the string. Default none. */
  readonly initialAlphabet?: string;
  /** The first tokens, in this order. Default [PAD], [UNK], [CLS], [SEP], [MASK]. */
  readonly specialTokens?: readonly string[];
  /** Which pair is merged next. Default "count". */
  readonly score?: PairScore;
  /** Most distinct words to count at a time, see `WordCounter`. Default 5,000,000, of about 100 bytes each. */
  readonly maxWords?: number;
  /** Called after each merge with the number of tokens so far. */
  readonly onMerge?: (tokens: number) => void;
}

const TRAIN_OPTIONS: OptionNames<TrainVocabularyOptions> = {
  vocabSize: true,
  minFrequency: true,
  limitAlphabet: true,
  initialAlphabet: true,
  specialTokens: true,
  score: true,
  maxWords: true,
  onMerge: true,
  cleanText: true,
  tokenizeChineseChars: true,
  stripAccents: true,
  doLowerCase: true,
};

/**
 * Learns a WordPiece vocabulary from texts. Each word starts as its characters, all but the first with "##" before
 * them; then the best pair of neighbours becomes one token, again and again. The best pair (a, b) is the one with the
 * highest
 *
 *     "count":       count(ab)                            byte pair encoding, as Hugging Face's `WordPieceTrainer`
 *     "likelihood":  count(ab) / (count(a) · count(b))    WordPiece (Schuster and Nakajima 2012, section 3)
 *
 * The second is what raises the likelihood of the texts, under a model of independent tokens, the most each time that
 * it is applied.
 *
 * Ties go to the higher count, then to the lower id of a, then of b: the result is the same on every machine. The ids
 * are: special tokens; the alphabet by code point; its characters with "##", where they occur within words, by code
 * point; the merges in their order.
 *
 * "count" is the default because a text has far fewer tokens with it, and so fits in where it would not. 8,000 tokens
 * learned from 90 MB of English novels split the words (punctuation too) of five novels by other authors into so many
 * tokens each (`node bench/vocabulary.ts`):
 *
 * | score, `minFrequency` | lower-cased | cased  |
 * |-----------------------|-------------|--------|
 * | count, 2              | 1.1155      | 1.1405 |
 * | likelihood, 2         | 3.0047      | 3.1333 |
 * | likelihood, 10        | 2.8046      | 2.9313 |
 * | likelihood, 100       | 2.2480      | 2.3169 |
 *
 * One word of the 425,948 is [UNK] with each. "likelihood" spends its tokens on rare pairs whose characters hardly
 * occur apart, least so with a high `minFrequency`. Learning takes 8 to 9 s on one core of a Zen 4 EPYC, of which
 * merging takes half a second, and 310 MB of memory; eight times as much text takes no more memory.
 *
 * "count" learns what Hugging Face's trainer (0.23.2) learns, from these 90 MB the same 8,000 tokens, but for one
 * thing: there the "##" characters are numbered in the order of a hash table, which changes from run to run, and with
 * it which of two equally frequent pairs is first. As there, a character outside the alphabet is left out of its word
 * in training; in use, a word with one is [UNK].
 *
 * @param texts read once, one after the other; a word ends where its text ends
 * @returns the tokens by id
 * @throws BertError ERR_INPUT an option is wrong, no text has a word, or `vocabSize` has no room for special tokens and
 *   alphabet
 * @example
 * const tokens = await trainVocabulary(["low lower lowest", "new newer newest"], { vocabSize: 30 });
 * const tokenizer = BertTokenizer.fromVocabulary(tokens);
 */
export async function trainVocabulary(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainVocabularyOptions = {},
): Promise<string[]> {
  expectKnownOptions("trainVocabulary", options, TRAIN_OPTIONS);
  const resolved = resolveOptions(options);
  const counter = new WordCounter(options, resolved.maxWords);
  for await (const text of texts) counter.add(text);
  const counts = counter.counts();
  if (counts.size === 0) fail("texts must have at least one word, have none");

  const { tokens, words } = spellWords(counts, resolved);
  if (tokens.length > resolved.vocabSize) {
    fail(
      `vocabSize must be at least ${tokens.length}, the special tokens and the alphabet, got ${resolved.vocabSize}; limitAlphabet makes the alphabet smaller`,
    );
  }
  mergePairs(tokens, words, { ...resolved, size: resolved.vocabSize });
  return tokens;
}

type Resolved = Required<Omit<TrainVocabularyOptions, keyof NormalizerOptions | "onMerge">> &
  Pick<TrainVocabularyOptions, "onMerge">;

function resolveOptions(options: TrainVocabularyOptions): Resolved {
  const resolved = {
    vocabSize: wholeNumber("vocabSize", options.vocabSize ?? 30_000, 1),
    minFrequency: wholeNumber("minFrequency", options.minFrequency ?? 2, 0),
    limitAlphabet: wholeNumber("limitAlphabet", options.limitAlphabet ?? 1000, 1),
    initialAlphabet: options.initialAlphabet ?? "",
    specialTokens: options.specialTokens ?? DEFAULT_SPECIAL_TOKENS,
    score: options.score ?? "count",
    maxWords: wholeNumber("maxWords", options.maxWords ?? 5_000_000, 1),
    ...(options.onMerge && { onMerge: options.onMerge }),
  };
  if (resolved.score !== "count" && resolved.score !== "likelihood")
    fail(`score must be "count" or "likelihood", got ${shown(resolved.score)}`);
  if (new Set(resolved.specialTokens).size !== resolved.specialTokens.length)
    fail(`specialTokens must be distinct, got ${listed(resolved.specialTokens.map(quote))}`);
  return resolved;
}

const { padToken, unkToken, clsToken, sepToken, maskToken } = SPECIAL_TOKENS;
const DEFAULT_SPECIAL_TOKENS: readonly string[] = [padToken, unkToken, clsToken, sepToken, maskToken];

function wholeNumber(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  return fail(`${name} must be a whole number from ${least}, got ${value}`);
}

function fail(message: string): never {
  throw new BertError("ERR_INPUT", `trainVocabulary: ${message}`);
}
