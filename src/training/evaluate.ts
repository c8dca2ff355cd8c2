import { BertError, quote } from "../errors.ts";
import { loadBert } from "../load/loadBert.ts";
import { modelTokenizer, noTokenizer, readModelTexts, withModelFiles } from "../load/readModel.ts";
import type { Architecture } from "../model/architectures.ts";
import type { BertConfig, ProblemType } from "../model/config.ts";
import { expectKnownOptions } from "../options.ts";
import type { TaggedSentence } from "./data/conll.ts";
import { datasetOf } from "./data/dataset.ts";
import { glueLabels } from "./data/glue.ts";
import { located } from "./data/located.ts";
import { areUnnamed, labelsIn, modelLabels, relabelled, retagged } from "./data/modelLabels.ts";
import type { FinetuneTask } from "./data/readExamples.ts";
import type { TextExample } from "./data/textExamples.ts";
import { EVALUATE_OPTIONS, type EvaluateOptions, type EvaluationResult } from "./evaluateOptions.ts";
import { expectNumbers } from "./run/resolvedOptions.ts";
import { prepare } from "./tasks/prepare.ts";
import { TASK_MODELS, TASK_NAMES } from "./tasks/taskModels.ts";

/** What a model of the hub is found by, and what more `loadBert` takes. */
const HUB = ["revision", "token", "cache_dir", "local_files_only", "assets", "progress_callback", "signal"] as const;
const LOADING = [...HUB, "backend", "threads", "dtype"] as const;

/** What the numbers depend on, beside model and examples. */
const SETTINGS = [
  ...(["maxLength", "problemType", "glueTask", "docStride", "maxAnswerLength"] as const),
  ...(["mlmProbability", "doWholeWordMask", "seed", "dtype"] as const),
];

/** Says what a model is worth; documented where it is exported, in index.ts. */
export async function evaluate<T extends FinetuneTask>(given: EvaluateOptions<T>): Promise<EvaluationResult> {
  expectKnownOptions("evaluate", given, EVALUATE_OPTIONS);
  expectNumbers("evaluate", given);
  const { config, tokenizer } = await withModelFiles(given.model, picked(given, HUB), false, async (folder) => {
    const texts = await readModelTexts(folder, "evaluate");
    const found = modelTokenizer(texts, "evaluate");
    if (!found) throw noTokenizer(folder, "evaluate");
    return { config: texts.config, tokenizer: found };
  });
  const task = taskOf(config.architecture, given.task);
  const examples = await datasetOf<FinetuneTask>("evaluate: dataset", task, given.dataset, given);
  const how = { seed: 42, batchSize: 8, ...given, ...fitting(task, config, examples, given), task };
  const limit = Math.min(config.maxPositionEmbeddings, tokenizer.modelMaxLength);
  const prepared = prepare("evaluate", tokenizer, limit, { none: null, dataset: how.dataset }, how);
  const bert = await loadBert(given.model, { ...picked(given, LOADING), architecture: TASK_MODELS[task] });
  const start = performance.now();
  try {
    const { examples: _, metrics, ...evaluation } = await prepared.evaluate!(bert, how);
    return {
      ...{ model: given.model ?? null, task, file: typeof given.dataset === "string" ? given.dataset : null },
      examples: examples.length,
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value])),
      ...evaluation,
      settings: picked({ ...how, problemType: prepared.problemType ?? undefined }, SETTINGS),
      backend: bert.backend,
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    await bert.dispose();
  }
}

/** The members of an object that are named and there. */
function picked<T, K extends keyof T>(object: T, names: readonly K[]): { [name in K]?: Exclude<T[name], undefined> } {
  const given = names.filter((name) => object[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, object[name]])) as ReturnType<typeof picked<T, K>>;
}

/** Heads of pretraining, which config.json does not tell apart: bert-base-cased has both, and says BertForMaskedLM. */
const PRETRAINED: readonly Architecture[] = ["BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction"];
const PRETRAINING_TASKS: readonly FinetuneTask[] = ["fill-mask", "next-sentence-prediction"];

/**
 * The task of a model.
 *
 * @throws BertError ERR_INPUT its class has none, or several and none was given, or not the one that was given
 */
function taskOf(architecture: Architecture, given: FinetuneTask | undefined): FinetuneTask {
  if (given !== undefined && !TASK_NAMES.includes(given)) {
    throw wrong(`task must be one of ${TASK_NAMES.join(", ")}, got ${quote(String(given))}`);
  }
  const own = TASK_NAMES.find((task) => TASK_MODELS[task] === architecture);
  const tasks = PRETRAINED.includes(architecture) ? PRETRAINING_TASKS : own === undefined ? [] : [own];
  if (tasks.length === 0) {
    throw wrong(`the model must have a head for a task, is a ${architecture} by its config.json, which has none`);
  }
  const task = given ?? own;
  if (task !== undefined && tasks.includes(task)) return task;
  const names = tasks.join(" or ");
  throw wrong(
    `task must be ${names} for a model that is a ${architecture} by its config.json, ${given === undefined ? "is left out" : `got ${quote(given)}`}`,
  );
}

/** The examples with the model's names for labels, and what these mean. */
function fitting(
  task: FinetuneTask,
  config: BertConfig,
  examples: readonly unknown[],
  { labels, glueTask, problemType }: EvaluateOptions,
): { readonly dataset: readonly unknown[] } & Pick<EvaluateOptions, "labels" | "problemType"> {
  if (task === "token-classification") {
    const sentences = located("dataset", examples as readonly TaggedSentence[]);
    const own = modelLabels(config.labels, sentences.flatMap(({ tags }) => tags), labels); // biome-ignore format: one line
    return { dataset: sentences.map((sentence) => retagged(sentence, own)), labels: own.names };
  }
  if (task !== "text-classification") return { dataset: examples };
  const texts = located("dataset", examples as readonly TextExample[]);
  const problem = problemType ?? config.problemType ?? problemOf(config, texts);
  if (problem === "regression") {
    if (config.labels.length === 1) return { dataset: texts, problemType: problem };
    throw wrong(`the model must have one label for a regression, has ${config.labels.length}`);
  }
  const glue = glueTask === undefined || !areUnnamed(config.labels) ? undefined : glueLabels(glueTask);
  const own = modelLabels(config.labels, texts.flatMap(({ label }) => labelsIn(label)), labels ?? glue ?? undefined); // biome-ignore format: one line
  return { dataset: texts.map((text) => relabelled(text, own)), labels: own.names, problemType: problem };
}

/** What the labels of a model mean whose config.json does not say, as Hugging Face's library takes them. */
function problemOf({ labels }: BertConfig, examples: readonly TextExample[]): ProblemType {
  if (labels.length === 1) return "regression";
  const areLists = examples.some(({ label }) => typeof label === "object");
  return areLists ? "multi_label_classification" : "single_label_classification";
}

function wrong(what: string): BertError {
  return new BertError("ERR_INPUT", `evaluate: ${what}`);
}
