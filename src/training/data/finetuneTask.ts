import { BertError, shown } from "../../errors.ts";

/** What a model can be trained for, named as the pipelines. */
export const FINETUNE_TASKS = [
  "text-classification",
  "token-classification",
  "question-answering",
  "multiple-choice",
  "next-sentence-prediction",
  "fill-mask",
] as const;

export type FinetuneTask = (typeof FINETUNE_TASKS)[number];

/** @throws BertError ERR_INPUT it is no task */
export function expectTask(where: string, task: unknown): asserts task is FinetuneTask {
  if (FINETUNE_TASKS.includes(task as FinetuneTask)) return;
  throw new BertError("ERR_INPUT", `${where}: task must be one of ${FINETUNE_TASKS.join(", ")}, got ${shown(task)}`);
}
