import { BertError } from "../../errors.ts";
import type { Encoded } from "../../model/bert.ts";
import type { Gradients, TrainedModel } from "../gradients.ts";
import type { TrainingPass } from "../headLosses.ts";
import type { VectorLabels } from "../packLabels.ts";
import { sentenceVectors, sentenceVectorsBackward } from "./sentenceVectors.ts";
import { currentModules, gradientsOfModule } from "./trainedModules.ts";
import { vectorLoss } from "./vectorLosses.ts";

/**
 * Forward and backward of the modules that make a vector of each sequence's hidden states, with the loss of a batch's
 * vectors: what `headLosses` is to heads. Vectors, loss and their gradients are float64; what goes back to the encoder
 * and into the parameters' gradients is rounded once.
 *
 * @param encoded what the modules read: every token's row
 * @param scale   what the gradients are multiplied by
 * @returns the loss; and the gradients of `encoded`, whose pooler nothing reads
 */
export function embeddingLoss(
  pass: TrainingPass,
  { sentence, params }: TrainedModel,
  gradients: Gradients,
  { sequence }: Encoded,
  labels: VectorLabels,
  scale: number,
): { readonly loss: number; readonly parts: Record<never, never>; readonly dencoded: Encoded } {
  if (!sentence)
    throw new BertError("ERR_INPUT", "lossAndGradients: the model must have modules for vectors, has none");
  const modules = currentModules(sentence.modules, params.byName);
  const [data, H] = [sequence.data, sequence.shape[1]];
  const rows = { data, H, offsets: pass.offsets, promptLengths: labels.promptLengths };
  const outputs = sentenceVectors(modules, rows);
  const { loss, dvectors } = vectorLoss(labels.loss, { ...labels, vectors: outputs[outputs.length - 1] });
  const dsequence = pass.k.zeros(sequence.shape);
  sentenceVectorsBackward(
    modules,
    modules.map((module, i) => gradientsOfModule(gradients.byName, module, i)),
    rows,
    outputs,
    dvectors.map((row) => row.map((d) => d * scale)),
    dsequence.data,
  );
  return { loss, parts: {}, dencoded: { sequence: dsequence, pooled: null } };
}
