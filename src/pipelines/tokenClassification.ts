import type { Bert } from "../load/loadBert.ts";
import { expectChoice } from "../options.ts";
import type { BertTokenizer, Encoding } from "../tokenizer/index.ts";
import { answerAll, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectClass,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  type NamedWords,
  wrongArgument,
} from "./arguments.ts";
import {
  AGGREGATION_STRATEGIES,
  type AggregationStrategy,
  type EntityGroup,
  entityGroups,
  ignoredLabels,
  type TokenEntity,
  tokenEntities,
  tokenScores,
  withoutOverlaps,
} from "./entities.ts";
import { expectEach } from "./faults.ts";
import { type Answers, type InputStream, withStreams } from "./stream.ts";
import type { Parts } from "./turns.ts";
import { logitsOf, type TokenLogits, type Windows, windowsOf } from "./windows.ts";

/**
 * Options of a call, named as in Hugging Face. What it takes and gives follows from `aggregation_strategy` and
 * `is_split_into_words`, and its type from theirs.
 */
export interface TokenClassificationOptions<
  S extends AggregationStrategy = AggregationStrategy,
  W extends boolean = boolean,
> extends CallOptions {
  /**
   * "none", the default: an answer for each token. "simple": neighbouring tokens of one kind are one entity. "first",
   * "average", "max": so are neighbouring words, where a word has the label of its first token, of the mean of its
   * tokens, or of the token that is surest; words are never cut.
   */
  readonly aggregation_strategy?: S;
  /** Labels that are left out of the answer. Default ["O"]. */
  readonly ignore_labels?: readonly string[];
  /**
   * Read a text that is too long for the model in windows that share this many tokens, instead of refusing or cutting
   * it. Needs an `aggregation_strategy`, as windows are put together by entities. Where a window ends it may cut a word
   * or an entity; so it should share more tokens than an entity has.
   */
  readonly stride?: number;
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
  /** Texts are lists of words; `start` and `end` are places in the words joined by `delimiter`. Default false. */
  readonly is_split_into_words?: W;
  /** With `is_split_into_words`: what stands between two words. Default " ". */
  readonly delimiter?: string;
}

/** A text is a string, or a list of words. */
type Text<W extends boolean> = W extends true ? readonly string[] : string;
type Entities<S extends AggregationStrategy> = S extends "none" ? TokenEntity[] : EntityGroup[];
/** An array of strings is one text where texts are lists of words. */
type Recognized<Input, S extends AggregationStrategy, W extends boolean> = W extends true
  ? Answers<Input, readonly string[], Entities<S>>
  : Answers<Input, string, Entities<S>>;

/** What `pipeline("token-classification", model)` gives. */
export interface TokenClassification {
  /**
   * What the tokens of a text are: names of persons and places, parts of speech, whatever the model was trained for. An
   * array of texts gives an array of results, each the same, to the bit, as the text alone gives.
   *
   * A stream of any length is answered text by text and in order. Several are computed at once; while the caller
   * handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts that are no strings or too long for the model, all of an array's that are, before
   *   anything is computed; or another wrong argument; of a stream after the results of the texts before. What the
   *   stream throws
   * @example
   * const entities = await ner("Emma Woodhouse lived at Hartfield.", { aggregation_strategy: "simple" });
   * entities[0]; // { entity_group: "PER", score: 0.99…, word: "Emma Woodhouse", start: 0, end: 14 }
   * for await (const entities of ner(lines, { aggregation_strategy: "simple" })) console.log(entities);
   */
  <
    Input extends Text<W> | readonly Text<W>[] | InputStream<Text<W>>,
    S extends AggregationStrategy = "none",
    W extends boolean = false,
  >(
    texts: Input,
    options?: TokenClassificationOptions<S, W>,
  ): Recognized<Input, S, W>;
}

const TASK = "token-classification";

interface EncodedText extends Windows {
  readonly text: string;
  /** Where each word begins, if the text came in words. */
  readonly starts?: readonly number[];
}

/** @throws BertError ERR_INPUT the model has no token classifier */
export function tokenClassification(bert: Bert): TokenClassification {
  const { tokenizer, config } = bert;
  expectClass(TASK, config, "BertForTokenClassification");
  const { labels } = config;

  function prepare(options: TokenClassificationOptions) {
    expectOptions(TASK, options, [
      ...["aggregation_strategy", "ignore_labels", "stride", "truncation"],
      ...["is_split_into_words", "delimiter"],
    ]);
    const { aggregation_strategy: strategy = "none", ignore_labels = ["O"], stride } = options;
    expectChoice(TASK, "aggregation_strategy", strategy, AGGREGATION_STRATEGIES);
    const ignored = ignoredLabels(TASK, ignore_labels);
    const limit = tokenLimit(bert);
    const room = limit - 2; // beside [CLS] and [SEP]
    if (stride !== undefined && !(Number.isSafeInteger(stride) && stride >= 0 && stride < room)) {
      throw wrongArgument(TASK, "stride", `a whole number below ${room}, the tokens of a window`, stride);
    }
    if (stride !== undefined && strategy === "none") {
      throw wrongArgument(TASK, "aggregation_strategy", 'another than "none" where there is a stride', strategy);
    }
    const truncation = flagOf(TASK, "truncation", options.truncation);

    const isSplit = flagOf(TASK, "is_split_into_words", options.is_split_into_words);
    const { delimiter = " " } = options;
    if (!isSplit && options.delimiter !== undefined) {
      throw wrongArgument(TASK, "is_split_into_words", "true where there is a delimiter", options.is_split_into_words);
    }
    expectText(TASK, "delimiter", delimiter);

    function* encode(text: NamedText | NamedWords): Parts<EncodedText> {
      const encoding = yield* stride === undefined
        ? encodeWithin(TASK, tokenizer, text, { truncation, limit })
        : encodeWindows(tokenizer, text, limit, stride);
      if (!("words" in text)) return { text: text.text, ...windowsOf(encoding) };
      return { text: text.words.join(delimiter), starts: startsOf(text.words, delimiter), ...windowsOf(encoding) };
    }

    function answer(
      { text, starts, windows }: EncodedText,
      logits: readonly TokenLogits[],
    ): (TokenEntity | EntityGroup)[] {
      const tokens = windows.map((window, i) =>
        tokenScores(TASK, text, window, logits[i][0], tokenizer.unkTokenId, starts),
      );
      if (strategy === "none") return tokenEntities(tokens[0], labels).filter(({ entity }) => !ignored.has(entity));
      const groups = tokens
        .flatMap((window) => entityGroups(window, labels, strategy))
        .filter(({ entity_group }) => !ignored.has(entity_group));
      return windows.length > 1 ? withoutOverlaps(groups) : groups;
    }

    return {
      isSplit,
      encode,
      async compute(batch: readonly EncodedText[], signal?: AbortSignal) {
        const logits = await logitsOf(bert, batch, ["logits"], signal);
        return batch.map((text, i) => answer(text, logits[i]));
      },
    };
  }

  async function run(input: unknown, options: TokenClassificationOptions = {}): Promise<unknown> {
    const { isSplit, ...steps } = prepare(options);
    if (!isSplit) {
      const answers = await answerAll(expectTexts(TASK, input), steps, options.signal);
      return Array.isArray(input) ? answers : answers[0];
    }
    const isList = Array.isArray(input) && Array.isArray(input[0]);
    const texts = isList
      ? expectEach(input, (words, i) => expectWords(words, `texts[${i}]`))
      : [expectWords(input, "words")];
    if (!isList && texts[0].words.length === 0) throw wrongArgument(TASK, "words", "at least one word", input);
    const answers = await answerAll(texts, steps, options.signal);
    return isList ? answers : answers[0];
  }

  return withStreams(TASK, run, (options: TokenClassificationOptions) => {
    const { isSplit, encode, compute } = prepare(options);
    const expect = (text: unknown, name: string) => (isSplit ? expectWords(text, name) : expectText(TASK, name, text));
    return {
      *encode(text, i) {
        const encoded = yield* encode(expect(text, `texts[${i}]`));
        return { encoded, tokens: encoded.length, length: encoded.length };
      },
      compute,
    };
  }) as TokenClassification;
}

/** A text in windows of `maxLength` tokens. */
function encodeWindows(
  tokenizer: BertTokenizer,
  text: NamedText | NamedWords,
  maxLength: number,
  stride: number,
): Parts<Encoding> {
  const isSplitIntoWords = "words" in text;
  const input = isSplitIntoWords ? text.words : text.text;
  const options = { truncation: true, maxLength, stride, returnOverflowingTokens: true, isSplitIntoWords };
  return tokenizer.encodeInParts(input, options);
}

function expectWords(words: unknown, name: string): NamedWords {
  if (!Array.isArray(words)) throw wrongArgument(TASK, name, "a list of words, as is_split_into_words says", words);
  return { name, words: Array.from(words, (word, i) => expectText(TASK, `${name}[${i}]`, word).text) };
}

/** Where each word begins in the words joined by a delimiter. */
function startsOf(words: readonly string[], delimiter: string): number[] {
  let start = 0;
  return words.map((word) => {
    const at = start;
    start += word.length + delimiter.length;
    return at;
  });
}
