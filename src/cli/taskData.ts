import { FINETUNE_TASKS } from "../training/data/taskModels.ts";
import type { GlueTask, RankingColumns, SentenceColumns, TextColumns, VectorLossName } from "../training/index.ts";
import { VECTOR_LOSSES } from "../training/sentence/vectorLosses.ts";
import { choice, count, flag, list, numbers, type Option, text, type ValuesOf } from "./option.ts";
import { trainingNumber } from "./trainingNumber.ts";

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
  readonly loss: Option<VectorLossName>;
  readonly scale: Option<number>;
  readonly "matryoshka-dims": Option<number[]>;
  readonly "matryoshka-weights": Option<number[]>;
} = {
  "max-length": trainingNumber("Most tokens of a sequence. Default: what the model takes; for questions 384.", "N"),
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
  "mlm-probability": trainingNumber("fill-mask: the share of tokens that are masked. Default 0.15."),
  "do-whole-word-mask": flag("fill-mask: mask all tokens of a word together."),
  "at-k": count("text-ranking: k of MRR@k and nDCG@k. Default 10."),
  loss: {
    ...choice(
      VECTOR_LOSSES,
      `sentence-embedding: ${VECTOR_LOSSES.join(", ")}. Default: the first for pairs, the second for scored pairs.`,
    ),
    placeholder: "LOSS",
  },
  scale: trainingNumber("sentence-embedding: what cosines are multiplied by. Default 20."),
  "matryoshka-dims": numbers("sentence-embedding: the loss of the first so many numbers of vectors, added up."),
  "matryoshka-weights": numbers("sentence-embedding: what each of these losses is multiplied by. Default 1."),
};

/** Which columns of a table hold what. */
export const COLUMN_OPTIONS: {
  readonly "text-column-name": Option<string>;
  readonly "text-pair-column-name": Option<string>;
  readonly "label-column-name": Option<string>;
  readonly "query-column-name": Option<string>;
  readonly "anchor-column-name": Option<string>;
  readonly "positive-column-name": Option<string>;
  readonly "negative-column-name": Option<string[]>;
  readonly "sentence1-column-name": Option<string>;
  readonly "sentence2-column-name": Option<string>;
  readonly "score-column-name": Option<string>;
} = {
  "text-column-name": text(
    "NAME",
    "The column of texts; of sentence-embedding that of texts for --teacher. Default text, sentence1 or sentence.",
  ),
  "text-pair-column-name": text("NAME", "The column of second texts. Default text_pair or sentence2, if there is one."),
  "label-column-name": text("NAME", "The column of labels. Default label or labels; of text-ranking score too."),
  "query-column-name": text("NAME", "text-ranking: the column of queries. Default query, question or anchor."),
  "anchor-column-name": text("NAME", "sentence-embedding: what is searched with. Default anchor, query or question."),
  "positive-column-name": text(
    "NAME",
    "text-ranking, sentence-embedding: what belongs to query or anchor. Default positive; of sentence-embedding answer too.",
  ),
  "negative-column-name": list(
    "text-ranking, sentence-embedding: what does not. Default negative, negative_1 and so on, if there.",
  ),
  "sentence1-column-name": text("NAME", "sentence-embedding: the first of two texts. Default sentence1."),
  "sentence2-column-name": text("NAME", "sentence-embedding: the second. Default sentence2."),
  "score-column-name": text("NAME", "sentence-embedding: how alike the two are. Default score or label."),
};

/** What the library calls them. */
export const COLUMN_NAMES: Readonly<Record<string, string>> = {
  columns: "--text-column-name and the like",
  "columns.text": "--text-column-name",
  "columns.text_pair": "--text-pair-column-name",
  "columns.label": "--label-column-name",
  "columns.query": "--query-column-name",
  "columns.negative": "--negative-column-name",
  "columns.anchor": "--anchor-column-name",
  "columns.positive": "--positive-column-name",
  "columns.sentence1": "--sentence1-column-name",
  "columns.sentence2": "--sentence2-column-name",
  "columns.score": "--score-column-name",
};

/** The columns that were named, as the library takes them. */
export function columnsOf(values: ValuesOf<typeof COLUMN_OPTIONS>): {
  columns?: Partial<TextColumns & RankingColumns & SentenceColumns>;
} {
  const named = {
    text: values["text-column-name"],
    text_pair: values["text-pair-column-name"],
    label: values["label-column-name"],
    query: values["query-column-name"],
    anchor: values["anchor-column-name"],
    positive: values["positive-column-name"],
    negative: values["negative-column-name"],
    sentence1: values["sentence1-column-name"],
    sentence2: values["sentence2-column-name"],
    score: values["score-column-name"],
  };
  const columns = Object.fromEntries(Object.entries(named).filter(([, name]) => name !== undefined));
  return Object.keys(columns).length > 0 ? { columns } : {};
}
