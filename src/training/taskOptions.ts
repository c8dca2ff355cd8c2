import { BertError, shown } from "../errors.ts";
import { expectChoice } from "../options.ts";
import { expectSentenceColumns } from "./data/sentenceColumns.ts";
import type { FinetuneTask } from "./data/taskModels.ts";
import { expectColumns } from "./data/textExamples.ts";
import { isOfLines } from "./data/textLines.ts";
import type { FinetuneOptions } from "./finetuneOptions.ts";
import { VECTOR_LOSSES } from "./sentence/vectorLosses.ts";
import { expectClassWeights } from "./tasks/weighting.ts";

/** Options that only some tasks have. */
const TASKS_OF: { readonly [name in keyof FinetuneOptions | "truncateDim"]?: readonly FinetuneTask[] } = {
  problemType: ["text-classification"],
  glueTask: ["text-classification"],
  columns: ["text-classification", "next-sentence-prediction", "text-ranking", "fill-mask", "sentence-embedding"],
  labels: ["text-classification", "token-classification"],
  docStride: ["question-answering"],
  maxAnswerLength: ["question-answering"],
  misplacedAnswers: ["question-answering"],
  mlmProbability: ["fill-mask"],
  doWholeWordMask: ["fill-mask"],
  classWeights: ["text-classification", "token-classification"],
  labelSmoothingFactor: [
    ...["text-classification", "token-classification", "multiple-choice", "next-sentence-prediction", "fill-mask"],
  ] as FinetuneTask[],
  posWeight: ["text-ranking"],
  atK: ["text-ranking"],
  loss: ["sentence-embedding"],
  scale: ["sentence-embedding"],
  matryoshkaDims: ["sentence-embedding"],
  matryoshkaWeights: ["sentence-embedding"],
  teacher: ["sentence-embedding"],
  truncateDim: ["sentence-embedding"], // of evaluation alone
};

const CHOICES: { readonly [name in keyof FinetuneOptions]?: readonly string[] } = {
  problemType: ["single_label_classification", "multi_label_classification", "regression"],
  misplacedAnswers: ["skip", "refuse"],
  loss: VECTOR_LOSSES,
};

/** Options that say when or how to evaluate, or what follows from it. */
const OF_EVALUATION = [
  ...["evalSteps", "evalBatchSize", "maxEvalExamples", "loadBestModelAtEnd", "metricForBestModel", "greaterIsBetter"],
  ...["earlyStoppingPatience", "atK"],
];

/** Options that have examples, or name their file. */
const DATASETS = ["trainDataset", "evalDataset", "dataset"];

/** What a task of GLUE says itself. */
const OF_GLUE: readonly (keyof FinetuneOptions)[] = ["problemType", "labels", "columns"];

/**
 * Checks the options that depend on the task and on one another, so that none is without effect.
 *
 * @param ofGlue what must be left out beside `glueTask`
 * @throws BertError ERR_INPUT an option of another task, or beside one that takes its place; none of its choices;
 *   labels that are no different strings; columns that are none, or of no file
 */
export function expectTaskOptions(
  where: string,
  task: FinetuneTask,
  options: object,
  ofGlue: readonly (keyof FinetuneOptions)[] = OF_GLUE,
): void {
  const { glueTask, problemType }: Partial<FinetuneOptions> = options;
  const wrong = (name: string, expected: string, got: unknown) =>
    new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(got)}`);
  const isOff = (name: string, value: unknown) =>
    (name === "doWholeWordMask" && value === false) || (name === "labelSmoothingFactor" && value === 0);
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && !isOff(name, value));
  for (const [name, value] of given as [keyof FinetuneOptions, unknown][]) {
    const tasks = TASKS_OF[name];
    if (tasks && !tasks.includes(task)) throw wrong(name, `left out for ${task}, it is of ${tasks.join(", ")}`, value);
    const choices = CHOICES[name];
    if (choices) expectChoice(where, name, value, choices);
    if (glueTask !== undefined && ofGlue.includes(name)) throw wrong(name, "left out where glueTask is given", value);
    if (name === "labels" && problemType === "regression") throw wrong(name, "left out for a regression", value);
    if (name === "labels") expectLabels(where, value);
    if (name === "classWeights") expectClassWeights(where, value);
    if (name !== "columns") continue;
    if (task === "sentence-embedding") expectSentenceColumns(where, value as object);
    else expectColumns(where, value as object, task);
    const { text } = value as { readonly text?: string };
    if (task === "sentence-embedding" && text !== undefined && (options as FinetuneOptions).teacher === undefined)
      throw wrong("columns.text", "left out without teacher, as a text alone is learned from with one", text);
    const files = DATASETS.map((name) => (options as Readonly<Record<string, unknown>>)[name]);
    if (!files.some((file) => typeof file === "string" && !isOfLines(task, file)))
      throw wrong("columns", "left out where no examples are in a file with columns", value);
  }
}

/**
 * Checks that what is said of evaluation has examples to evaluate with.
 *
 * @param examples the option that has them
 * @throws BertError ERR_INPUT it is left out, and another is not
 */
export function expectEvaluation(where: string, examples: string, options: object): void {
  const given = (name: string) => (options as Readonly<Record<string, unknown>>)[name];
  const name = OF_EVALUATION.find((option) => given(option) !== undefined && given(option) !== false);
  if (name === undefined || given(examples) !== undefined) return;
  throw new BertError("ERR_INPUT", `${where}: ${examples} must be given with ${name}, is left out`);
}

function expectLabels(where: string, labels: unknown): void {
  const isNames = Array.isArray(labels) && labels.every((label) => typeof label === "string") && labels.length > 0;
  if (isNames && new Set(labels).size === labels.length) return;
  const twice = isNames ? labels.find((label, i) => labels.indexOf(label) !== i) : undefined;
  const expected = "an array of different strings, at least one";
  const got = twice === undefined ? shown(labels) : `${shown(twice)} twice`;
  throw new BertError("ERR_INPUT", `${where}: labels must be ${expected}, got ${got}`);
}
