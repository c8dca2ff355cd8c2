import { type BackendName, backendNamed } from "./chooseBackend.ts";
import { plainTraining } from "./kernels/training.ts";
import type { SimdOptions } from "./simd/simdOptions.ts";
import { createSimdTrainingBackend } from "./simd/training/createSimdTrainingBackend.ts";
import type { TrainingBackend } from "./trainingBackend.ts";

/**
 * A backend to train one model on, as `chooseBackend` makes one for inference; `info.reason` says why it is the one it
 * is. Weights are held in float32.
 *
 * @param where the function that errors name
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run; ERR_INPUT an option
 *   has a value that it must not have
 * @example
 * const kernels = createTrainingBackend("auto", { threads: 2 });
 * const model = { config, params: await loadParams(weights, config, kernels), kernels };
 */
export function createTrainingBackend(
  name: BackendName = "auto",
  options: Omit<SimdOptions, "dtype"> = {},
  where = "createTrainingBackend",
): TrainingBackend {
  return backendNamed<TrainingBackend>(where, name, options, plainTraining, createSimdTrainingBackend);
}
