import { type LoadedParams, paramsTree } from "../checkpoint/loadParams.ts";
import { BertError } from "../errors.ts";
import type { GradientsOf } from "../layers/gradientsOf.ts";
import type { SentenceModules } from "../load/sentenceModules.ts";
import type { BertConfig } from "../model/config.ts";
import type { ModelParams } from "../model/params.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { TrainingBackend } from "../tensor/trainingBackend.ts";

/** A model that is trained: its weights, in the memory of a backend that can train. */
export interface TrainedModel {
  readonly config: BertConfig;
  readonly params: LoadedParams;
  readonly kernels: TrainingBackend;
  /**
   * Of a model that makes vectors of texts: the modules after the encoder, whose weights now are among `params`
   * (`withModuleTensors`).
   */
  readonly sentence?: SentenceModules | undefined;
}

/** The sum of the gradients of the batches since it was last set to zero. */
export interface Gradients {
  /** In the places of the parameters; null where one is frozen. Tied parameters share one gradient. */
  readonly tree: GradientsOf<ModelParams>;
  /** By name in the checkpoint; frozen parameters are not in it. */
  readonly byName: ReadonlyMap<string, Tensor>;
}

/**
 * Zeros for the gradient of each parameter that is not frozen: as much memory as the parameters take. The pooler of a
 * model whose vectors are made by modules is frozen always, as nothing reads it.
 *
 * @param isFrozen whether the parameter of that name keeps its value; none does if left out
 * @throws BertError ERR_INPUT the weights are not held in float32
 * @example
 * createGradients(model, (name) => name.startsWith("bert.embeddings."));
 */
export function createGradients(model: TrainedModel, isFrozen: (name: string) => boolean = () => false): Gradients {
  const { dtype } = model.params;
  if (dtype !== "float32") {
    throw new BertError("ERR_INPUT", `createGradients: the model's weights must be held in float32, are in ${dtype}`);
  }
  const byName = new Map<string, Tensor>();
  for (const [name, { shape }] of model.params.byName) {
    const isUnread = model.sentence !== undefined && name.startsWith("bert.pooler.");
    if (!isUnread && !isFrozen(name)) byName.set(name, model.kernels.zeros(shape));
  }
  const tree = paramsTree(model.config, model.params.byName, (name) => (byName.get(name) ?? null) as Tensor);
  return { tree: tree as GradientsOf<ModelParams>, byName };
}

/** Sets all to zero, for the next step. */
export function zeroGradients({ byName }: Gradients): void {
  for (const { data } of byName.values()) data.fill(0);
}
