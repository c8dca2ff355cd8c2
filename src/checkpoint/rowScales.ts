import type { TensorToSave } from "../safetensors/safetensorsWriter.ts";
import { type WeightSource, wrongWeights } from "./weightSource.ts";

/**
 * What the name of an int8 matrix's scales, [O] or [O, 1], ends in: `…weight_scale`. A matrix [O, I] that has some
 * holds integers, and element [o, i] is its integer times scale[o]. The name and the shape [O, 1] are those of
 * compressed-tensors (vLLM).
 */
export const SCALE = "_scale";

/** The two tensors that a file has of an int8 matrix: `NAME`, I8 [O, I], and beside it `NAME_scale`, F32 [O, 1]. */
export function int8Tensors<Data extends TensorToSave["data"]>(
  name: string,
  shape: readonly number[],
  integers: Data,
  scales: Data,
): [string, { readonly dtype: "I8" | "F32"; readonly shape: readonly number[]; readonly data: Data }][] {
  return [
    [name, { dtype: "I8", shape, data: integers }],
    [`${name}${SCALE}`, { dtype: "F32", shape: [shape[0], 1], data: scales }],
  ];
}

/** Whether a tensor of this shape can be the scales of a matrix of that one. */
export function isScaleOf(shape: readonly number[], matrix: readonly number[] | undefined): boolean {
  const [rows, columns = 1] = shape;
  return matrix?.length === 2 && (shape.length === 1 || shape.length === 2) && rows === matrix[0] && columns === 1;
}

/** @throws BertError ERR_CHECKPOINT one is not finite */
export async function readScales(source: WeightSource, name: string, O: number): Promise<Float32Array> {
  const scale = new Float32Array(O);
  await source.readInto(name, scale);
  expectFinite(source, name, scale, 0);
  return scale;
}

/** Multiplies each row of data [O, I] by its scale [O], in place. */
export function scaleRows(data: Float32Array, scale: Float32Array): void {
  const I = data.length / scale.length;
  for (let o = 0; o < scale.length; o++) for (let i = o * I; i < (o + 1) * I; i++) data[i] *= scale[o];
}

/** @throws BertError ERR_CHECKPOINT `loadParams: FILE: NAME must hold finite numbers, element 5 is NaN` */
export function expectFinite(
  source: Pick<WeightSource, "files">,
  name: string,
  data: Float32Array,
  first: number,
): void {
  const i = data.findIndex((value) => !Number.isFinite(value));
  if (i < 0) return;
  throw wrongWeights(source, `${name} must hold finite numbers, element ${first + i} is ${data[i]}`);
}
