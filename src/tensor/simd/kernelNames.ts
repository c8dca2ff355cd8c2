import type { Elementwise } from "../kernels/activations.ts";

/** A table with an entry for each of some names, in their order. */
export function tableOf<Name extends string, Entry>(
  names: readonly Name[],
  entry: (name: Name) => Entry,
): Record<Name, Entry> {
  return Object.fromEntries(names.map((name) => [name, entry(name)])) as Record<Name, Entry>;
}

/** The functions of a compiled module; the emitters say what each takes. Addresses and strides are in bytes. */
export type Kernels = Readonly<
  Record<
    Elementwise | "multiply" | "packRows" | "packColumns" | "softmaxRows" | "layerNorm" | "add",
    (...args: number[]) => void
  >
> & { readonly finiteness: (x: number, n: number) => number } & {
  /**
   * `multiply` for the variant's storage, if that is not float32; the next two are for int8, the last is for float16.
   */
  readonly [name in "multiplyStored" | "quantizeRows" | "scaleSums" | "decodeHalf"]?: (...args: number[]) => void;
};
