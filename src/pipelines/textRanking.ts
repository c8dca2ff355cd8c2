import { BertError } from "../errors.ts";
import { type ScoreActivation, scoreActivation } from "../load/crossEncoder.ts";
import type { Bert } from "../load/loadBert.ts";
import { expectChoice } from "../options.ts";
import { sigmoid } from "../tensor/kernels/transcendental.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { answerAll, batchesOf } from "./answerAll.ts";
import {
  type CallOptions,
  type EncodeWithinOptions,
  encodeWithin,
  expectClass,
  expectCount,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { embeddingLimit, embeddingTokenizer, whoseLimit } from "./textEmbeddings.ts";
import type { Parts } from "./turns.ts";
import { type Windows, windowsOf } from "./windows.ts";

/** How a model's number becomes a score; "default" is the model's own. */
const ACTIVATIONS = ["default", "sigmoid", "none"] as const;

/** Options of a call, named as those of `CrossEncoder.rank`. */
export interface RankOptions<D extends boolean = boolean> extends CallOptions {
  /** How many documents, the best first; null, the default: all of them. */
  readonly top_k?: number | null;
  /** Whether each result has its document's `text`. Default false. */
  readonly return_documents?: D;
  /**
   * Default: what config.json or config_sentence_transformers.json names, "sigmoid" where they name none; "none" leaves
   * the model's number as it is. The order is the same.
   */
  readonly activation?: (typeof ACTIVATIONS)[number];
  /**
   * Cut query and document where they are too long together, the longer one first. Default true, as in
   * sentence-transformers; false refuses them.
   */
  readonly truncation?: boolean;
  /**
   * Read a document that is too long in windows, with the query before each, which share so many tokens; the best
   * window's score counts. Default: it is cut.
   */
  readonly stride?: number;
}

/** A document with its score. */
export interface RankedDocument {
  /** The document's place among those of the call, from 0. */
  readonly index: number;
  readonly score: number;
}

/** What `pipeline("text-ranking", model)` gives. */
export interface TextRanking {
  /**
   * How well each document answers the query, the best first; of equal ones the first. The model reads query and
   * document together, which says more than two vectors do and takes a pass for each pair. A document's score is the
   * same, to the bit, alone and among others.
   *
   * @throws BertError ERR_INPUT texts that are no strings, all of an array's that are, before anything is computed; or
   *   another wrong argument
   * @example
   * await rank("Who was rich?", ["She was poor.", "Emma was rich."]); // [{ index: 1, score: 0.98… }, …]
   */
  <D extends boolean = false>(
    query: string,
    documents: readonly string[],
    options?: RankOptions<D>,
  ): Promise<(RankedDocument & (D extends true ? { readonly text: string } : unknown))[]>;
}

const TASK = "text-ranking";
/** [CLS] query [SEP] document [SEP] */
const SPECIAL_TOKENS = 3;

/** @throws BertError ERR_INPUT the model has no sequence classifier, or one with several labels */
export function textRanking(bert: Bert): TextRanking {
  const { config, sentence } = bert;
  expectClass(TASK, config, "BertForSequenceClassification");
  if (config.labels.length !== 1) {
    throw wrongArgument(
      TASK,
      "model",
      'one with one label; "text-classification" gives the scores of several',
      config.labels.length,
    );
  }
  const own = scoreActivation(bert.configText, sentence);
  const tokenizer = embeddingTokenizer(bert);
  const limits = { limit: embeddingLimit(bert), limitIs: whoseLimit(bert) };
  const prompt =
    sentence.defaultPromptName === null ? "" : (sentence.prompts.get(sentence.defaultPromptName) as string);

  async function rank(input: unknown, documents: unknown, options: RankOptions = {}): Promise<RankedDocument[]> {
    const { count, activation, encode, withText } = prepare(options, limits, tokenizer);
    const query = expectText(TASK, "query", input);
    if (!Array.isArray(documents)) throw wrongArgument(TASK, "documents", "an array of texts", documents);
    if (documents.length === 0) return [];
    const texts = expectTexts(TASK, documents, "documents");
    const asked = { name: query.name, text: prompt + query.text };
    const scores = await answerAll(
      texts,
      {
        encode: (text) => encode(asked, text),
        compute: (batch, signal) => bestScores(bert, batch, activation ?? own, signal),
      },
      options.signal,
    );
    const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
    return order
      .slice(0, count ?? order.length)
      .map((index) => ({ index, score: scores[index], ...(withText && { text: texts[index].text }) }));
  }
  return rank as TextRanking;
}

/** The most tokens of query and document, and whose number that is. */
type Limits = Required<Pick<EncodeWithinOptions, "limit" | "limitIs">>;

/** The options, checked, and how a pair is encoded. */
function prepare(options: RankOptions, limits: Limits, tokenizer: BertTokenizer) {
  expectOptions(TASK, options, ["top_k", "return_documents", "activation", "truncation", "stride"]);
  const { top_k = null, activation = "default", stride } = options;
  expectChoice(TASK, "activation", activation, ACTIVATIONS);
  const truncation = options.truncation === undefined || flagOf(TASK, "truncation", options.truncation);
  if (stride !== undefined) {
    if (options.truncation !== undefined) throw wrongArgument(TASK, "truncation", "left out beside stride", truncation);
    if (!Number.isSafeInteger(stride) || stride < 0)
      throw wrongArgument(TASK, "stride", "a whole number from 0", stride);
  }
  return {
    count: top_k === null ? null : expectCount(TASK, "top_k", top_k, ", or null for all documents"),
    withText: flagOf(TASK, "return_documents", options.return_documents),
    activation: activation === "default" ? null : activation === "sigmoid" ? sigmoid : (logit: number) => logit,
    *encode(query: NamedText, document: NamedText): Parts<Windows> {
      if (stride !== undefined) return yield* inWindows(query, document, stride, limits, tokenizer);
      return windowsOf(yield* encodeWithin(TASK, tokenizer, query, { textPair: document, truncation, ...limits }));
    },
  };
}

/** The document in windows that share `stride` tokens, with the query before each. */
function* inWindows(
  query: NamedText,
  document: NamedText,
  stride: number,
  { limit, limitIs }: Limits,
  tokenizer: BertTokenizer,
): Parts<Windows> {
  const room = limit - SPECIAL_TOKENS - (yield* tokenizer.countInParts(query.text, { addSpecialTokens: false }));
  if (room <= stride) {
    const expected = `short enough to leave a document more than the ${stride} tokens of stride, of ${limit}, ${limitIs}`;
    throw wrongArgument(TASK, "query", expected, query.text);
  }
  const options = { truncation: "only_second", maxLength: limit, stride, returnOverflowingTokens: true } as const;
  return windowsOf(yield* tokenizer.encodeInParts(query.text, { textPair: document.text, ...options }));
}

/** For each document the largest score of its windows. */
async function bestScores(
  bert: Bert,
  documents: readonly Windows[],
  activation: ScoreActivation,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const logits: number[] = [];
  for (const batch of batchesOf(
    documents.flatMap(({ windows }) => windows),
    ({ length }) => length,
  )) {
    const output = await bert.forward(batch, { lastHiddenState: false, ...(signal && { signal }) });
    logits.push(...output.logits!.data);
  }
  let at = 0;
  return documents.map(({ windows }) => {
    const scores = logits.slice(at, at + windows.length).map(activation);
    at += windows.length;
    const best = Math.max(...scores);
    if (Number.isFinite(best)) return best;
    throw new BertError("ERR_CHECKPOINT", `${TASK}: the model's logits must be finite numbers, got others`);
  });
}
