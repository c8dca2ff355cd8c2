import { BertError, quote } from "../../errors.ts";
import type { ProblemType } from "../../model/config.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { GlueTask } from "../data/glue.ts";
import { located } from "../data/located.ts";
import type { FinetuneTask, TaskExamples } from "../data/readExamples.ts";
import { fillMask } from "./fillMask.ts";
import { multipleChoice } from "./multipleChoice.ts";
import { nextSentence } from "./nextSentence.ts";
import { questionAnswering } from "./questionAnswering.ts";
import type { PreparedTask } from "./task.ts";
import { TASK_NAMES } from "./taskModels.ts";
import { textClassification } from "./textClassification.ts";
import { tokenClassification } from "./tokenClassification.ts";

/** What a task is, and how its examples become sequences. */
export interface TaskOptions {
  readonly task: FinetuneTask;
  readonly maxLength?: number | undefined;
  readonly problemType?: ProblemType | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly glueTask?: GlueTask | undefined;
  readonly docStride?: number | undefined;
  readonly maxAnswerLength?: number | undefined;
  readonly mlmProbability?: number | undefined;
  readonly doWholeWordMask?: boolean | undefined;
  readonly seed: number;
}

/** The examples of a task by what errors call them: to train with, and to evaluate with or null. */
export type Datasets = Readonly<Record<string, readonly unknown[] | null>>;

/**
 * The examples of a task as its model takes them.
 *
 * @param where    the function that errors name
 * @param limit    most tokens that the model takes
 * @param datasets first those to train with, of which there may be none, then those to evaluate with
 * @throws BertError ERR_INPUT an unknown task, an option or examples that do not fit it
 */
export function prepare(
  where: string,
  tokenizer: BertTokenizer,
  limit: number,
  datasets: Datasets,
  given: TaskOptions,
): PreparedTask {
  const { task, maxLength = limit } = given;
  if (maxLength > limit) {
    throw new BertError(
      "ERR_INPUT",
      `${where}: maxLength must be at most ${limit}, the most that the model takes, got ${maxLength}`,
    );
  }
  const cut = { ...given, maxLength };
  const [train, evaluation] = Object.entries(datasets);
  const examplesOf = <T extends Exclude<FinetuneTask, "fill-mask">>() => {
    const [first, second] = [train, evaluation].map(([name, some]) => some && located(name, some as TaskExamples[T][]));
    return [first ?? [], second] as const;
  };
  switch (task) {
    case "text-classification":
      return textClassification(tokenizer, ...examplesOf<"text-classification">(), cut);
    case "token-classification":
      return tokenClassification(tokenizer, ...examplesOf<"token-classification">(), cut);
    case "question-answering":
      return questionAnswering(tokenizer, ...examplesOf<"question-answering">(), limit, given);
    case "multiple-choice":
      return multipleChoice(tokenizer, ...examplesOf<"multiple-choice">(), cut);
    case "next-sentence-prediction":
      return nextSentence(tokenizer, ...examplesOf<"next-sentence-prediction">(), cut);
    case "fill-mask": {
      const [first, second] = [train[1] ?? [], evaluation[1]] as [readonly string[], readonly string[] | null];
      return fillMask(tokenizer, first, second, limit, { ...cut, where });
    }
    default: {
      const tasks = TASK_NAMES.join(", ");
      throw new BertError("ERR_INPUT", `${where}: task must be one of ${tasks}, got ${quote(String(task))}`);
    }
  }
}
