import { finetune, type GlueTask } from "../training/index.ts";
import { TASK_NAMES } from "../training/tasks/taskModels.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { MODEL_OPTIONS } from "./modelOptions.ts";
import { choice, count, decimal, flag, libraryValues, list, text, UsageError } from "./option.ts";
import { OUTPUT_OPTIONS, RUN_OPTIONS, runTraining } from "./trainingRun.ts";

const PROBLEMS = ["single_label_classification", "multi_label_classification", "regression"] as const;
const GLUE: readonly GlueTask[] = ["cola", "sst2", "mrpc", "qqp", "stsb", "mnli", "qnli", "rte", "wnli"];

/** What the data are, and what of them is taken. */
const DATA_OPTIONS = {
  "num-train-epochs": decimal("How many times the examples are read. Default 3."),
  "max-steps": count("Updates, in place of --num-train-epochs."),
  "max-length": count("Most tokens of a sequence. Default: what the model takes; for questions 384."),
  "problem-type": {
    ...choice(
      PROBLEMS,
      `What labels mean: ${PROBLEMS.join(", ")}. Default: lists are several labels, broken numbers are to be regressed to.`,
    ),
    placeholder: "TYPE",
  },
  labels: list("The labels in the order of their indices. Default: those of the files, sorted."),
  "glue-task": choice(GLUE, "The files are GLUE's own; labels and metrics are that task's."),
  "doc-stride": count("question-answering: tokens that neighbouring windows share. Default 128.", 0),
  "max-answer-length": count("question-answering: most tokens of an answer. Default 30."),
  "mlm-probability": decimal("fill-mask: the share of tokens that are masked. Default 0.15."),
  "do-whole-word-mask": flag("fill-mask: mask all tokens of a word together."),
};

const OPTIONS = { ...DATA_OPTIONS, ...RUN_OPTIONS };

const TABLE = {
  task: { ...choice(TASK_NAMES, `What the model is to learn: ${TASK_NAMES.join(", ")}.`), placeholder: "TASK" },
  "train-file": text("FILE", "Examples to learn from.", "file"),
  "validation-file": text("FILE", "Examples to evaluate with.", "file"),
  ...OUTPUT_OPTIONS,
  "text-column-name": text("NAME", "The column of texts. Default text, sentence1 or sentence."),
  "text-pair-column-name": text("NAME", "The column of second texts. Default text_pair or sentence2, if there is one."),
  "label-column-name": text("NAME", "The column of labels. Default label or labels."),
  ...OPTIONS,
  ...MODEL_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["--task TASK --train-file FILE --output FOLDER [OPTION]…"],
  description: `Trains a model for a task, and evaluates it. What comes out is a folder as Hugging Face's libraries save one, for --model and for Python alike. A run that was stopped or killed can be resumed, to the same bits.

Files: .jsonl, .csv or .tsv with columns text, text_pair and label; GLUE's own with --glue-task; for token-classification the form of CoNLL-2003, for question-answering SQuAD's JSON, for multiple-choice the columns of SWAG, for fill-mask a text in each line. Defaults beside those below: a learning rate of 5e-5 without warm-up, 8 sequences in a batch, AdamW without weight decay, an evaluation after each epoch.`,
  options: TABLE,
  positional: [],
  examples: [
    `printf '{"text":"A fine film.","label":"good"}\\n{"text":"A poor film.","label":"bad"}\\n' > train.jsonl && plainbert finetune --task text-classification --train-file train.jsonl --max-steps 2 --output classifier`,
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 0, "options alone");
    const { task, output, "train-file": trainDataset, "validation-file": evalDataset, model } = values;
    if (task === undefined) throw new UsageError(`expected --task, one of ${TASK_NAMES.join(", ")}`);
    if (trainDataset === undefined) throw new UsageError("expected --train-file FILE");
    if (output === undefined) throw new UsageError("expected --output FOLDER");
    const columns = {
      ...(values["text-column-name"] !== undefined && { text: values["text-column-name"] }),
      ...(values["text-pair-column-name"] !== undefined && { textPair: values["text-pair-column-name"] }),
      ...(values["label-column-name"] !== undefined && { label: values["label-column-name"] }),
    };
    await runTraining(values, (how) =>
      finetune({
        ...how,
        ...libraryValues(OPTIONS, values),
        ...(model !== undefined && { model }),
        ...(evalDataset !== undefined && { evalDataset }),
        ...{ task, trainDataset, output, columns, resume: values.resume },
      }),
    );
  },
});
