import { BertError, shown } from "../../errors.ts";
import { depthOf } from "../../model/family.ts";
import { expectChoice, expectSignal } from "../../options.ts";
import type { AdamWOptions } from "../adamwStep.ts";
import type { RunOptions } from "./runOptions.ts";

/** Options with the defaults that all runs share; those of a kind of run come from `defaults`. */
export type ResolvedRunOptions = Required<
  Omit<RunOptions, "signal" | "threads" | "maxSteps" | "warmupSteps" | "evalSteps" | "earlyStoppingPatience">
> &
  Pick<RunOptions, "signal" | "threads" | "maxSteps" | "warmupSteps" | "evalSteps" | "earlyStoppingPatience">;

type KindDefaults = Pick<
  ResolvedRunOptions,
  "learningRate" | "batchSize" | "optimizer" | "weightDecay" | "warmupRatio"
>;

/** What each number must be. */
const NUMBERS: Readonly<Record<string, readonly [least: number, most: number, whole: boolean]>> = {
  learningRate: [0, Number.MAX_VALUE, false],
  maxSteps: [1, 2 ** 32 - 1, true],
  numTrainEpochs: [Number.MIN_VALUE, 2 ** 32 - 1, false],
  batchSize: [1, 2 ** 31, true],
  gradientAccumulationSteps: [1, 2 ** 31, true],
  warmupSteps: [0, 2 ** 32 - 1, true],
  warmupRatio: [0, 1, false],
  weightDecay: [0, Number.MAX_VALUE, false],
  adamBeta1: [0, 1, false],
  adamBeta2: [0, 1, false],
  adamEpsilon: [0, Number.MAX_VALUE, false],
  maxGradNorm: [Number.MIN_VALUE, Number.POSITIVE_INFINITY, false],
  layerwiseDecay: [0, 1, false],
  freezeLayers: [0, 2 ** 31, true],
  seed: [0, 2 ** 32 - 1, true],
  loggingSteps: [1, 2 ** 31, true],
  evalSteps: [1, 2 ** 31, true],
  evalBatchSize: [1, 2 ** 31, true],
  saveSteps: [1, 2 ** 31, true],
  saveTotalLimit: [1, 2 ** 31, true],
  earlyStoppingPatience: [1, 2 ** 31, true],
  maxLength: [3, 2 ** 31, true],
  worst: [0, 2 ** 31, true],
  docStride: [0, 2 ** 31, true],
  maxAnswerLength: [1, 2 ** 31, true],
  mlmProbability: [Number.MIN_VALUE, 1, false],
  maxEvalExamples: [1, 2 ** 31, true],
  labelSmoothingFactor: [0, 1, false],
  posWeight: [Number.MIN_VALUE, Number.MAX_VALUE, false],
  atK: [1, 2 ** 31, true],
  truncateDim: [1, 2 ** 31, true],
  vectorLossWeight: [0, Number.MAX_VALUE, false],
  similarityLossWeight: [0, Number.MAX_VALUE, false],
  scale: [Number.MIN_VALUE, Number.MAX_VALUE, false],
};

/** What each of these must be, so that "false" is not true. */
const TYPES: Readonly<Record<string, "boolean" | "string" | "function">> = {
  resume: "boolean",
  freezeEmbeddings: "boolean",
  loadBestModelAtEnd: "boolean",
  greaterIsBetter: "boolean",
  gradientCheckpointing: "boolean",
  report: "boolean",
  doWholeWordMask: "boolean",
  metricForBestModel: "string",
  onLog: "function",
  onProgress: "function",
  onNote: "function",
  teacher: "string",
  keepProjection: "boolean",
  onTeacher: "function",
};

/** A range of `NUMBERS` in words, without the smallest and the largest number of all. */
function rangeText(least: number, most: number): string {
  const isBounded = most < Number.MAX_VALUE;
  if (least === Number.MIN_VALUE) return isBounded ? `above 0 and at most ${most}` : "above 0";
  return isBounded ? `from ${least} to ${most}` : `from ${least}`;
}

/** What a number of the options must be: in words, and whether a value is so. @param name one of `NUMBERS` */
export function numberRule(name: string): { readonly must: string; fits(value: unknown): boolean } {
  const [least, most, whole] = NUMBERS[name];
  const kindOf = whole ? "a whole number" : most === Number.MAX_VALUE ? "a finite number" : "a number";
  return {
    must: `${kindOf} ${rangeText(least, most)}`,
    fits: (value) =>
      typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value)),
  };
}

/** @throws BertError ERR_INPUT a number out of range, or another type than an option has */
export function expectValues(where: string, options: object): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(NUMBERS)) {
    const value = given[name];
    const { must, fits } = numberRule(name);
    if (value === undefined || fits(value)) continue;
    throw new BertError("ERR_INPUT", `${where}: ${name} must be ${must}, got ${shown(value)}`);
  }
  for (const [name, type] of Object.entries(TYPES)) {
    const value = given[name];
    if (value === undefined || typeof value === type) continue;
    const expected = type === "boolean" ? "true or false" : `a ${type}`;
    throw new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(value)}`);
  }
}

/** Options of which the second takes the place of the first. */
const INSTEAD = [
  ["numTrainEpochs", "maxSteps"],
  ["warmupRatio", "warmupSteps"],
] as const;

/** @throws BertError ERR_INPUT an option beside one that takes its place, so that it is without effect */
function expectOneOfEach(where: string, options: object): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const [name, other] of INSTEAD) {
    if (given[name] === undefined || given[other] === undefined) continue;
    throw new BertError("ERR_INPUT", `${where}: ${name} must be left out where ${other} is given, got ${given[name]}`);
  }
}

/**
 * Checks options and fills in defaults.
 *
 * @throws BertError ERR_INPUT a number out of range, another type than an option has, two options that say the same, or
 *   no output
 */
export function resolveRunOptions(where: string, options: RunOptions, kind: KindDefaults): ResolvedRunOptions {
  expectValues(where, options);
  expectSignal(where, options.signal);
  expectOneOfEach(where, options);
  if (typeof options.output !== "string" || options.output === "") {
    throw new BertError("ERR_INPUT", `${where}: output must be a folder, got ${shown(options.output)}`);
  }
  const optimizer = options.optimizer ?? kind.optimizer;
  if (optimizer !== "adamw" && optimizer !== "bert") {
    throw new BertError("ERR_INPUT", `${where}: optimizer must be "adamw" or "bert", got ${shown(optimizer)}`);
  }
  const metric = (options.metricForBestModel ?? "loss").replace(/^eval_/, "");
  const batchSize = options.batchSize ?? kind.batchSize;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as RunOptions;
  return {
    resume: false,
    gradientAccumulationSteps: 1,
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: optimizer === "bert" ? 1e-6 : 1e-8,
    maxGradNorm: 1,
    layerwiseDecay: 1,
    freezeEmbeddings: false,
    freezeLayers: 0,
    gradientCheckpointing: false,
    seed: 42,
    loggingSteps: 10,
    evalBatchSize: batchSize,
    saveSteps: 500,
    saveTotalLimit: 2,
    loadBestModelAtEnd: false,
    greaterIsBetter: !metric.endsWith("loss") && metric !== "perplexity",
    report: false,
    backend: "auto",
    onLog: () => {},
    onProgress: () => {},
    ...kind,
    ...given,
    metricForBestModel: metric,
  };
}

/** @throws BertError ERR_INPUT the model has fewer layers than are to be frozen */
export function expectLayers(where: string, freezeLayers: number, layers: number): void {
  if (freezeLayers <= layers) return;
  throw new BertError(
    "ERR_INPUT",
    `${where}: freezeLayers must be at most ${layers}, the model's layers, got ${freezeLayers}`,
  );
}

/** @throws BertError ERR_INPUT the run ends before the learning rate has risen */
export function expectWarmup(where: string, warmupSteps: number, totalSteps: number): void {
  if (warmupSteps <= totalSteps) return;
  throw new BertError(
    "ERR_INPUT",
    `${where}: warmupSteps must be at most ${totalSteps}, all updates, got ${warmupSteps}`,
  );
}

/**
 * Checks the metric that says which evaluation is the best.
 *
 * @param names those that an evaluation has; empty without one
 * @throws BertError ERR_INPUT it is none of these
 */
export function expectMetric(
  where: string,
  { metricForBestModel }: ResolvedRunOptions,
  names: readonly string[],
): void {
  if (names.length > 0) expectChoice(where, "metricForBestModel", metricForBestModel, names);
}

/** The optimiser's options. */
export function adamwOptions(o: ResolvedRunOptions): Required<AdamWOptions> {
  return {
    beta1: o.adamBeta1,
    beta2: o.adamBeta2,
    epsilon: o.adamEpsilon,
    weightDecay: o.weightDecay,
    biasCorrection: o.optimizer === "adamw",
    maxGradNorm: o.maxGradNorm,
    layerwiseDecay: o.layerwiseDecay,
  };
}

/** Which parameters keep their values. */
export function freezer({ freezeEmbeddings, freezeLayers }: ResolvedRunOptions): (name: string) => boolean {
  return (name) => {
    const depth = depthOf(name);
    if (depth === -1) return freezeEmbeddings || freezeLayers > 0;
    return depth !== null && depth < freezeLayers;
  };
}

/** The options that the result depends on: a run that goes on must have them again. */
const OF_THE_RESULT = [
  ...["learningRate", "batchSize", "gradientAccumulationSteps", "optimizer", "weightDecay", "adamBeta1", "adamBeta2"],
  ...["adamEpsilon", "maxGradNorm", "layerwiseDecay", "freezeEmbeddings", "freezeLayers", "seed", "loggingSteps"],
  ...["loadBestModelAtEnd", "metricForBestModel", "greaterIsBetter", "earlyStoppingPatience"],
] as const;

/** What of a run decides its result. Infinity, which JSON does not have, is "Infinity". */
export type Identity = Readonly<Record<string, string | number | boolean | null>>;

export function identityOf(options: ResolvedRunOptions): Identity {
  const all = options as unknown as Readonly<Record<string, string | number | boolean | undefined>>;
  const value = (name: string) => (all[name] === Number.POSITIVE_INFINITY ? "Infinity" : (all[name] ?? null));
  return Object.fromEntries(OF_THE_RESULT.map((name) => [name, value(name)]));
}
