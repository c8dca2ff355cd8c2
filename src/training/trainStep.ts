import { BertError } from "../errors.ts";
import type { BatchInput, SequenceInput } from "../model/batch.ts";
import { type AdamWOptions, adamwStep, createMoments, gradientNorm, type Moments } from "./adamwStep.ts";
import { type Gradients, type TrainedModel, zeroGradients } from "./gradients.ts";
import type { LossPart } from "./headLosses.ts";
import { type BatchLoss, lossAndGradients } from "./lossAndGradients.ts";
import type { Loss } from "./losses.ts";
import type { Labels } from "./packLabels.ts";
import { linearSchedule, type ScheduleOptions } from "./schedule.ts";

/** A batch of a training set. */
export interface LabelledBatch {
  readonly input: readonly SequenceInput[] | BatchInput;
  readonly labels: Labels;
  /** What errors call it: its examples, say. */
  readonly name?: string;
}

/**
 * All that a run's next step depends on, beside the weights, the options and the batches. A run that goes on from saved
 * weights and a saved state has the same bits as one that was never interrupted.
 */
export interface TrainingState {
  /** Of all dropout masks: a whole number below 2³². */
  readonly seed: number;
  /** How many updates were made. */
  step: number;
  /** How many batches were computed; the number of the next one's dropout masks. */
  batches: number;
  /** By parameter. */
  readonly moments: ReadonlyMap<string, Moments>;
}

export interface TrainStepOptions extends AdamWOptions, ScheduleOptions {
  /** The largest of the schedule. */
  readonly learningRate: number;
  /** As in `lossAndGradients`: less memory, more time, the same bits. Default false. */
  readonly gradientCheckpointing?: boolean;
}

export interface TrainStepResult {
  /** The mean over the step's batches. */
  readonly loss: number;
  /** Of each batch: what its loss is made of. */
  readonly parts: readonly { readonly [part in LossPart]?: Loss }[];
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
}

/**
 * The state of a run that begins.
 *
 * @throws BertError ERR_INPUT a seed that is no whole number from 0 to 2³² − 1
 */
export function createTrainingState(model: TrainedModel, gradients: Gradients, seed: number): TrainingState {
  if (seed !== seed >>> 0) {
    throw new BertError(
      "ERR_INPUT",
      `createTrainingState: seed must be a whole number from 0 to 4294967295, got ${seed}`,
    );
  }
  return { seed, step: 0, batches: 0, moments: createMoments(model, gradients) };
}

/** The tensors of a state by the names that they are saved under: PyTorch's, before the parameter's. */
export function stateTensors({ moments }: TrainingState): Map<string, Moments["first"]> {
  return new Map(
    Array.from(moments).flatMap(([name, { first, second }]) => [
      [`exp_avg.${name}`, first],
      [`exp_avg_sq.${name}`, second],
    ]),
  );
}

/**
 * One update of the weights by the mean gradient of one or more batches: forward, loss and backward of each, clipping,
 * AdamW. Changes the weights and the state; `gradients` is left with what was computed. Weights, gradients and moments
 * take four times the memory of the weights; what a batch takes beside them is in `lossAndGradients`.
 *
 * @param batches several are as one that has all their sequences, but for their different numbers of labelled tokens
 * @throws BertError ERR_INPUT a batch that does not fit the model, or a rate or number of steps that is none;
 *   ERR_TRAINING a loss or gradient that is not finite. Weights and state are then as before, except for the gradients.
 * @example
 * const gradients = createGradients(model);
 * const state = createTrainingState(model, gradients, 42);
 * const options = { learningRate: 2e-5, warmupSteps: 10, totalSteps: 100 };
 * for (const batch of data) console.log(trainStep(model, gradients, state, [batch], options).loss);
 */
export function trainStep(
  model: TrainedModel,
  gradients: Gradients,
  state: TrainingState,
  batches: readonly LabelledBatch[],
  options: TrainStepOptions,
): TrainStepResult {
  if (batches.length === 0) throw new BertError("ERR_INPUT", "trainStep: batches must be one or more, got none");
  expectOptions(options);
  zeroGradients(gradients);
  const scale = 1 / batches.length;
  const losses = batches.map(({ input, labels }, i) => {
    const dropout = { seed: state.seed, step: state.batches + i };
    const { gradientCheckpointing = false } = options;
    return lossAndGradients(model, gradients, input, labels, { dropout, scale, gradientCheckpointing });
  });
  const loss = losses.reduce((sum, batch) => sum + batch.loss * scale, 0);
  const norm = gradientNorm(model, gradients);
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
    throw notFinite(model, gradients, state, batches, losses, norm);
  }

  const learningRate = options.learningRate * linearSchedule(state.step, options);
  state.step++;
  state.batches += batches.length;
  adamwStep(model, gradients, state.moments, { step: state.step, learningRate, norm }, options);
  return { loss, parts: losses.map(({ parts }) => parts), learningRate, gradientNorm: norm };
}

/** A rate that is not a number would make every weight NaN. */
function expectOptions({ learningRate, warmupSteps = 0, totalSteps }: TrainStepOptions): void {
  const wrong = (name: string, what: string, value: number) =>
    new BertError("ERR_INPUT", `trainStep: ${name} must be ${what}, got ${value}`);
  if (!(learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY)) {
    throw wrong("learningRate", "a finite number, 0 or more", learningRate);
  }
  if (!(Number.isInteger(warmupSteps) && warmupSteps >= 0)) {
    throw wrong("warmupSteps", "a whole number, 0 or more", warmupSteps);
  }
  if (!(Number.isInteger(totalSteps) && totalSteps > 0))
    throw wrong("totalSteps", "a whole number above 0", totalSteps);
}

/**
 * What went wrong, and where: the first batch whose loss or gradient is not finite, and the first tensor of its
 * gradient that is not. Which batch spoilt the sum of gradients is found by computing each alone once more, with the
 * same dropout.
 */
function notFinite(
  model: TrainedModel,
  gradients: Gradients,
  { seed, step, batches: first }: TrainingState,
  batches: readonly LabelledBatch[],
  losses: readonly BatchLoss[],
  norm: number,
): BertError {
  const badTensor = () => [...gradients.byName].find(([, { data }]) => !model.kernels.allFinite(data))?.[0];
  let bad = losses.findIndex(({ loss }) => !Number.isFinite(loss));
  let tensor = badTensor();
  for (let i = 0; i < batches.length && batches.length > 1 && bad < 0; i++) {
    zeroGradients(gradients);
    const { input, labels } = batches[i];
    lossAndGradients(model, gradients, input, labels, {
      dropout: { seed, step: first + i },
      scale: 1 / batches.length,
    });
    tensor = badTensor() ?? tensor;
    if (badTensor() !== undefined) bad = i;
  }
  if (batches.length === 1) bad = 0;
  const loss = losses[bad]?.loss;
  const what = loss === undefined || Number.isFinite(loss) ? "" : `the loss is ${loss}`;
  const where = tensor === undefined ? `the gradients' norm is ${norm}` : `the gradient of ${tensor} is not finite`;
  const which = bad < 0 ? "" : `, ${batchName(batches, bad)}`;
  return new BertError(
    "ERR_TRAINING",
    `trainStep: step ${step}${which}: loss and gradients must be finite, ${[what, where].filter(Boolean).join(" and ")}`,
  );
}

/** `batch 2 of 4 (train.csv: line 3, train.csv: line 9)` */
export function batchName(batches: readonly LabelledBatch[], i: number): string {
  const { name } = batches[i];
  return `batch ${i + 1} of ${batches.length}${name === undefined ? "" : ` (${name})`}`;
}
