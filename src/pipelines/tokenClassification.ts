import type { BertTokenizer, Encoding } from "../tokenizer/index.ts";
import {
  type CallOptions,
  encodeWithin,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { answerAll, tokenLimit } from "./batches.ts";
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
import type { Bert } from "./load.ts";
import { type InputStream, withStreams } from "./stream.ts";
import { logitsOf, type TokenLogits, type Windows, windowsOf } from "./windows.ts";

export interface TokenClassificationOptions extends CallOptions {
  /**
   * "none", the default: an answer for each token. "simple": neighbouring tokens of one kind are one entity. "first", "average",
   * "max": so are neighbouring words, where a word has the label of its first token, of the mean of its tokens, or of the token
   * that is surest; words are never cut.
   */
  readonly aggregation_strategy?: AggregationStrategy;
  /** Labels that are left out of the answer. Default ["O"]. */
  readonly ignore_labels?: readonly string[];
  /**
   * Read a text that is too long for the model in windows that share this many tokens, instead of refusing it. Needs an
   * `aggregation_strategy`, as windows are put together by entities.
   */
  readonly stride?: number;
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

type PerToken = TokenClassificationOptions & { readonly aggregation_strategy?: "none" };
type Grouped = TokenClassificationOptions & { readonly aggregation_strategy: Exclude<AggregationStrategy, "none"> };

export interface TokenClassification {
  /**
   * What the tokens of a text are: names of persons and places, parts of speech, whatever the model was trained for. An array
   * of texts gives an array of results, each the same, to the bit, as the text alone gives.
   *
   * @throws BertError ERR_INPUT a text that is empty, no string or too long for the model, or another wrong argument
   * @example
   * const entities = await ner("Emma Woodhouse lived at Hartfield.", { aggregation_strategy: "simple" });
   * entities[0]; // { entity_group: "PER", score: 0.99…, word: "Emma Woodhouse", start: 0, end: 14 }
   */
  (text: string, options?: PerToken): Promise<TokenEntity[]>;
  (text: string, options: Grouped): Promise<EntityGroup[]>;
  (texts: readonly string[], options?: PerToken): Promise<TokenEntity[][]>;
  (texts: readonly string[], options: Grouped): Promise<EntityGroup[][]>;
  /**
   * Answers a stream of any length, text by text and in order, each as the text alone. Several are computed at once;
   * while the caller handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError as above, after the results of the texts before; what the stream throws
   * @example
   * for await (const entities of ner(lines, { aggregation_strategy: "simple" })) console.log(entities);
   */
  (texts: InputStream<string>, options?: PerToken): AsyncGenerator<TokenEntity[], void, undefined>;
  (texts: InputStream<string>, options: Grouped): AsyncGenerator<EntityGroup[], void, undefined>;
}

const TASK = "token-classification";

interface EncodedText extends Windows {
  readonly text: string;
}

/** @throws BertError ERR_INPUT the model has no token classifier */
export function tokenClassification(bert: Bert): TokenClassification {
  const { tokenizer, config } = bert;
  if (config.architecture !== "BertForTokenClassification") {
    throw wrongArgument(TASK, "model", "a BertForTokenClassification", config.architecture);
  }
  const { labels } = config;

  function prepare(options: TokenClassificationOptions) {
    expectOptions(TASK, options, ["aggregation_strategy", "ignore_labels", "stride", "truncation"]);
    const { aggregation_strategy: strategy = "none", ignore_labels = ["O"], stride } = options;
    if (!AGGREGATION_STRATEGIES.includes(strategy)) {
      throw wrongArgument(TASK, "aggregation_strategy", `one of ${AGGREGATION_STRATEGIES.join(", ")}`, strategy);
    }
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

    function encode(text: NamedText): EncodedText {
      const encoding =
        stride === undefined
          ? encodeWithin(TASK, tokenizer, text, { truncation, limit })
          : encodeWindows(tokenizer, text, limit, stride);
      return { text: text.text, ...windowsOf(encoding) };
    }

    function answer({ text, windows }: EncodedText, logits: readonly TokenLogits[]): (TokenEntity | EntityGroup)[] {
      const tokens = windows.map((window, i) => tokenScores(TASK, text, window, logits[i][0], tokenizer.unkTokenId));
      if (strategy === "none") return tokenEntities(tokens[0], labels).filter(({ entity }) => !ignored.has(entity));
      const groups = tokens
        .flatMap((window) => entityGroups(window, labels, strategy))
        .filter(({ entity_group }) => !ignored.has(entity_group));
      return windows.length > 1 ? withoutOverlaps(groups) : groups;
    }

    return {
      encode,
      async compute(batch: readonly EncodedText[], signal?: AbortSignal) {
        const logits = await logitsOf(bert, batch, ["logits"], signal);
        return batch.map((text, i) => answer(text, logits[i]));
      },
    };
  }

  async function run(input: unknown, options: TokenClassificationOptions = {}): Promise<unknown> {
    const answers = await answerAll(expectTexts(TASK, input), prepare(options), options.signal);
    return Array.isArray(input) ? answers : answers[0];
  }

  return withStreams(TASK, run, (options: TokenClassificationOptions) => {
    const { encode, compute } = prepare(options);
    return {
      encode(text, i) {
        const encoded = encode(expectText(TASK, `texts[${i}]`, text));
        return { encoded, tokens: encoded.length, length: encoded.length };
      },
      compute,
    };
  }) as TokenClassification;
}

/** A text in windows of `maxLength` tokens. */
function encodeWindows(tokenizer: BertTokenizer, text: NamedText, maxLength: number, stride: number): Encoding {
  const encoding = tokenizer.encode(text.text, { truncation: true, maxLength, stride, returnOverflowingTokens: true });
  if (encoding.length === 2) throw wrongArgument(TASK, text.name, "a text with at least one word", text.text);
  return encoding;
}
