import type { LoadedParams } from "../../checkpoint/loadParams.ts";
import { BertError } from "../../errors.ts";
import type { Encoded } from "../../model/bert.ts";
import { type DistillationTargets, distillationLoss } from "../distillation/distillationLoss.ts";
import { currentProjection, gradientsOfProjection, projectedBy } from "../distillation/projection.ts";
import type { Gradients, TrainedModel } from "../gradients.ts";
import type { LossParts, TrainingPass } from "../headLosses.ts";
import type { VectorLabels } from "../packLabels.ts";
import { denseBackward, sentenceVectors, sentenceVectorsBackward } from "./sentenceVectors.ts";
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
): { readonly loss: number; readonly parts: LossParts; readonly dencoded: Encoded } {
  if (!sentence)
    throw new BertError("ERR_INPUT", "lossAndGradients: the model must have modules for vectors, has none");
  const modules = currentModules(sentence.modules, params.byName);
  const [data, H] = [sequence.data, sequence.shape[1]];
  const rows = { data, H, offsets: pass.offsets, promptLengths: labels.promptLengths };
  const outputs = sentenceVectors(modules, rows);
  const vectors = outputs[outputs.length - 1];
  const { loss, parts, dvectors } =
    "teacher" in labels.loss
      ? distilled(labels.loss, vectors, params, gradients, scale)
      : scaledLoss(vectorLoss(labels.loss, { ...labels, vectors }), scale);
  const dsequence = pass.k.zeros(sequence.shape);
  sentenceVectorsBackward(
    modules,
    modules.map((module, i) => gradientsOfModule(gradients.byName, module, i)),
    rows,
    outputs,
    dvectors,
    dsequence.data,
  );
  return { loss, parts, dencoded: { sequence: dsequence, pooled: null } };
}

/** One that need not be made of parts. */
type PartialLoss = Omit<LossOfVectors, "parts"> & Partial<Pick<LossOfVectors, "parts">>;

/** A loss, and what goes back to the vectors. */
interface LossOfVectors {
  readonly loss: number;
  readonly parts: LossParts;
  /** [N][D] */
  readonly dvectors: readonly Float64Array[];
}

function scaledLoss({ loss, dvectors, parts = {} }: PartialLoss, scale: number): LossOfVectors {
  return { loss, parts, dvectors: dvectors.map((row) => row.map((d) => d * scale)) };
}

/** A teacher's loss; the gradients of the projection, if there is one, are added to theirs. */
function distilled(
  targets: DistillationTargets,
  vectors: readonly Float64Array[],
  params: LoadedParams,
  gradients: Gradients,
  scale: number,
): LossOfVectors {
  const projection = currentProjection(params.byName);
  const result = distillationLoss(targets, { vectors, projected: projectedBy(projection, vectors) });
  const { loss, parts, dvectors } = scaledLoss(result, scale);
  if (result.dprojected === null) return { loss, parts, dvectors };
  const dy = result.dprojected.map((row) => row.map((d) => d * scale));
  const through = projection ? denseBackward(projection, gradientsOfProjection(gradients.byName), vectors, dy) : dy;
  return { loss, parts, dvectors: dvectors.map((row, i) => row.map((d, e) => d + through[i][e])) };
}
