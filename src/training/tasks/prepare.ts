import { BertError } from "../../errors.ts";
import type { SentenceModules } from "../../load/sentenceModules.ts";
import { type Architecture, bertClassOf } from "../../model/architectures.ts";
import type { BertConfig, ProblemType } from "../../model/config.ts";
import { checkedExamples, checkedTexts } from "../data/checkExamples.ts";
import type { Dataset } from "../data/dataset.ts";
import type { GlueTask } from "../data/glue.ts";
import { areUnnamed } from "../data/modelLabels.ts";
import { checkedSentences } from "../data/sentenceExamples.ts";
import { type FinetuneTask, TASK_MODELS } from "../data/taskModels.ts";
import type { VectorLossOptions } from "../sentence/lossSettings.ts";
import { fillMask } from "./fillMask.ts";
import { multipleChoice } from "./multipleChoice.ts";
import { nextSentence } from "./nextSentence.ts";
import { type MisplacedAnswers, questionAnswering } from "./questionAnswering.ts";
import { sentenceEmbedding } from "./sentenceEmbedding.ts";
import type { PreparedTask, TaskModel } from "./task.ts";
import { textClassification } from "./textClassification.ts";
import { textRanking } from "./textRanking.ts";
import { tokenClassification } from "./tokenClassification.ts";
import { type ClassWeights, weighted } from "./weighting.ts";

/** What a task is, and how its examples become sequences. */
export interface TaskOptions extends VectorLossOptions {
  readonly task: FinetuneTask;
  readonly maxLength?: number | undefined;
  readonly problemType?: ProblemType | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly glueTask?: GlueTask | undefined;
  readonly docStride?: number | undefined;
  readonly maxAnswerLength?: number | undefined;
  readonly misplacedAnswers?: MisplacedAnswers | undefined;
  readonly mlmProbability?: number | undefined;
  readonly doWholeWordMask?: boolean | undefined;
  readonly classWeights?: ClassWeights | undefined;
  readonly labelSmoothingFactor?: number | undefined;
  readonly posWeight?: number | undefined;
  readonly atK?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly seed: number;
}

/** Most tokens of a sequence that a model takes. */
export function limitOf({ config, tokenizer }: TaskModel): number {
  return Math.min(config.maxPositionEmbeddings, tokenizer.modelMaxLength);
}

/** @throws BertError ERR_INPUT the model takes fewer tokens */
export function expectMaxLength(where: string, model: TaskModel, maxLength: number): void {
  const limit = limitOf(model);
  if (maxLength <= limit) return;
  throw new BertError(
    "ERR_INPUT",
    `${where}: maxLength must be at most ${limit}, the most that the model takes, got ${maxLength}`,
  );
}

/**
 * The examples of a task as its model takes them.
 *
 * @param where the function that errors name
 * @param train the examples to train with; null: the model is evaluated alone
 * @throws BertError ERR_INPUT an option or examples that do not fit the task
 */
export function prepare(
  where: string,
  model: TaskModel,
  train: Dataset | null,
  evaluation: Dataset | null,
  given: TaskOptions,
): PreparedTask {
  const limit = limitOf(model);
  const { maxLength = limit } = given;
  expectMaxLength(where, model, maxLength);
  const task = ofTask(where, model, train, evaluation, given);
  const ofLength = given.task === "sentence-embedding" ? {} : { maxLength }; // the model's folder has that task's
  return weighted(where, { ...task, settings: { ...ofLength, ...task.settings } }, given);
}

/** The examples without weights. */
function ofTask(
  where: string,
  model: TaskModel,
  train: Dataset | null,
  evaluation: Dataset | null,
  given: TaskOptions,
): PreparedTask {
  const { tokenizer, config } = model;
  const limit = limitOf(model);
  const { task, maxLength = limit } = given;
  const cut = { ...given, maxLength, areFloats: train?.areFloats ?? false };
  const examplesOf = <T extends Exclude<FinetuneTask, "fill-mask" | "sentence-embedding">>(name: T) => {
    const checked = ({ name: dataset, examples }: Dataset) => checkedExamples(name, dataset, examples);
    return [train ? checked(train) : [], evaluation && checked(evaluation)] as const;
  };
  const withLabels = () => ({ ...cut, startLabels: ownLabels(config, TASK_MODELS[task]) });
  switch (task) {
    case "text-classification":
      return textClassification(tokenizer, ...examplesOf(task), withLabels());
    case "token-classification":
      return tokenClassification(tokenizer, ...examplesOf(task), withLabels());
    case "question-answering":
      return questionAnswering(tokenizer, ...examplesOf(task), limit, given);
    case "multiple-choice":
      return multipleChoice(tokenizer, ...examplesOf(task), cut);
    case "text-ranking":
      return textRanking(tokenizer, ...examplesOf(task), { ...given, maxLength });
    case "next-sentence-prediction":
      return nextSentence(tokenizer, ...examplesOf(task), cut);
    case "fill-mask": {
      const texts = ({ name, examples }: Dataset) => checkedTexts(where, name, examples);
      return fillMask(tokenizer, train ? texts(train) : [], evaluation && texts(evaluation), limit, { ...cut, where });
    }
    case "sentence-embedding": {
      const checked = ({ name, examples }: Dataset) => checkedSentences(name, examples);
      const sentence = model.sentence as SentenceModules;
      const groups = [train ? checked(train) : [], evaluation && checked(evaluation)] as const;
      return sentenceEmbedding(where, { ...model, sentence }, ...groups, given);
    }
  }
}

/** The labels of a classifier of this kind that somebody has named; null: it is none, or has LABEL_0, … alone. */
function ownLabels({ architecture, labels }: BertConfig, wanted: Architecture): readonly string[] | null {
  return bertClassOf(architecture) === wanted && !areUnnamed(labels) ? labels : null;
}
