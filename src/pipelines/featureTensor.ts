import { isA } from "../realm.ts";
import type { EncodedText } from "./arguments.ts";
import { type Precision, quantized, rangesOf } from "./quantize.ts";

/** Numbers with their sizes, named as transformers.js names them. */
export class FeatureTensor<List> {
  /**
   * B texts, T tokens of the longest, H numbers: [B, T, H], or [B, H] where they are pooled; B is 1 for a single text.
   */
  readonly dims: readonly number[];
  readonly type: "float32" = "float32";
  /** Row-major; zeros after the last token of a shorter text. */
  readonly data: Float32Array;

  /** @internal */
  constructor(dims: readonly number[], data: Float32Array) {
    this.dims = dims;
    this.data = data;
  }

  /** The numbers as nested arrays. */
  tolist(): List {
    return nested(this.data, this.dims) as List;
  }

  /** What `JSON.stringify` writes: `data` as an array, in the same order. */
  toJSON(): { dims: readonly number[]; type: "float32"; data: number[] } {
    return { dims: this.dims, type: this.type, data: Array.from(this.data) };
  }
}

/** Pooled vectors in fewer bits. */
export class QuantizedFeatures {
  /** B texts: [B, H / 8] where signs are kept, [B, H] for "int8" and "uint8". */
  readonly dims: readonly number[];
  /** "int8" for "binary" and "int8", else "uint8". */
  readonly type: "int8" | "uint8";
  /**
   * Row-major. Signs: the first of eight numbers in the highest bit, 1 where it is above 0; "binary" is that byte −
   * 128. Steps: a code c of "uint8" stands for low + c · (high − low) / 255 and what is above it, up to the next;
   * "int8" is c − 128.
   */
  readonly data: Int8Array | Uint8Array;
  /** "int8" and "uint8": low and high of each place, [2, H], for the option `ranges`. */
  declare readonly ranges?: Float32Array;

  /** @internal */
  constructor(dims: readonly number[], data: Int8Array | Uint8Array, ranges?: Float32Array) {
    this.dims = dims;
    this.type = isA(data, "Int8Array") ? "int8" : "uint8";
    this.data = data;
    if (ranges) this.ranges = ranges;
  }

  /** The numbers as nested arrays. */
  tolist(): number[][] {
    return nested(this.data, this.dims) as number[][];
  }

  /** What `JSON.stringify` writes: `data` and `ranges` as arrays, in the same order. */
  toJSON(): { dims: readonly number[]; type: "int8" | "uint8"; data: number[]; ranges?: number[] } {
    const { dims, type, data, ranges } = this;
    return { dims, type, data: Array.from(data), ...(ranges && { ranges: Array.from(ranges) }) };
  }
}

/** What is told of a call's texts beside their vectors. */
export interface Truncated {
  /** How many of the texts were longer than the model takes, and were cut. */
  readonly truncated: number;
  /**
   * How many of the texts are mostly unknown to the model: more than half of their pieces, punctuation left out, are
   * [UNK]. Such texts have nearly one vector, whatever they say.
   */
  readonly unknown: number;
}

/** What is told of one text. */
export function countsOf({ isCut, isUnknown }: EncodedText): Truncated {
  return { truncated: isCut ? 1 : 0, unknown: isUnknown ? 1 : 0 };
}

/** Texts' vectors in one tensor: [T, H] of each → [B, T of the longest, H], or [H] of each → [B, H]. */
export function stacked(features: readonly Float32Array[], H: number, perToken: boolean): FeatureTensor<unknown> {
  const size = features.reduce((most, { length }) => Math.max(most, length), 0);
  const data = new Float32Array(features.length * size);
  for (const [b, feature] of features.entries()) data.set(feature, b * size);
  return new FeatureTensor(perToken ? [features.length, size / H, H] : [features.length, H], data);
}

/** What a call gives: vectors, in fewer bits where a precision is named, and what is told of the texts. */
export function told(
  vectors: FeatureTensor<unknown>,
  precision: Precision | undefined,
  ranges: Float32Array | undefined,
  counts: Truncated,
): (FeatureTensor<unknown> | QuantizedFeatures) & Truncated {
  return Object.assign(precision ? inFewerBits(vectors, precision, ranges) : vectors, counts);
}

/** [B, size] */
function inFewerBits(
  { dims, data }: FeatureTensor<unknown>,
  precision: Precision,
  given?: Float32Array,
): QuantizedFeatures {
  const [B, size] = dims;
  const signs = precision === "binary" || precision === "ubinary";
  const ranges = signs ? undefined : (given ?? rangesOf(data, size));
  const codes = quantized(data, size, precision, ranges);
  return new QuantizedFeatures([B, signs ? size / 8 : size], codes, B === 0 ? given : ranges); // no text, no range
}

function nested(data: Float32Array | Int8Array | Uint8Array, dims: readonly number[]): unknown[] {
  if (dims.length === 1) return Array.from(data);
  const size = data.length / dims[0];
  return Array.from({ length: dims[0] }, (_, i) => nested(data.subarray(i * size, (i + 1) * size), dims.slice(1)));
}
