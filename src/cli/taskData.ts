import { FINETUNE_TASKS } from "../training/data/taskModels.ts";
import type { GlueTask, RankingColumns, TextColumns } from "../training/index.ts";
import { choice, count, decimal, flag, type Option, text, type ValuesOf } from "./option.ts";

const PROBLEMS = ["single_label_classification", "multi_label_classification", "regression"] as const;
const GLUE: readonly GlueTask[] = ["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli"];

/** A task by its name. */
export function taskOption(description: string): Option<(typeof FINETUNE_TASKS)[number]> {
  return { ...choice(FINETUNE_TASKS, `${description}: ${FINETUNE_TASKS.join(", ")}.`), placeholder: "TASK" };
}

/** How the examples of a task become sequences with labels. */
export const DATA_OPTIONS: {
  readonly "max-length": Option<number>;
  readonly "problem-type": Option<(typeof PROBLEMS)[number]>;
  readonly "glue-task": Option<GlueTask>;
  readonly "doc-stride": Option<number>;
  readonly "max-answer-length": Option<number>;
  readonly "mlm-probability": Option<number>;
  readonly "do-whole-word-mask": Option<boolean>;
  readonly "at-k": Option<number>;
} = {
  "max-length": count("Most tokens of a sequence. Default: what the model takes; for questions 384."),
  "problem-type": {
    ...choice(
      PROBLEMS,
      `What labels mean: ${PROBLEMS.join(", ")}. Default: lists are several labels, floats are to be regressed to.`,
    ),
    placeholder: "TYPE",
  },
  "glue-task": choice(GLUE, "The files are GLUE's own; labels and metrics are that task's."),
  "doc-stride": count("question-answering: tokens that neighbouring windows share. Default 128.", 0),
  "max-answer-length": count("question-answering: most tokens of an answer. Default 30."),
  "mlm-probability": decimal("fill-mask: the share of tokens that are masked. Default 0.15."),
  "do-whole-word-mask": flag("fill-mask: mask all tokens of a word together."),
  "at-k": count("text-ranking: k of MRR@k and nDCG@k. Default 10."),
};

/** Which columns of a table hold what. */
export const COLUMN_OPTIONS: {
  readonly "text-column-name": Option<string>;
  readonly "text-pair-column-name": Option<string>;
  readonly "label-column-name": Option<string>;
  readonly "query-column-name": Option<string>;
  readonly "positive-column-name": Option<string>;
  readonly "negative-column-name": Option<string>;
} = {
  "text-column-name": text("NAME", "The column of texts. Default text, sentence1 or sentence."),
  "text-pair-column-name": text("NAME", "The column of second texts. Default text_pair or sentence2, if there is one."),
  "label-column-name": text("NAME", "The column of labels. Default label or labels; of text-ranking score too."),
  "query-column-name": text("NAME", "text-ranking: the column of queries. Default query, question or anchor."),
  "positive-column-name": text("NAME", "text-ranking: the column of relevant texts. Default positive."),
  "negative-column-name": text("NAME", "text-ranking: the column of irrelevant texts. Default negative."),
};

/** What the library calls them. */
export const COLUMN_NAMES: Readonly<Record<string, string>> = {
  columns: "--text-column-name and the like",
  "columns.text": "--text-column-name",
  "columns.label": "--label-column-name",
  "columns.query": "--query-column-name",
};

/** The columns that were named, as the library takes them. */
export function columnsOf(values: ValuesOf<typeof COLUMN_OPTIONS>): {
  columns?: Partial<TextColumns & RankingColumns>;
} {
  const named = {
    text: values["text-column-name"],
    text_pair: values["text-pair-column-name"],
    label: values["label-column-name"],
    query: values["query-column-name"],
    positive: values["positive-column-name"],
    negative: values["negative-column-name"],
  };
  const columns = Object.fromEntries(Object.entries(named).filter(([, name]) => name !== undefined));
  return Object.keys(columns).length > 0 ? { columns } : {};
}
