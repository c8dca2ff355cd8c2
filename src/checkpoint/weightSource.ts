import { BertError, quote } from "../errors.ts";
import type { HalfDecoder } from "../safetensors/safetensorsReader.ts";
import { formatShape, sizeOf } from "../tensor/tensor.ts";

/** Where weights come from: names and shapes at once, numbers one tensor at a time. An open safetensors file is one. */
export interface WeightSource {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** The names of the files that it is, for messages. Left out: messages name none. */
  readonly files?: readonly string[];
  /**
   * Reads a tensor, in whatever type it is stored, as float32.
   *
   * @param decoder as in `Weights.readInto` (safetensorsReader.ts), for those who can use it
   */
  readInto(name: string, target: Float32Array, decoder?: HalfDecoder): Promise<void>;
  /**
   * Reads as many elements of a tensor as `target` has, from element `from` on. Without it, a matrix that is to be held
   * in reduced precision is in memory as float32 while it is read.
   */
  readPart?(name: string, target: Float32Array, from: number, decoder?: HalfDecoder): Promise<void>;
}

/**
 * Room for a tensor's numbers as float32.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT there is not enough memory for them
 */
export function float32Room(where: string, name: string, shape: readonly number[]): Float32Array {
  const size = sizeOf(shape);
  try {
    return new Float32Array(size);
  } catch (cause) {
    // a RangeError in every engine (ECMA-262 §6.2.9.1)
    const bytes = (4 * size).toLocaleString("en-US");
    const rule = `${quote(name)} must fit into memory, ${formatShape(shape)} takes ${bytes} bytes, more than are free`;
    throw new BertError("ERR_INPUT", `${where}: ${rule}`, { cause });
  }
}

/** What messages call a source before they say what is wrong with it: `model.safetensors: `; "" if it has no file. */
export function nameOf({ files = [] }: Pick<WeightSource, "files">): string {
  if (files.length === 0) return "";
  return files.length === 1 ? `${files[0]}: ` : `${files[0]} and ${files.length - 1} more: `;
}

/** ERR_CHECKPOINT: `loadParams: model.safetensors: bert.pooler.dense.bias must hold finite numbers, …`. */
export function wrongWeights(source: Pick<WeightSource, "files">, what: string): BertError {
  return new BertError("ERR_CHECKPOINT", `loadParams: ${nameOf(source)}${what}`);
}
