import type { ClassificationInput } from "../pipelines/index.ts";
import type { Command } from "./command.ts";
import { type InputForm, TEXTS_OR_BLANKS } from "./input.ts";
import { choice, count, flag } from "./option.ts";
import { columns, type Scored, scoreTable, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

const TEXTS_OR_PAIRS: InputForm<ClassificationInput> = {
  ...TEXTS_OR_BLANKS,
  fromJson: (value) => value as ClassificationInput,
};

export const command: Command = taskCommand({
  task: "text-classification",
  synopsis: ["--model DIR [OPTION]… TEXT…", "--model DIR [OPTION]… [--input FILE]"],
  description: `Tells what kind of text a text is, by a model that was trained for it.

Without TEXT, each line of the input is one, and gives a line of JSON, a blank one that of the empty text. With --jsonl a line may be a pair, { "text", "text_pair" }, and a blank line gives null.`,
  options: {
    "top-k": count("Only the N best labels. Default: all."),
    "function-to-apply": choice(
      ["default", "softmax", "sigmoid", "none"],
      "How the model's numbers become scores. The default goes by the model's config.json.",
    ),
    truncation: flag("Cut what is too long for the model instead of refusing it."),
  },
  examples: [
    'plainbert text-classification --model sentiment "A touching story."',
    "plainbert text-classification --model sentiment < reviews.txt > all.jsonl",
    "plainbert text-classification --model sentiment --top-k 1 --input reviews.txt --output labels.csv",
  ],
  needsModel: true,
  form: TEXTS_OR_PAIRS,
  answer: (classify, inputs, options) => classify(inputs, { top_k: null, ...options }),
  heading: (input) => shown(typeof input === "string" ? input : input.text),
  table: (labels, _, { model }) =>
    model.config.problemType === "regression" ? numberTable(labels) : scoreTable(labels),
  columns: ["label", "score"],
  rows: (labels) => labels.map(({ label, score }) => [label, score]),
});

/** The numbers of a regression are no probabilities. */
function numberTable(rows: readonly Scored[]): string {
  return columns(
    rows.map(({ label, score }) => [`  ${shown(label)}`, score.toFixed(4)]),
    [false, true],
  );
}
