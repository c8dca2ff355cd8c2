import { BertError } from "../errors.ts";
import type { Encoding } from "../tokenizer/index.ts";
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
import { answerAll, tokenLimit, withoutDecoder } from "./batches.ts";
import type { Bert } from "./load.ts";
import { type InputStream, sized, withStreams } from "./stream.ts";

/** How the vectors of a text's tokens become one: their mean, the one of [CLS], or the largest number in each place. */
const POOLINGS = ["none", "mean", "cls", "max"] as const;
export type Pooling = (typeof POOLINGS)[number];

export interface FeatureExtractionOptions extends CallOptions {
  /** Default "none": a vector for each token. [CLS] and [SEP] are tokens too, and count in "mean" and "max". */
  readonly pooling?: Pooling;
  /** Divide each vector by its length, so that the dot product of two is their cosine similarity. Default false. */
  readonly normalize?: boolean;
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

/** Numbers with their sizes, named as transformers.js names them. */
export interface FeatureTensor<List> {
  /** B texts, T tokens of the longest, H numbers: [B, T, H], or [B, H] where they are pooled; B is 1 for a single text. */
  readonly dims: readonly number[];
  readonly type: "float32";
  /** Row-major; zeros after the last token of a shorter text. */
  readonly data: Float32Array;
  /** As nested arrays. */
  tolist(): List;
}

type PerToken = FeatureExtractionOptions & { readonly pooling?: "none" };
type PerText = FeatureExtractionOptions & { readonly pooling: Exclude<Pooling, "none"> };

export interface FeatureExtraction {
  /**
   * The encoder's output for each token of a text, or one vector for the text. A text's numbers are the same, to the
   * bit, alone and among others.
   *
   * @throws BertError ERR_INPUT a text that is empty, no string or too long for the model, or another wrong argument
   * @example
   * const { dims, data } = await extract(["A text.", "Another."], { pooling: "mean", normalize: true });
   * dims; // [2, 256]
   */
  (text: string | readonly string[], options?: PerToken): Promise<FeatureTensor<number[][][]>>;
  (text: string | readonly string[], options: PerText): Promise<FeatureTensor<number[][]>>;
  /**
   * Answers a stream of any length, text by text and in order, each as the text alone: [1, T, H] or [1, H]. Several are
   * computed at once; while the caller handles their results the next are, and the stream is read no further. Leaving the
   * loop closes it.
   *
   * @throws BertError as above, after the results of the texts before; what the stream throws
   * @example
   * for await (const { data } of extract(lines, { pooling: "mean" })) console.log(data);
   */
  (texts: InputStream<string>, options?: PerToken): AsyncGenerator<FeatureTensor<number[][][]>, void, undefined>;
  (texts: InputStream<string>, options: PerText): AsyncGenerator<FeatureTensor<number[][]>, void, undefined>;
}

const TASK = "feature-extraction";

export function featureExtraction(bert: Bert): FeatureExtraction {
  const { tokenizer } = bert;
  const H = bert.config.hiddenSize;

  function prepare(options: FeatureExtractionOptions) {
    expectOptions(TASK, options, ["pooling", "normalize", "truncation"]);
    const { pooling = "none" } = options;
    if (!POOLINGS.includes(pooling)) throw wrongArgument(TASK, "pooling", `one of ${POOLINGS.join(", ")}`, pooling);
    const normalize = flagOf(TASK, "normalize", options.normalize);
    const truncation = flagOf(TASK, "truncation", options.truncation);
    const limit = tokenLimit(bert);
    return {
      perToken: pooling === "none",
      encode: (text: NamedText) => encodeWithin(TASK, tokenizer, text, { truncation, limit }),

      /** For each text [T of the text, H] or [H]. */
      async compute(batch: readonly Encoding[], signal?: AbortSignal): Promise<Float32Array[]> {
        const { lastHiddenState } = await bert.forward(batch, {
          ...withoutDecoder(bert, batch.length),
          ...(signal && { signal }),
        });
        const T = lastHiddenState.shape[1];
        return batch.map(({ length }, b) => {
          const tokens = lastHiddenState.data.subarray(b * T * H, (b * T + length) * H);
          return vectors(tokens, H, pooling, normalize);
        });
      },
    };
  }

  async function run(input: unknown, options: FeatureExtractionOptions = {}): Promise<FeatureTensor<unknown>> {
    const steps = prepare(options);
    const features = await answerAll(expectTexts(TASK, input), steps, options.signal);
    return stacked(features, H, steps.perToken);
  }

  return withStreams(TASK, run, (options: FeatureExtractionOptions) => {
    const { perToken, encode, compute } = prepare(options);
    return {
      encode: (text, i) => sized(encode(expectText(TASK, `texts[${i}]`, text))),
      async compute(batch: readonly Encoding[], signal) {
        return (await compute(batch, signal)).map((feature) => stacked([feature], H, perToken));
      },
    };
  }) as FeatureExtraction;
}

/**
 * The vectors of one text, computed in float64 and rounded once.
 *
 * @param tokens [T, H]
 * @returns      [H], or [T, H] for "none"
 */
function vectors(tokens: Float32Array, H: number, pooling: Pooling, normalize: boolean): Float32Array {
  const rows =
    pooling === "none"
      ? Array.from({ length: tokens.length / H }, (_, t) => tokens.subarray(t * H, (t + 1) * H))
      : [pooled(tokens, H, pooling)];
  const result = new Float32Array(rows.length * H);
  for (const [t, row] of rows.entries()) {
    let squares = 0;
    for (let h = 0; h < H; h++) squares += row[h] * row[h];
    if (!Number.isFinite(squares)) {
      throw new BertError("ERR_CHECKPOINT", `${TASK}: the model's output must be finite numbers, got others`);
    }
    const length = normalize ? Math.sqrt(squares) || 1 : 1; // a vector of zeros has no direction and stays
    for (let h = 0; h < H; h++) result[t * H + h] = row[h] / length;
  }
  return result;
}

/** [T, H] → [H] */
function pooled(tokens: Float32Array, H: number, pooling: Exclude<Pooling, "none">): Float64Array {
  const vector = Float64Array.from(tokens.subarray(0, H)); // that of [CLS]
  if (pooling === "cls") return vector;
  for (let i = H; i < tokens.length; i++) {
    const h = i % H;
    if (pooling === "mean") vector[h] += tokens[i];
    else if (tokens[i] > vector[h]) vector[h] = tokens[i];
  }
  return pooling === "mean" ? vector.map((sum) => sum / (tokens.length / H)) : vector;
}

function stacked(features: readonly Float32Array[], H: number, perToken: boolean): FeatureTensor<unknown> {
  const size = features.reduce((most, { length }) => Math.max(most, length), 0);
  const data = new Float32Array(features.length * size);
  for (const [b, feature] of features.entries()) data.set(feature, b * size);
  const dims = perToken ? [features.length, size / H, H] : [features.length, H];
  return { dims, type: "float32", data, tolist: () => nested(data, dims) };
}

function nested(data: Float32Array, dims: readonly number[]): unknown[] {
  if (dims.length === 1) return Array.from(data);
  const size = data.length / dims[0];
  return Array.from({ length: dims[0] }, (_, i) => nested(data.subarray(i * size, (i + 1) * size), dims.slice(1)));
}
