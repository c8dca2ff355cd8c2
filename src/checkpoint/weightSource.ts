/** Where weights come from: names and shapes at once, numbers one tensor at a time. An open safetensors file is one. */
export interface WeightSource {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** Reads a tensor, in whatever type it is stored, as float32. */
  readInto(name: string, target: Float32Array): Promise<void>;
  /**
   * Reads as many elements of a tensor as `target` has, from element `from` on. Without it, a matrix that is to be held
   * in reduced precision is in memory as float32 while it is read.
   */
  readPart?(name: string, target: Float32Array, from: number): Promise<void>;
}
