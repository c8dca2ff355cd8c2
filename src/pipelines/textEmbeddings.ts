import { BertError, listed, quote } from "../errors.ts";
import { TRANSFORMER_FILES } from "../hub/sentenceFiles.ts";
import type { Bert } from "../load/loadBert.ts";
import type { SentenceModules } from "../load/sentenceModules.ts";
import { normalized, sentenceSize, sentenceVector } from "../load/sentenceVector.ts";
import type { SequenceInput } from "../model/batch.ts";
import { expectChoice } from "../options.ts";
import { classOf } from "../realm.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { answerTexts, tokenLimit, withoutDecoder } from "./answerAll.ts";
import {
  type CallOptions,
  type EncodedText,
  encodeTelling,
  expectCount,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  MODELS_LIMIT,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import {
  countsOf,
  type FeatureTensor,
  type QuantizedFeatures,
  stacked,
  type Truncated,
  told,
} from "./featureTensor.ts";
import { expectRanges, PRECISIONS, type Precision } from "./quantize.ts";
import { type Answers, sized, type Texts, withStreams } from "./stream.ts";
import type { Parts } from "./turns.ts";

/** float32, or how vectors are kept in fewer bits. */
export type EmbeddingPrecision = "float32" | Precision;

/** Options of a call, named as those of `SentenceTransformer.encode`. */
export interface EmbeddingOptions<P extends EmbeddingPrecision = EmbeddingPrecision> extends CallOptions {
  /** What stands before each text. Default: the prompt that `prompt_name` names. */
  readonly prompt?: string;
  /** The name of one of the folder's prompts. Default: its `default_prompt_name`, if it has one. */
  readonly prompt_name?: string;
  /** Only the first so many numbers of each vector. Default: what the folder says, else all. */
  readonly truncate_dim?: number;
  /**
   * "float32", the default; "binary" or "ubinary" keep signs, eight in a byte; "int8" or "uint8" one of 256 steps of a
   * range, which has to be known: from `ranges`, or from the texts of the call.
   */
  readonly precision?: P;
  /** With "int8" and "uint8": [2, D], the least number in each place and then the largest. */
  readonly ranges?: ArrayLike<number>;
  /** Divide each vector by its length, if the folder has no module that does. Default false. */
  readonly normalize?: boolean;
  /** Cut a text that is too long for the model. Default true, as in sentence-transformers; false refuses it. */
  readonly truncation?: boolean;
}

/** What a call with this precision gives: [n, D]. */
type Vectors<P extends EmbeddingPrecision> = (P extends "float32" ? FeatureTensor<number[][]> : QuantizedFeatures) &
  Truncated;

/** A call of the pipeline. */
type Encode = <Input extends Texts, P extends EmbeddingPrecision = "float32">(
  texts: Input,
  options?: EmbeddingOptions<P>,
) => Answers<Input, string | readonly string[], Vectors<P>>;

/** What `pipeline("embeddings")` gives. */
export interface Embeddings {
  /**
   * One vector for each text, as `SentenceTransformer.encode` of the model's folder gives it: with its prompts, its
   * length and its modules (Pooling, Dense, LayerNorm, Normalize). A folder that sentence-transformers has not saved
   * gives the mean of the tokens' vectors.
   *
   * A text that is too long is cut, as there, unless `truncation` is false. `truncated` says how many were. `unknown`
   * says of how many texts the model knows less than half. Of no texts it is [0, D]. A stream of any length is answered
   * text by text, [1, D], and in order.
   *
   * @throws BertError ERR_INPUT texts that are no strings, a prompt that there is not, or another wrong argument;
   *   ERR_CHECKPOINT modules that cannot be read
   * @example
   * const embed = await pipeline("embeddings"); // or of a folder, such as that of all-MiniLM-L6-v2
   * const { dims, data } = await embed(["A text.", "Another."]);
   * dims; // [2, 384]
   */
  <Input extends Texts, P extends EmbeddingPrecision = "float32">(
    texts: Input,
    options?: EmbeddingOptions<P>,
  ): Answers<Input, string | readonly string[], Vectors<P>>;
  /** As a call, with a query's length, and its prompt unless an option names another: what one searches with. */
  readonly encodeQuery: Encode;
  /** As a call, with a document's length, and its prompt unless an option names another: what one searches in. */
  readonly encodeDocument: Encode;
}

const TASK = "embeddings";

/** What a text is encoded as, by its prompt and its length; null: neither. */
export type TextRole = "query" | "document" | null;

export function embeddings(bert: Bert): Embeddings {
  const steps = stepsOf(bert);
  const as = (role: "query" | "document") => {
    const call = callAs(bert, steps, role);
    return (texts: unknown, options: EmbeddingOptions | undefined) => call(texts, orPrompt(role, options));
  };
  return Object.assign(callAs(bert, steps, null), {
    encodeQuery: as("query"),
    encodeDocument: as("document"),
  }) as Embeddings;
}

/** A call of the pipeline, for texts of this role. */
function callAs(bert: Bert, steps: StepsOf, role: TextRole) {
  const run = async (input: unknown, options: EmbeddingOptions = {}) =>
    embeddingsOf(bert, TASK, textsOf(input), options, { steps, role });
  return withStreams(TASK, run, (options: EmbeddingOptions) => {
    const { size, precision, ranges, ...prepared } = steps(TASK, options, role);
    if (needsRanges(precision, ranges)) {
      throw wrongArgument(TASK, "ranges", `given for ${precision} vectors of a stream`, ranges);
    }
    return {
      *encode(text, i) {
        const encoded = yield* prepared.encode(expectText(TASK, `texts[${i}]`, text));
        return { ...sized(encoded.encoding), encoded };
      },
      async compute(batch: readonly EncodedText[], signal) {
        const vectors = await prepared.compute(batch, signal);
        return vectors.map((vector, i) => told(stacked([vector], size, false), precision, ranges, countsOf(batch[i])));
      },
    };
  });
}

/** Checks one text or a list of them, which may be empty. */
function textsOf(input: unknown): NamedText[] {
  return Array.isArray(input) && input.length === 0 ? [] : expectTexts(TASK, input);
}

/** The options, with this prompt where they name none; what is no object is left for the call to refuse. */
function orPrompt(name: string, options: EmbeddingOptions = {}): EmbeddingOptions {
  if (classOf(options) !== "Object" || options.prompt !== undefined) return options;
  const { prompt_name = name, ...others } = options;
  return { ...others, prompt_name };
}

/**
 * The vectors of texts that have been checked, for this task and others that need them.
 *
 * @param where the function that errors about texts name
 */
export async function embeddingsOf(
  bert: Bert,
  where: string,
  texts: readonly NamedText[],
  options: EmbeddingOptions,
  { steps = stepsOf(bert), role = null }: { readonly steps?: StepsOf; readonly role?: TextRole } = {},
): Promise<(FeatureTensor<unknown> | QuantizedFeatures) & Truncated> {
  const { size, precision, ranges, encode, compute } = steps(where, options, role);
  if (needsRanges(precision, ranges) && texts.length === 1) {
    throw wrongArgument(TASK, "ranges", `given for ${precision} vectors of a single text`, ranges);
  }
  const { answers, counts } = await answerTexts(texts, { encode, compute }, options.signal);
  return told(stacked(answers, size, false), precision, ranges, counts);
}

/** How texts become vectors. */
export interface EmbeddingSteps {
  /** D */
  readonly size: number;
  readonly precision?: Precision;
  readonly ranges?: Float32Array;
  encode(text: NamedText): Parts<EncodedText>;
  /** @returns the vector of each text, [D] */
  compute(batch: readonly EncodedInput[], signal?: AbortSignal): Promise<Float32Array[]>;
}

/** What a text has become, or the ids that stood for one. */
export interface EncodedInput {
  readonly encoding: SequenceInput & { readonly length: number };
}

/** How texts of a role become vectors with the options of a call. */
export type StepsOf = (where: string, options: EmbeddingOptions, role: TextRole) => EmbeddingSteps;

/** @throws BertError ERR_CHECKPOINT the folder's modules cannot be read, or do not fit the model or each other */
export function stepsOf(bert: Bert): StepsOf {
  const modules = bert.sentenceModules;
  const tokenizer = embeddingTokenizer(bert);
  const H = bert.config.hiddenSize;
  const state = hiddenStateOf(bert);
  sentenceSize(modules, H); // modules that do not fit are an error now
  const leavesPrompt = modules.modules.some((module) => module.type === "Pooling" && !module.includePrompt);

  return (where, options, role) => {
    const [limit, limitIs] = [embeddingLimit(bert, role), whoseLimit(bert, role)];
    const { size, normalize, truncation, ...quantization } = settingsOf(options, modules, H);
    const prompt = promptOf(modules, options);
    const promptLength = leavesPrompt && prompt !== "" ? tokensOfPrompt(tokenizer, prompt, embeddingLimit(bert)) : 0;
    return {
      size,
      ...quantization,
      encode: ({ name, text }: NamedText) =>
        encodeTelling(
          where,
          tokenizer,
          { name, text: prompt + text },
          { truncation, limit, limitIs, from: prompt.length },
        ),
      async compute(batch: readonly EncodedInput[], signal?: AbortSignal): Promise<Float32Array[]> {
        const encodings = batch.map(({ encoding }) => encoding);
        const { lastHiddenState, hiddenStates } = await bert.forward(encodings, {
          ...withoutDecoder(bert, batch.length),
          ...(state !== null && { hiddenStates: true }),
          ...(signal && { signal }),
        });
        const { data, shape } = state === null ? lastHiddenState : hiddenStates![state];
        return encodings.map(({ length }, b) => {
          const tokens = data.subarray(b * shape[1] * H, (b * shape[1] + length) * H);
          const vector = sentenceVector(modules, tokens, H, promptLength).subarray(0, size);
          if (!vector.every(Number.isFinite)) {
            throw new BertError("ERR_CHECKPOINT", `${TASK}: the model's output must be finite numbers, got others`);
          }
          return Float32Array.from(normalize ? normalized(vector) : vector);
        });
      },
    };
  };
}

/** The tokenizer as the folder's sentence_bert_config.json has it. */
export function embeddingTokenizer(bert: Bert): BertTokenizer {
  return bert.sentence.doLowerCase ? bert.tokenizer.lowerCased() : bert.tokenizer;
}

/** The most tokens of a text of this role, by the folder, else by tokenizer and model. */
export function embeddingLimit(bert: Bert, role: TextRole = null): number {
  const { maxSeqLength, queryLength, documentLength } = bert.sentence;
  const length = (role === "query" ? queryLength : role === "document" ? documentLength : null) ?? maxSeqLength;
  return length === null ? tokenLimit(bert) : Math.min(length, bert.config.maxPositionEmbeddings);
}

/**
 * Which of the L + 1 hidden states the modules are given, from 0; null: the last layer's output.
 *
 * @throws BertError ERR_CHECKPOINT the folder names one that the model does not have
 */
function hiddenStateOf({ sentenceModules, config }: Bert): number | null {
  const { hiddenState: n } = sentenceModules;
  const L = config.numHiddenLayers;
  if (n === null || (n >= -L - 1 && n <= L)) return n === null || n >= 0 ? n : L + 1 + n;
  const expected = `n of ["hidden_states", n] must be ${-L - 1} to ${L}, as the model has ${L} layers, got ${n}`;
  throw new BertError(
    "ERR_CHECKPOINT",
    `${TRANSFORMER_FILES[0]}: modality_config.text.method_output_name: ${expected}`,
  );
}

/** Whose number that limit is, for messages. */
export function whoseLimit(bert: Bert, role: TextRole = null): string {
  return embeddingLimit(bert, role) < bert.config.maxPositionEmbeddings ? FOLDERS_LIMIT : MODELS_LIMIT;
}

/** What messages call a length that is less than the model's, as files beside the weights say. */
const FOLDERS_LIMIT = "the most that the model's folder allows";

/** How many numbers a vector has: D. */
export function embeddingSize({ sentenceModules, config }: Bert): number {
  const D = sentenceSize(sentenceModules, config.hiddenSize);
  return Math.min(sentenceModules.truncateDim ?? D, D);
}

/** How many tokens a prompt has with [CLS] before it, as `Transformer._get_prompt_length` counts them. */
function tokensOfPrompt(tokenizer: BertTokenizer, prompt: string, limit: number): number {
  return tokenizer.encode(prompt, { truncation: true, maxLength: limit }).length - 1;
}

/** The prompt of a call. @throws BertError ERR_INPUT there is none of that name */
export function promptOf(
  { prompts, defaultPromptName }: SentenceModules,
  options: Pick<EmbeddingOptions, "prompt" | "prompt_name">,
): string {
  const { prompt, prompt_name } = options;
  if (prompt !== undefined) {
    if (prompt_name !== undefined) throw wrongArgument(TASK, "prompt_name", "left out beside prompt", prompt_name);
    return expectText(TASK, "prompt", prompt).text;
  }
  const { prompt_name: name = defaultPromptName ?? undefined } = options;
  if (name === undefined) return "";
  const found = prompts.get(name);
  if (found !== undefined) return found;
  throw wrongArgument(TASK, "prompt_name", `one of the model's, ${listed(Array.from(prompts.keys(), quote))}`, name);
}

/** The options but those about the prompt, checked. */
function settingsOf(options: EmbeddingOptions, modules: SentenceModules, H: number) {
  expectOptions(TASK, options, [
    ...["prompt", "prompt_name", "truncate_dim", "precision", "ranges", "normalize", "truncation"],
  ]);
  const D = sentenceSize(modules, H);
  const { truncate_dim, precision = "float32", ranges } = options;
  const size =
    truncate_dim === undefined
      ? Math.min(modules.truncateDim ?? D, D)
      : expectCount(TASK, "truncate_dim", truncate_dim);
  if (size > D) throw wrongArgument(TASK, "truncate_dim", `at most ${D}, what a vector has`, size);
  expectChoice(TASK, "precision", precision, ["float32", ...PRECISIONS]);
  const signs = precision === "binary" || precision === "ubinary";
  if (signs && size % 8 !== 0) {
    throw wrongArgument(TASK, "truncate_dim", `a multiple of 8 where signs are kept, 8 in a byte`, size);
  }
  if (ranges !== undefined && (signs || precision === "float32")) {
    throw wrongArgument(TASK, "precision", "int8 or uint8 where there are ranges", precision);
  }
  return {
    size,
    normalize: flagOf(TASK, "normalize", options.normalize),
    truncation: options.truncation === undefined ? true : flagOf(TASK, "truncation", options.truncation),
    ...(precision !== "float32" && { precision }),
    ...(ranges !== undefined && { ranges: expectRanges(TASK, ranges, size) }),
  };
}

function needsRanges(precision: Precision | undefined, ranges: Float32Array | undefined): boolean {
  return (precision === "int8" || precision === "uint8") && !ranges;
}
