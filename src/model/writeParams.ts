import type { Backend } from "../tensor/backend.ts";
import type { TensorToWrite } from "../tensor/safetensors.ts";
import type { LoadedParams } from "./checkpoint.ts";
import { SCALE } from "./rowScales.ts";

/** The file's types of those that matrices are held in. */
const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;

/**
 * A model's tensors for `saveSafetensors`, in the types that they are held in, so that `loadParams` makes the same bits of them.
 * An int8 matrix `NAME` is I8 [O, I], and beside it is `NAME_scale`, F32 [O, 1]: its numbers are their product, row by row.
 */
export function* paramsToWrite({ byName }: LoadedParams, k: Backend): Generator<[string, TensorToWrite]> {
  for (const [name, weight] of byName) {
    const { shape } = weight;
    if ("scale" in weight) {
      yield [name, { shape, dtype: "I8", data: () => k.rowsOf(weight).data }];
      yield [`${name}${SCALE}`, { shape: [shape[0], 1], data: weight.scale }];
    } else {
      const dtype = DTYPES["dtype" in weight ? weight.dtype : "float32"];
      yield [name, { shape, dtype, data: () => k.unpackWeight(weight) }];
    }
  }
}
