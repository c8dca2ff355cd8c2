import { loadParams } from "../../src/checkpoint/loadParams.ts";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import type { BertConfig } from "../../src/model/config.ts";
import type { TrainingBackend } from "../../src/tensor/trainingBackend.ts";
import type { TrainedModel } from "../../src/training/gradients.ts";
import { withInitialHead } from "../../src/training/initialWeights.ts";

/**
 * A checkpoint's model, to be trained: its weights in the memory of a training backend, with initial weights for what the checkpoint
 * lacks of the head that `config.architecture` asks for.
 *
 * @param weights an open checkpoint (`openWeights`), or `initialWeights`
 * @param seed    of the head's initial weights, a whole number below 2³²
 * @throws BertError ERR_CHECKPOINT the weights are not those of config's encoder
 * @example
 * const config = { ...parseConfig(text), architecture: "BertForSequenceClassification", labels: ["no", "yes"] };
 * const model = await trainedModel(await openWeights("models/bert-base-cased"), config, createTrainingBackend(), 42);
 */
export async function trainedModel(
  weights: WeightSource,
  config: BertConfig,
  kernels: TrainingBackend,
  seed: number,
): Promise<TrainedModel> {
  return { config, params: await loadParams(withInitialHead(weights, config, seed), config, kernels), kernels };
}
