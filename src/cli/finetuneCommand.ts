import { quote } from "../errors.ts";
import { FINETUNE_TASKS } from "../training/data/taskModels.ts";
import { type ClassWeights, finetune } from "../training/index.ts";
import { type Command, defineCommand, expectCount, missing } from "./command.ts";
import { MODEL_NAME, TOKENIZER_OPTIONS } from "./modelOptions.ts";
import { choice, count, flag, libraryValues, list, NUMBER, type Option, text, UsageError } from "./option.ts";
import { sentenceInCommandWords } from "./optionWords.ts";
import { streams } from "./streams.ts";
import { COLUMN_NAMES, COLUMN_OPTIONS, columnsOf, DATA_OPTIONS, taskOption } from "./taskData.ts";
import { trainingNumber } from "./trainingNumber.ts";
import { OUTPUT_OPTIONS, RUN_OPTIONS, runTraining } from "./trainingRun.ts";

/** `balanced`, `0.5,2` in the order of the labels' indices, or `good=0.5,bad=2`. */
const CLASS_WEIGHTS: Option<ClassWeights> = {
  placeholder: "balanced|X,Y|LABEL=X,…",
  description:
    "How many times each class counts: balanced, so that all count the same together; in the order of the labels' indices; or by label. Default once.",
  parse(given, name) {
    const value = given.at(-1)!;
    if (value === "balanced") return value;
    const pairs = value.split(",").map((one) => {
      const end = one.lastIndexOf("=");
      return [one.slice(0, Math.max(0, end)), Number(NUMBER.exec(one.slice(end + 1))?.[0] ?? 0)] as const;
    });
    const wrong = (must: string, got: string) => new UsageError(`--${name} must ${must}, got ${got}`);
    if (!pairs.every(([, weight]) => weight > 0 && weight < Number.POSITIVE_INFINITY))
      throw wrong("be balanced, or numbers above 0 as 0.5,2 or good=0.5,bad=2", quote(value));
    const named = value.split(",").filter((one) => one.includes("="));
    if (named.length === 0) return pairs.map(([, weight]) => weight);
    if (named.length < pairs.length)
      throw wrong("have a label before each number, as good=0.5,bad=2, or before none, as 0.5,2", quote(value));
    const twice = pairs.find(([label], i) => pairs.findIndex(([other]) => other === label) < i);
    if (twice) throw wrong("name each label once", `${quote(twice[0])} twice`);
    return Object.fromEntries(pairs);
  },
};

const FOR_TRAINING = {
  labels: list(
    "The labels in the order of their indices, which the files may have instead. Default: those of --train-file, sorted.",
  ),
  "misplaced-answers": choice(
    ["skip", "refuse"],
    "question-answering: questions whose answer does not stand where the file says are left out and counted, or an error. Default skip.",
  ),
  "class-weights": CLASS_WEIGHTS,
  "label-smoothing-factor": trainingNumber("The share of each label that is spread over all classes. Default 0."),
  "pos-weight": trainingNumber("text-ranking: how many times what is relevant counts. Default 1."),
};
/** Of sentence-embedding: a larger model to learn from. */
const TEACHING = {
  teacher: text("NAME", `sentence-embedding: a larger model whose vectors are learned: ${MODEL_NAME}.`, "folder"),
  "vector-loss-weight": trainingNumber("With --teacher: what the error of vectors is multiplied by. Default 1."),
  "similarity-loss-weight": trainingNumber(
    "With --teacher: what the error of cosines in a batch is multiplied by. Default 1.",
  ),
  "keep-projection": flag("With --teacher: vectors keep the teacher's size, by a last module."),
};
const EPOCHS = {
  "num-train-epochs": trainingNumber("How many times the examples are read. Default 3."),
  "max-steps": count("Updates, in place of --num-train-epochs."),
};

const OPTIONS = { ...EPOCHS, ...FOR_TRAINING, ...TEACHING, ...DATA_OPTIONS, ...RUN_OPTIONS };

const TABLE = {
  task: taskOption("What the model is to learn"),
  "train-file": text("FILE", "Examples to learn from.", "file"),
  "validation-file": text("FILE", "Examples to evaluate with.", "file"),
  ...OUTPUT_OPTIONS,
  ...COLUMN_OPTIONS,
  ...OPTIONS,
  ...TOKENIZER_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["--task TASK --train-file FILE --output FOLDER [OPTION]…"],
  description: `Trains a model for a task, and evaluates it. What comes out is a folder as Hugging Face's libraries save one, for --model and for Python alike. A run that was stopped or killed can be resumed, to the same bits.

Files: .jsonl, .json, .csv or .tsv with columns text, text_pair and label; GLUE's own with --glue-task; for token-classification the form of CoNLL-2003, for question-answering SQuAD's JSON, for multiple-choice the columns of SWAG, for text-ranking columns query, text and label, or query, positive and negative, for fill-mask a column text, or in any other file a text in each line, for sentence-embedding columns anchor, positive and negative, or sentence1, sentence2 and score, with --teacher text too, or a .txt. Defaults beside those below: a learning rate of 5e-5 without warm-up, 8 sequences in a batch, AdamW without weight decay, an evaluation after each epoch.`,
  options: TABLE,
  libraryNames: { trainDataset: "--train-file", evalDataset: "--validation-file", ...COLUMN_NAMES },
  positional: [],
  examples: [
    `printf '{"text":"A fine film.","label":"good"}\\n{"text":"A poor film.","label":"bad"}\\n' > train.jsonl && plainbert finetune --task text-classification --train-file train.jsonl --max-steps 2 --output classifier`,
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 0, "options alone");
    const { task, output, "train-file": trainDataset, "validation-file": evalDataset, model } = values;
    if (task === undefined || trainDataset === undefined || output === undefined) {
      const tasks = `--task, one of ${FINETUNE_TASKS.join(", ")}`;
      throw missing({ [tasks]: task, "--train-file FILE": trainDataset, "--output FOLDER": output });
    }
    await runTraining(command, values, (how, line) =>
      finetune({
        ...how,
        ...libraryValues(OPTIONS, values),
        ...(values.teacher !== undefined && { onTeacher: line.teacher }),
        onNote: (note) => streams.stderr.write(`${sentenceInCommandWords(note, command)}\n`),
        ...(model !== undefined && { model }),
        ...(evalDataset !== undefined && { evalDataset }),
        ...{ task, trainDataset, output, ...columnsOf(values), resume: values.resume },
      }),
    );
  },
});
