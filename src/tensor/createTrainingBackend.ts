import { BertError, quote } from "../errors.ts";
import type { BackendName } from "./chooseBackend.ts";
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
  if (name === "plain") return plainTraining;
  if (name === "simd") return createSimdTrainingBackend(options);
  if (name !== "auto") {
    throw new BertError(
      "ERR_BACKEND",
      `createTrainingBackend: backend must be "auto", "simd" or "plain", got ${quote(String(name))}`,
    );
  }
  try {
    return createSimdTrainingBackend(options);
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    return { ...plainTraining, info: { ...plainTraining.info, reason: error.message } };
  }
}
