import { BertError, quote } from "../../errors.ts";
import type { Architecture } from "../../model/architectures.ts";
import type { BertConfig, ProblemType } from "../../model/config.ts";
import type { TaggedSentence } from "../data/conll.ts";
import { glueLabels } from "../data/glue.ts";
import { located } from "../data/located.ts";
import { areUnnamed, labelsIn, modelLabels, relabelled, retagged } from "../data/modelLabels.ts";
import type { FinetuneTask } from "../data/readExamples.ts";
import type { TextExample } from "../data/textExamples.ts";
import type { TaskOptions } from "./prepare.ts";
import { TASK_MODELS, TASK_NAMES } from "./taskModels.ts";

/** Heads of pretraining, which config.json does not tell apart: bert-base-cased has both, and says BertForMaskedLM. */
const PRETRAINED: readonly Architecture[] = ["BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction"];
const PRETRAINING_TASKS: readonly FinetuneTask[] = ["fill-mask", "next-sentence-prediction"];

/**
 * The task of a model.
 *
 * @throws BertError ERR_INPUT its class has none, or several and none was given, or not the one that was given
 */
export function taskOf(architecture: Architecture, given: FinetuneTask | undefined): FinetuneTask {
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

type Given = Pick<TaskOptions, "labels" | "glueTask" | "problemType">;

/**
 * The examples of a task with the model's names for labels, and what these mean.
 *
 * @throws BertError ERR_INPUT, naming file and line, a label that the model does not have
 */
export function fitting(
  task: FinetuneTask,
  config: BertConfig,
  examples: readonly unknown[],
  { labels, glueTask, problemType }: Given,
): { readonly dataset: readonly unknown[] } & Given {
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
