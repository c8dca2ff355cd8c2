import type { Architecture } from "../../model/architectures.ts";
import type { FinetuneTask } from "../data/readExamples.ts";

/** The model class that each task trains, as in Hugging Face's scripts for it. */
export const TASK_MODELS: Readonly<Record<FinetuneTask, Architecture>> = {
  "text-classification": "BertForSequenceClassification",
  "token-classification": "BertForTokenClassification",
  "question-answering": "BertForQuestionAnswering",
  "multiple-choice": "BertForMultipleChoice",
  "next-sentence-prediction": "BertForNextSentencePrediction",
  "fill-mask": "BertForMaskedLM",
};

export const TASK_NAMES: readonly FinetuneTask[] = Object.keys(TASK_MODELS) as FinetuneTask[];
