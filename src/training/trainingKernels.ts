import { BertError } from "../errors.ts";
import type { BackendName } from "../tensor/chooseBackend.ts";
import { plainTraining } from "../tensor/kernels/training.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/**
 * The backend that a run computes with.
 *
 * @throws BertError ERR_BACKEND no such backend can train
 */
export function trainingKernels(name: BackendName = "auto"): TrainingBackend {
  if (name === "auto" || name === "plain") return plainTraining;
  throw new BertError("ERR_BACKEND", `training: backend must be "auto" or "plain", got ${JSON.stringify(name)}`);
}
