import type { Architecture } from "../../model/architectures.ts";
import { expectChoice } from "../../options.ts";

export type FinetuneTask =
  | "text-classification"
  | "token-classification"
  | "question-answering"
  | "multiple-choice"
  | "text-ranking"
  | "next-sentence-prediction"
  | "fill-mask"
  | "sentence-embedding";

/** The model class that each task trains, as in Hugging Face's scripts for it. */
export const TASK_MODELS: Readonly<Record<FinetuneTask, Architecture>> = {
  "text-classification": "BertForSequenceClassification",
  "token-classification": "BertForTokenClassification",
  "question-answering": "BertForQuestionAnswering",
  "multiple-choice": "BertForMultipleChoice",
  "text-ranking": "BertForSequenceClassification",
  "next-sentence-prediction": "BertForNextSentencePrediction",
  "fill-mask": "BertForMaskedLM",
  "sentence-embedding": "BertModel", // as sentence-transformers does
};

export const FINETUNE_TASKS: readonly FinetuneTask[] = Object.keys(TASK_MODELS) as FinetuneTask[];

/** @throws BertError ERR_INPUT it is no task */
export function expectTask(where: string, task: unknown): asserts task is FinetuneTask {
  expectChoice(where, "task", task, FINETUNE_TASKS);
}
