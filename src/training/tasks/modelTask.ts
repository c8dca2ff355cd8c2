import { BertError, quote } from "../../errors.ts";
import { type Architecture, bertClassOf, inFamily, otherFamilyFor } from "../../model/architectures.ts";
import type { BertConfig, ProblemType } from "../../model/config.ts";
import { checkedExamples } from "../data/checkExamples.ts";
import type { Dataset } from "../data/dataset.ts";
import { glueLabels } from "../data/glue.ts";
import type { ClassName } from "../data/labels.ts";
import { areUnnamed, type LabelAt, modelLabels } from "../data/modelLabels.ts";
import { expectTask, FINETUNE_TASKS, type FinetuneTask, TASK_MODELS } from "../data/taskModels.ts";
import type { Label, TextExample } from "../data/textExamples.ts";
import type { TaskOptions } from "./prepare.ts";

/** Heads of pretraining, which config.json does not tell apart: bert-base-cased has both, and says BertForMaskedLM. */
const PRETRAINED: readonly Architecture[] = ["BertForPreTraining", "BertForMaskedLM", "BertForNextSentencePrediction"];
const PRETRAINING_TASKS: readonly FinetuneTask[] = ["fill-mask", "next-sentence-prediction"];

/**
 * The task of a model. A sequence classifier ranks texts if its files say that it is a CrossEncoder of
 * sentence-transformers with one label, else it classifies.
 *
 * @param model the option that names it; undefined: it is the one that comes with the package
 * @throws BertError ERR_INPUT its class has several and none was given, or not the one that was given
 */
export function taskOf(
  { config, isRanker }: { readonly config: BertConfig; readonly isRanker: boolean },
  given: FinetuneTask | undefined,
  model: string | undefined,
): FinetuneTask {
  if (given !== undefined) expectTask("evaluate", given);
  if (given === "sentence-embedding") return given; // every model has an encoder
  const { architecture, labels, problemType, modelType } = config;
  if (given !== undefined) inFamily("evaluate", TASK_MODELS[given], modelType);
  const kind = bertClassOf(architecture);
  const all = FINETUNE_TASKS.filter((task) => TASK_MODELS[task] === kind);
  const isOfScores = isRanker && labels.length === 1 && problemType === null;
  const own = isOfScores && all.includes("text-ranking") ? "text-ranking" : all[0];
  const pretrained = PRETRAINING_TASKS.filter((task) => otherFamilyFor(TASK_MODELS[task], modelType) === null);
  const tasks = PRETRAINED.includes(kind) ? pretrained : all;
  const task = given ?? own;
  if (task !== undefined && tasks.includes(task)) return task;
  const names = tasks.filter((name) => name !== "text-ranking" || labels.length === 1).join(" or ");
  const hint = model === undefined ? "; model is left out: it is the small model that comes with plainbert" : "";
  throw wrong(
    `task must be ${names} for a model that is a ${architecture} by its config.json, ${given === undefined ? "is left out" : `got ${quote(given)}`}${hint}`,
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
  dataset: Dataset,
  { labels, glueTask, problemType }: Given,
): { readonly dataset: Dataset } & Given {
  if (task === "token-classification") {
    const sentences = checkedExamples(task, dataset.name, dataset.examples);
    const found = sentences.flatMap(({ tags, where }) => tags.map((label) => ({ label, where })));
    const { names, nameOf } = ownLabels(config, found, labels);
    const examples = sentences.map((sentence) => ({ ...sentence, tags: sentence.tags.map(nameOf) }));
    return { dataset: { ...dataset, examples }, labels: names };
  }
  if (task === "text-ranking" && config.labels.length !== 1)
    throw wrong(`the model must have one label to rank texts, has ${config.labels.length}`);
  if (task !== "text-classification") return { dataset };
  const texts = checkedExamples(task, dataset.name, dataset.examples);
  const problem = problemType ?? config.problemType ?? problemOf(config, texts);
  if (problem === "regression") {
    if (config.labels.length === 1) return { dataset, problemType: problem };
    throw wrong(`the model must have one label for a regression, has ${config.labels.length}`);
  }
  const glue = glueTask === undefined || !areUnnamed(config.labels) ? undefined : glueLabels(glueTask);
  const found = texts.flatMap(({ label, where }) => labelsIn(label).map((one) => ({ label: one, where })));
  const { names, nameOf } = ownLabels(config, found, labels ?? glue ?? undefined);
  const examples = texts.map((text) => {
    const { label } = text;
    return label === undefined
      ? text
      : { ...text, label: typeof label === "object" ? label.map(nameOf) : nameOf(label) };
  });
  return { dataset: { ...dataset, examples }, labels: names, problemType: problem };
}

/** @throws BertError ERR_INPUT as `modelLabels`; a classifier of one class, which cannot be wrong */
function ownLabels({ labels }: BertConfig, found: readonly LabelAt[], given: readonly string[] | undefined) {
  if (labels.length > 1) return modelLabels(labels, found, given);
  throw wrong(`the model must have at least two labels, has only ${quote(labels[0])}`);
}

/** What the labels of a model mean whose config.json does not say, as Hugging Face's library takes them. */
function problemOf({ labels }: BertConfig, examples: readonly TextExample[]): ProblemType {
  if (labels.length === 1) return "regression";
  const areLists = examples.some(({ label }) => typeof label === "object");
  return areLists ? "multi_label_classification" : "single_label_classification";
}

function labelsIn(label: Label | undefined): readonly ClassName[] {
  return label === undefined ? [] : typeof label === "object" ? label : [label];
}

function wrong(what: string): BertError {
  return new BertError("ERR_INPUT", `evaluate: ${what}`);
}
