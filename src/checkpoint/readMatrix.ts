import type { Backend } from "../tensor/backend.ts";
import { encodeWeight } from "../tensor/storage.ts";
import type { ReducedWeight } from "../tensor/tensor.ts";
import type { NamedWeights } from "./names.ts";
import { expectFinite } from "./rowScales.ts";
import type { TensorSample } from "./samples.ts";
import { wrongWeights } from "./weightSource.ts";

/** How many numbers of a matrix are in float32 at a time: 1 MB of them. */
const BLOCK = 1 << 18;

/** Blocks begin at multiples of so many rows, as `encodeRows` asks. */
const ROWS = 16;

/**
 * Reads a matrix in blocks of rows and holds it in reduced precision: no more than a block is ever in float32, if the
 * source has `readPart`. int8 keeps the integers of a matrix that has scales as they are.
 *
 * @param k      where it is held
 * @param sample takes its numbers from what is read
 * @throws BertError ERR_CHECKPOINT a number that is not finite, or too large for the type
 */
export async function readMatrix(
  weights: NamedWeights,
  name: string,
  dtype: ReducedWeight["dtype"],
  k: Pick<Backend, "empty" | "free" | "emptyStored" | "encodeRows" | "decodeHalves">,
  sample: TensorSample | null = null,
): Promise<ReducedWeight> {
  const { shape } = weights.tensors.get(name) as { shape: readonly number[] };
  const [O, I] = shape;
  const weight = k.emptyStored(dtype, shape);
  const scale = dtype === "int8" ? await weights.scalesOf(name) : null;
  const source = scale ? weights.unscaled : weights;
  const block = source.readPart ? Math.min(O, Math.max(ROWS, Math.floor(BLOCK / I / ROWS) * ROWS)) : O;
  const buffer = k.empty([block, I]);
  try {
    for (let row = 0; row < O; row += block) {
      const rows = Math.min(block, O - row);
      const data = buffer.data.subarray(0, rows * I);
      if (source.readPart) await source.readPart(name, data, row * I, k);
      else await source.readInto(name, data, k);
      sample?.take(data, row * I, scale && ((i) => scale[row + Math.floor(i / I)]));
      if (scale) expectIntegers(weights, name, data);
      const fits = k.encodeRows(weight, row, data, scale?.subarray(row, row + rows));
      if (!fits) throw notRepresentable(weights, name, dtype, data, row * I);
    }
  } finally {
    k.free(buffer);
  }
  return weight;
}

function expectIntegers(source: NamedWeights, name: string, data: Float32Array): void {
  const wrong = data.find((value) => value !== (value << 24) >> 24);
  if (wrong === undefined) return;
  throw wrongWeights(source, `${name} must hold integers of 8 bits, as it has scales, got ${wrong}`);
}

/** float16 ends at 65504; the largest float32 numbers are beyond bfloat16. */
function notRepresentable(
  source: NamedWeights,
  name: string,
  dtype: ReducedWeight["dtype"],
  data: Float32Array,
  first: number,
): Error {
  expectFinite(source, name, data, first);
  const rounded = encodeWeight(dtype, data, [1, data.length]);
  const i = rounded.data.findIndex((bits) => (bits & 0x7fff) === (dtype === "float16" ? 0x7c00 : 0x7f80));
  const range = `numbers within ${dtype}'s range`;
  return wrongWeights(source, `${name} must hold ${range}, element ${first + i} is ${data[i]}`);
}
