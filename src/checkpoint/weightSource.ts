import { BertError } from "../errors.ts";

/** Where weights come from: names and shapes at once, numbers one tensor at a time. An open safetensors file is one. */
export interface WeightSource {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** The names of the files that it is, for messages. Left out: messages name none. */
  readonly files?: readonly string[];
  /** Reads a tensor, in whatever type it is stored, as float32. */
  readInto(name: string, target: Float32Array): Promise<void>;
  /**
   * Reads as many elements of a tensor as `target` has, from element `from` on. Without it, a matrix that is to be held
   * in reduced precision is in memory as float32 while it is read.
   */
  readPart?(name: string, target: Float32Array, from: number): Promise<void>;
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
