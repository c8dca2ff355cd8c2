import type { Command } from "./command.ts";
import { TEXTS } from "./input.ts";
import { flag, list, text, UsageError } from "./option.ts";
import { scoreTable, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

export const command: Command = taskCommand({
  task: "zero-shot-classification",
  synopsis: ["--model DIR --labels A,B [OPTION]… TEXT…", "--model DIR --labels A,B [OPTION]…"],
  description: `Tells which of any labels fit a text, by a model of natural language inference.

Without TEXT, each line of the input is one, and gives a line of JSON; a blank line gives null.`,
  options: {
    labels: list("The labels."),
    "hypothesis-template": text(
      "TEXT",
      'The sentence that says what a label means, {} in its place. Default "This example is {}."',
    ),
    "multi-label": flag("A text may have several labels."),
    truncation: flag("Cut what is too long for the model instead of refusing it."),
  },
  examples: [
    'plainbert zero-shot-classification --model nli --labels house,sea "The door is open."',
    "plainbert zero-shot-classification --model nli --labels a,b --input emma.txt --output labels.csv",
  ],
  needsModel: true,
  form: TEXTS,
  answer(classify, inputs, { labels, ...options }) {
    return classify(inputs, labels!.join(","), options);
  },
  expect({ labels }) {
    if (labels === undefined) throw new UsageError("expected --labels, such as --labels house,sea");
  },
  heading: shown,
  table: ({ labels, scores }) => scoreTable(labels.map((label, i) => ({ label, score: scores[i] }))),
  columns: ["label", "score"],
  rows: ({ labels, scores }) => labels.map((label, i) => [label, scores[i]]),
});
