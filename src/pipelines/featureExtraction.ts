import { BertError } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { expectChoice } from "../options.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { answerTexts, encodeAll, tokenLimit, withoutDecoder } from "./answerAll.ts";
import {
  type CallOptions,
  type EncodedText,
  type EncodeWithinOptions,
  encodeTelling,
  encodeWithin,
  expectCount,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
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
import { POOLINGS, type Pooling, pooled } from "./pooling.ts";
import { expectRanges, PRECISIONS, type Precision } from "./quantize.ts";
import { type Answers, sized, type Texts, withStreams } from "./stream.ts";

const LAYERS = ["last", "concat_last_4", "sum_last_4"] as const;

/**
 * Options of a call, named as in transformers.js; `layers` and `truncate_dim` beside them. What a call gives follows
 * from `pooling` and `quantize`, and its type from theirs.
 */
export interface FeatureExtractionOptions<P extends Pooling = Pooling, Q extends boolean = boolean>
  extends CallOptions {
  /** Default "none": a vector for each token. [CLS] and [SEP] are tokens too, and count in the means and "max". */
  readonly pooling?: P;
  /**
   * Of which layers the vectors are: the last one's, the default; those of the last four end to end, 4H numbers; or
   * their sum. The paper found the four end to end to be best for named entities (Devlin et al. 2019, §5.3, table 7).
   */
  readonly layers?: (typeof LAYERS)[number];
  /**
   * Only the first so many numbers of each vector, cut before `normalize`: for models that were trained to bear it
   * (Kusupati et al. 2022, arXiv 2205.13147). Default: all.
   */
  readonly truncate_dim?: number;
  /** Divide each vector by its length, so that the dot product of two is their cosine similarity. Default false. */
  readonly normalize?: boolean;
  /** Give pooled vectors in fewer bits, by the rule of `precision`. Default false. */
  readonly quantize?: Q;
  /**
   * With `quantize`: "binary", the default, or "ubinary" keep signs, eight in a byte; "int8" or "uint8" one of 256
   * steps of a range, which has to be known: from `ranges`, or from the texts of the call.
   */
  readonly precision?: Precision;
  /**
   * With "int8" and "uint8": [2, H], the least number in each place and then the largest, as an earlier result's
   * `ranges`. Default: those of this call's vectors, so that codes of two calls without it cannot be compared.
   */
  readonly ranges?: ArrayLike<number>;
  /**
   * Cut a text that is too long for the model instead of refusing it; `truncated` says how many were. Default false.
   */
  readonly truncation?: boolean;
}

/** What a call with these options gives. */
type Features<P extends Pooling, Q extends boolean> = (Q extends true
  ? QuantizedFeatures
  : FeatureTensor<P extends "none" ? number[][][] : number[][]>) &
  Truncated;

/** What `pipeline("feature-extraction")` gives. */
export interface FeatureExtraction {
  /**
   * The encoder's output for each token of a text, or one vector for the text. A text's numbers are the same, to the
   * bit, alone and among others. Several texts give one tensor.
   *
   * A stream of any length is answered text by text and in order: [1, T, H] or [1, H]. Several are computed at once;
   * while the caller handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts that are no strings or too long for the model, all of an array's that are, before
   *   anything is computed; or another wrong argument; of a stream after the results of the texts before. What the
   *   stream throws
   * @example
   * const { dims, data } = await extract(["A text.", "Another."], { pooling: "mean", normalize: true });
   * dims; // [2, 256]
   * (await extract("A text.", { pooling: "mean", quantize: true })).data; // Int8Array of 32, a bit for each sign
   * for await (const { data } of extract(lines, { pooling: "mean" })) console.log(data);
   */
  <Input extends Texts, P extends Pooling = "none", Q extends boolean = false>(
    texts: Input,
    options?: FeatureExtractionOptions<P, Q>,
  ): Answers<Input, string | readonly string[], Features<P, Q>>;
}

const TASK = "feature-extraction";

export function featureExtraction(bert: Bert): FeatureExtraction {
  const run = async (input: unknown, options: FeatureExtractionOptions = {}) =>
    vectorsOf(bert, TASK, expectTexts(TASK, input), options);
  return withStreams(TASK, run, (options: FeatureExtractionOptions) => {
    const { perToken, size, encode, compute, precision, ranges } = prepare(bert, TASK, options);
    if (needsRanges(precision, ranges)) {
      throw wrongArgument(TASK, "ranges", `given for ${precision} vectors of a stream`, ranges);
    }
    return {
      *encode(text, i) {
        const encoded = yield* encode(expectText(TASK, `texts[${i}]`, text));
        return { ...sized(encoded.encoding), encoded };
      },
      async compute(batch: readonly EncodedText[], signal) {
        const features = await compute(batch, signal);
        return features.map((feature, i) =>
          told(stacked([feature], size, perToken), precision, ranges, countsOf(batch[i])),
        );
      },
    };
  }) as FeatureExtraction;
}

/**
 * The features of texts that have been checked, for this task and others that need them.
 *
 * @param where the function that errors about texts name
 */
export async function vectorsOf(
  bert: Bert,
  where: string,
  texts: readonly NamedText[],
  options: FeatureExtractionOptions,
): Promise<(FeatureTensor<unknown> | QuantizedFeatures) & Truncated> {
  const { perToken, size, precision, ranges, encode, compute } = prepare(bert, where, options);
  if (needsRanges(precision, ranges) && texts.length === 1) {
    throw wrongArgument(TASK, "ranges", `given for ${precision} vectors of a single text`, ranges);
  }
  const { answers, counts } = await answerTexts(texts, { encode, compute }, options.signal);
  return told(stacked(answers, size, perToken), precision, ranges, counts);
}

/** Checks that texts are not too long for the model. @throws BertError ERR_INPUT about all that are */
export async function expectToFit(
  where: string,
  texts: readonly NamedText[],
  signal: AbortSignal | undefined,
  tokenizer: BertTokenizer,
  limits: Pick<EncodeWithinOptions, "limit" | "limitIs">,
): Promise<void> {
  await encodeAll(
    texts.filter(({ text }) => !surelyFits(text, limits.limit)),
    function* (text) {
      yield* encodeWithin(where, tokenizer, text, { truncation: false, ...limits });
    },
    signal,
  );
}

/**
 * Whether a text needs no look: in ASCII a token stands for one character at least. So the lines of an index need not
 * be tokenized twice, which took 2 % of building it.
 */
function surelyFits(text: string, limit: number): boolean {
  return text.length + 2 <= limit && /^[ -~]*$/.test(text);
}

/** How texts become features. */
function prepare(bert: Bert, where: string, options: FeatureExtractionOptions) {
  const { tokenizer } = bert;
  const H = bert.config.hiddenSize;
  const { perToken, size, width, pooling, layers, normalize, ...quantization } = settingsOf(options, bert);
  const truncation = flagOf(TASK, "truncation", options.truncation);
  const limit = tokenLimit(bert);
  return {
    ...quantization,
    perToken,
    size,
    encode: (text: NamedText) => encodeTelling(where, tokenizer, text, { truncation, limit }),

    /** Computes the features of each text: [T of the text, size] or [size]. */
    async compute(batch: readonly EncodedText[], signal?: AbortSignal): Promise<Float32Array[]> {
      const encodings = batch.map(({ encoding }) => encoding);
      const { lastHiddenState, hiddenStates } = await bert.forward(encodings, {
        ...withoutDecoder(bert, batch.length),
        ...(layers !== "last" && { hiddenStates: true }),
        ...(signal && { signal }),
      });
      const T = lastHiddenState.shape[1];
      const states = layers === "last" ? [lastHiddenState] : hiddenStates!.slice(-4);
      return batch.map(({ length }, b) => {
        const perLayer = states.map(({ data }) => data.subarray(b * T * H, (b * T + length) * H));
        const tokens = layers === "sum_last_4" ? sum(perLayer) : interleaved(perLayer, H);
        return vectors(tokens, width, pooling, size, normalize);
      });
    },
  };
}

/** The options but `truncation`, checked. */
function settingsOf(options: FeatureExtractionOptions, { config }: Bert) {
  expectOptions(TASK, options, [
    ...["pooling", "layers", "truncate_dim", "normalize", "quantize", "precision", "ranges"],
    "truncation",
  ]);
  const { pooling = "none", layers = "last" } = options;
  const H = config.hiddenSize;
  expectChoice(TASK, "layers", layers, LAYERS);
  if (layers !== "last" && config.numHiddenLayers < 4) {
    throw wrongArgument(TASK, "layers", `last for a model of ${config.numHiddenLayers} layers`, layers);
  }
  const width = layers === "concat_last_4" ? 4 * H : H;
  const size = options.truncate_dim === undefined ? width : expectCount(TASK, "truncate_dim", options.truncate_dim);
  if (size > width) throw wrongArgument(TASK, "truncate_dim", `at most ${width}, what a vector has`, size);
  expectChoice(TASK, "pooling", pooling, POOLINGS);
  const normalize = flagOf(TASK, "normalize", options.normalize);
  return { perToken: pooling === "none", size, width, pooling, layers, normalize, ...quantizationOf(options, size) };
}

/** What `quantize` and its kin say; nothing where they are left out. */
function quantizationOf(
  options: FeatureExtractionOptions,
  size: number,
): { precision?: Precision; ranges?: Float32Array } {
  const { precision = "binary", pooling = "none", ranges } = options;
  if (!flagOf(TASK, "quantize", options.quantize)) {
    // An explicit false is transformers.js's way to say no to a precision that is there.
    const idle =
      options.quantize === undefined && (["precision", "ranges"] as const).find((name) => options[name] !== undefined);
    if (idle) throw wrongArgument(TASK, "quantize", `true where there is ${idle}`, options.quantize);
    return {};
  }
  expectChoice(TASK, "precision", precision, PRECISIONS);
  if (pooling === "none")
    throw wrongArgument(TASK, "pooling", "another than none where vectors are quantized", pooling);
  const signs = precision === "binary" || precision === "ubinary";
  if (signs && size % 8 !== 0) {
    throw wrongArgument(TASK, "truncate_dim", `a multiple of 8 where signs are kept, 8 in a byte`, size);
  }
  if (ranges === undefined) return { precision };
  if (signs) throw wrongArgument(TASK, "precision", "int8 or uint8 where there are ranges", precision);
  return { precision, ranges: expectRanges(TASK, ranges, size) };
}

function needsRanges(precision: Precision | undefined, ranges: Float32Array | undefined): boolean {
  return (precision === "int8" || precision === "uint8") && !ranges;
}

/** Σ of the layers [T, H], rounded once. */
function sum(layers: readonly Float32Array[]): Float32Array {
  return Float32Array.from(layers[0], (_, i) => layers.reduce((total, layer) => total + layer[i], 0));
}

/** [T, H] of each layer → [T, layers · H] */
function interleaved(layers: readonly Float32Array[], H: number): Float32Array {
  if (layers.length === 1) return layers[0];
  const result = new Float32Array(layers.length * layers[0].length);
  for (let t = 0, at = 0; t < layers[0].length / H; t++) {
    for (const layer of layers) {
      result.set(layer.subarray(t * H, (t + 1) * H), at);
      at += H;
    }
  }
  return result;
}

/**
 * The vectors of one text, computed in float64 and rounded once.
 *
 * @param tokens [T, H]
 * @returns      [size], or [T, size] for "none": the first `size` numbers of each vector
 */
function vectors(tokens: Float32Array, H: number, pooling: Pooling, size: number, normalize: boolean): Float32Array {
  const rows =
    pooling === "none"
      ? Array.from({ length: tokens.length / H }, (_, t) => tokens.subarray(t * H, (t + 1) * H))
      : [pooled(tokens, H, pooling)];
  const result = new Float32Array(rows.length * size);
  for (const [t, row] of rows.entries()) {
    let squares = 0;
    for (let h = 0; h < size; h++) squares += row[h] * row[h];
    if (!Number.isFinite(squares)) {
      throw new BertError("ERR_CHECKPOINT", `${TASK}: the model's output must be finite numbers, got others`);
    }
    const length = normalize ? Math.sqrt(squares) || 1 : 1; // a vector of zeros has no direction and stays
    for (let h = 0; h < size; h++) result[t * size + h] = row[h] / length;
  }
  return result;
}
