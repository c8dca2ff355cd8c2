import type { Dtype, TensorToWrite } from "../safetensors/index.ts";
import type { Backend } from "../tensor/backend.ts";
import { FILE_DTYPES } from "../tensor/storage.ts";
import type { LoadedParams } from "./loadParams.ts";
import { int8Tensors } from "./rowScales.ts";

/**
 * A model's tensors for `saveSafetensors`, in the types that they are held in, so that `loadParams` makes the same bits
 * of them. An int8 matrix `NAME` is I8 [O, I], and beside it is `NAME_scale`, F32 [O, 1]: its numbers are their
 * product, row by row.
 */
export function* paramsToWrite(
  { byName }: LoadedParams,
  k: Backend,
): Generator<[string, TensorToWrite & { readonly dtype: Dtype }]> {
  for (const [name, weight] of byName) {
    const { shape } = weight;
    if ("scale" in weight) {
      yield* int8Tensors<TensorToWrite["data"]>(name, shape, () => k.rowsOf(weight).data, weight.scale);
    } else {
      const dtype = FILE_DTYPES[weight.dtype ?? "float32"];
      yield [name, { shape, dtype, data: () => k.unpackWeight(weight) }];
    }
  }
}
