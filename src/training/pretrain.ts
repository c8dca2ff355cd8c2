import { loadParams } from "../checkpoint/loadParams.ts";
import { withOutputFolder } from "../disk/outputLock.ts";
import { namesIn } from "../disk/runFolder.ts";
import { BertError, listed, quote, shown } from "../errors.ts";
import { expectHubOptions } from "../hub/checkedOptions.ts";
import { openModelFolder } from "../load/weightFiles.ts";
import { type BertConfig, CONFIG_FIELDS, parseConfig } from "../model/config.ts";
import { expectKnownOptions, nearest, unknownName } from "../options.ts";
import { createTrainingBackend } from "../tensor/createTrainingBackend.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { permutation } from "./data/shuffle.ts";
import { initialWeights } from "./initialWeights.ts";
import { openExamples, type PretrainingExamples } from "./pretraining/openExamples.ts";
import type { PretrainingExample } from "./pretraining/packedExamples.ts";
import { PHASE_OPTIONS, PRETRAIN_OPTIONS, type PretrainOptions, type PretrainPhase } from "./pretrainOptions.ts";
import { examplesText, modelText } from "./report/about.ts";
import { digestOf } from "./run/digest.ts";
import { expectFree } from "./run/freeOutput.ts";
import {
  expectLayers,
  expectMetric,
  expectWarmup,
  type Identity,
  identityOf,
  type ResolvedRunOptions,
  resolveRunOptions,
} from "./run/resolvedOptions.ts";
import type { RunResult } from "./run/result.ts";
import { type RunPlan, run } from "./run/run.ts";
import { type StartModel, tokenizerIn, trainedConfigText, withStartModel } from "./startModel.ts";
import { expectEvaluation } from "./taskOptions.ts";
import { evaluatePretraining, PRETRAINING_METRICS } from "./tasks/pretraining.ts";
import type { LabelledBatch } from "./trainStep.ts";

/** Pretrains a model; documented where it is exported, in index.ts. */
export async function pretrain(given: PretrainOptions): Promise<RunResult> {
  expectKnownOptions("pretrain", given, PRETRAIN_OPTIONS);
  const kind = { learningRate: 1e-4, batchSize: 32, optimizer: "bert", weightDecay: 0.01, warmupRatio: 0.01 } as const;
  const options = resolveRunOptions("pretrain", given, kind);
  expectEvaluation("pretrain", "evalExamples", given);
  expectHubOptions(given); // without a model, too
  if (!Array.isArray(given.phases) || given.phases.length === 0) throw wrong("phases", "at least one phase", "none");
  if (given.config && given.model !== undefined) throw wrong("config", "left out where model is given", "both");
  return withOutputFolder(options.output, () => openAndRun(given, options));
}

async function openAndRun(given: PretrainOptions, options: ResolvedRunOptions): Promise<RunResult> {
  await expectFree("pretrain", options);
  const opened: PretrainingExamples[] = [];
  const openFolder = async (folder: string) => {
    const names = (await namesIn(folder)).filter((name) => /^examples-.*\.safetensors$/.test(name));
    if (names.length === 0) throw wrong("phases[].examples", "a folder with examples-….safetensors", quote(folder));
    opened.push(await openExamples(names.map((name) => `${folder}/${name}`)));
    return opened[opened.length - 1];
  };
  try {
    const phases: OpenedPhase[] = [];
    for (const phase of given.phases)
      phases.push({ ...checked(phase, options), examples: await openFolder(phase.examples) });
    const evaluation = given.evalExamples === undefined ? null : await openFolder(given.evalExamples);
    const tokenizer = await tokenizerIn(await openModelFolder(given.phases[0].examples));
    const begin = (start: StartModel | null) => runPhases(given, options, phases, evaluation, tokenizer, start);
    return await (given.model === undefined ? begin(null) : withStartModel(given.model, given, begin));
  } finally {
    for (const examples of opened) await examples.close();
  }
}

interface OpenedPhase extends Required<Omit<PretrainPhase, "examples">> {
  readonly examples: PretrainingExamples;
}

function wrong(name: string, must: string, got: string): BertError {
  return new BertError("ERR_INPUT", `pretrain: ${name} must be ${must}, got ${got}`);
}

function checked(phase: PretrainPhase, options: ResolvedRunOptions): Required<Omit<PretrainPhase, "examples">> {
  expectKnownOptions("pretrain: phases[]", phase, PHASE_OPTIONS);
  const { steps, batchSize = options.batchSize } = phase;
  const { gradientAccumulationSteps = options.gradientAccumulationSteps } = phase;
  for (const [name, value] of Object.entries({ steps, batchSize, gradientAccumulationSteps })) {
    if (!(Number.isSafeInteger(value) && value >= 1))
      throw wrong(`phases[].${name}`, "a whole number from 1", shown(value));
  }
  return { steps, batchSize, gradientAccumulationSteps };
}

async function runPhases(
  given: PretrainOptions,
  options: ResolvedRunOptions,
  phases: readonly OpenedPhase[],
  evaluation: PretrainingExamples | null,
  tokenizer: BertTokenizer,
  start: StartModel | null,
): Promise<RunResult> {
  for (const name of Object.keys(given.config ?? {})) {
    // A config.json may have other fields, of whoever wrote it.
    if (CONFIG_FIELDS.includes(name) || nearest(name, CONFIG_FIELDS) === null) continue;
    throw unknownName("pretrain: config", "field", name, CONFIG_FIELDS);
  }
  const sizes = start?.configText ?? JSON.stringify({ ...(given.config ?? {}), vocab_size: tokenizer.size });
  const configText = trainedConfigText(sizes, { architecture: "BertForPreTraining" });
  const config = parseConfig(configText);
  expectSameVocabulary(tokenizer, start);
  for (const [i, { examples }] of phases.entries()) expectFitting(`phases[${i}].examples`, examples, tokenizer, config);
  if (evaluation) expectFitting("evalExamples", evaluation, tokenizer, config);
  const totalSteps = phases.reduce((sum, { steps }) => sum + steps, 0);
  const warmupSteps = options.warmupSteps ?? Math.ceil(totalSteps * options.warmupRatio);
  expectWarmup("pretrain", warmupSteps, totalSteps);
  expectLayers("pretrain", options.freezeLayers, config.numHiddenLayers);
  expectMetric("pretrain", options, evaluation ? PRETRAINING_METRICS : []);
  const evalSteps = options.evalSteps ?? options.saveSteps;
  const { batchSize: _, gradientAccumulationSteps: __, ...ofRun } = identityOf(options); // each phase has its own
  const count = Math.min(evaluation?.length ?? 0, given.maxEvalExamples ?? 1000);
  const identity: Identity = {
    task: "pretraining",
    phases: phases
      .map(({ steps, batchSize, gradientAccumulationSteps: n }) => `${steps} steps of ${n} × ${batchSize}`)
      .join(", "),
    ...{ evalExamples: evaluation?.length ?? null, maxEvalExamples: evaluation && count },
    ...ofRun,
    "model's config": await digestOf([new TextEncoder().encode(configText)]),
    examples: await digestOfExamples([...phases.map(({ examples }) => examples), ...(evaluation ? [evaluation] : [])]),
    ...{ totalSteps, warmupSteps, evalSteps: evaluation && evalSteps },
  };
  const plan: RunPlan = {
    ...{ where: "pretrain", config, configText, tokenizer, identity, totalSteps, warmupSteps, evalSteps },
    about: {
      "start model": start ? modelText(given.model) : "none, initial weights",
      "training data": given.phases.map(({ examples, steps }) => `${examples}, ${steps} updates`).join("; "),
      ...(evaluation && { "evaluation data": examplesText(given.evalExamples, count) }),
    },
    load: (kernels) =>
      start
        ? start.load(config, kernels, options.seed)
        : loadParams(initialWeights(config, options.seed), config, kernels),
    epochAt: (step) => epochAt(phases, step),
    batchesAt: batchReader(phases, options.seed),
    evaluate: evaluation && ((model, how) => evaluatePretraining(model, how, evaluation, count, tokenizer)),
  };
  const kernels = createTrainingBackend(
    options.backend,
    { threads: options.threads, assets: given.assets },
    "pretrain",
  );
  try {
    return await run(plan, options, kernels);
  } finally {
    await kernels.dispose();
  }
}

function expectSameVocabulary(tokenizer: BertTokenizer, start: StartModel | null): void {
  if (!start || tokenizer.toFiles()["vocab.txt"] === start.tokenizer.toFiles()["vocab.txt"]) return;
  throw new BertError(
    "ERR_VOCABULARY",
    "pretrain: the vocabulary of the examples must be that of the model, it is another",
  );
}

/** Checks lengths and vocabulary of a phase before the first begins. @throws BertError ERR_INPUT they do not fit */
function expectFitting(
  name: string,
  { metadata }: PretrainingExamples,
  tokenizer: BertTokenizer,
  { maxPositionEmbeddings }: BertConfig,
): void {
  const [tokens, size] = ["max_seq_length", "vocab_size"].map((flag) => metadata.get(flag) ?? "");
  if (Number(tokens) > maxPositionEmbeddings)
    throw wrong(name, `of at most ${maxPositionEmbeddings} tokens, the most that the model takes`, quote(tokens));
  if (Number(size) !== tokenizer.size) throw wrong(name, `of a vocabulary of ${tokenizer.size} tokens`, quote(size));
}

/** Which phase an update is of, and how many updates of it come before. */
function phaseAt(phases: readonly OpenedPhase[], step: number): { index: number; done: number } {
  let index = 0;
  let done = step;
  while (index < phases.length - 1 && done >= phases[index].steps) done -= phases[index++].steps;
  return { index, done };
}

/** How many times the examples of the phase were read. */
function epochAt(phases: readonly OpenedPhase[], step: number): number {
  const { index, done } = phaseAt(phases, step);
  const { examples, batchSize, gradientAccumulationSteps } = phases[index];
  return (done * batchSize * gradientAccumulationSteps) / examples.length;
}

/**
 * Reads the examples of an update. Those of a phase are numbered through all its epochs; each epoch has an order of its
 * own, a function of seed, phase and epoch.
 */
function batchReader(phases: readonly OpenedPhase[], seed: number): RunPlan["batchesAt"] {
  let known: { readonly key: string; readonly order: Uint32Array } = { key: "", order: new Uint32Array(0) };
  const numberOf = (index: number, n: number): number => {
    const { length } = phases[index].examples;
    const epoch = Math.floor(n / length);
    const key = `${index} ${epoch}`;
    if (key !== known.key) known = { key, order: permutation(length, seed, (index << 24) + epoch) };
    return known.order[n % length];
  };
  return async (step) => {
    const { index, done } = phaseAt(phases, step);
    const { examples, batchSize, gradientAccumulationSteps } = phases[index];
    const first = done * batchSize * gradientAccumulationSteps;
    const batches: LabelledBatch[] = [];
    for (let b = 0; b < gradientAccumulationSteps; b++) {
      const numbers = Array.from({ length: batchSize }, (_, i) => numberOf(index, first + b * batchSize + i));
      const read = await Promise.all(numbers.map((n) => examples.example(n)));
      batches.push(pretrainingBatch(read, `phase ${index + 1}, examples ${listed(numbers.map(String))}`));
    }
    return batches;
  };
}

function pretrainingBatch(examples: readonly PretrainingExample[], name: string): LabelledBatch {
  const labels = examples.map(({ inputIds, maskedLmPositions, maskedLmIds }) => {
    const row = new Int32Array(inputIds.length).fill(-100);
    for (const [m, position] of maskedLmPositions.entries()) row[position] = maskedLmIds[m];
    return row;
  });
  const nextSentenceLabel = examples.map((example) => example.nextSentenceLabel);
  return { input: examples, labels: { labels, nextSentenceLabel }, name };
}

/** How many examples of a folder are looked at. */
const SAMPLES = 64;

/** The digest of examples that may be larger than memory: of their number, how they were made, and some of them. */
async function digestOfExamples(folders: readonly PretrainingExamples[]): Promise<string> {
  const lists: ArrayLike<number>[] = [];
  for (const { length, metadata, example } of folders) {
    lists.push([length], new TextEncoder().encode(JSON.stringify([...metadata])));
    const count = Math.min(SAMPLES, length);
    for (let s = 0; s < count; s++) {
      const { inputIds, maskedLmPositions, maskedLmIds, nextSentenceLabel } = await example(
        Math.floor((s * length) / count),
      );
      lists.push(inputIds, maskedLmPositions, maskedLmIds, [nextSentenceLabel]);
    }
  }
  return digestOf(lists);
}
