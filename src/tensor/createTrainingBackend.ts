import { type BackendName, backendNamed } from "./chooseBackend.ts";
import { plainTraining } from "./kernels/training.ts";
import type { SimdOptions } from "./simd/options.ts";
import { createSimdTrainingBackend } from "./simd/training/createSimdTrainingBackend.ts";
import type { TrainingBackend } from "./trainingBackend.ts";

/**
 * A backend to train one model on, as `chooseBackend` makes one for inference; `info.reason` says why it is the one it
 * is. Weights are held in float32.
 *
 * @throws BertError ERR_BACKEND no backend has that name, or the name is `simd` and it cannot run
 * @example
 * const kernels = createTrainingBackend("auto", { threads: 2 });
 * const model = { config, params: await loadParams(weights, config, kernels), kernels };
 */
export function createTrainingBackend(
  name: BackendName = "auto",
  options: Omit<SimdOptions, "dtype"> = {},
): TrainingBackend {
  return backendNamed<TrainingBackend>("createTrainingBackend", name, plainTraining, () =>
    createSimdTrainingBackend(options),
  );
}
