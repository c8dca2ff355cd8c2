import type { Command } from "./command.ts";
import { expectCount } from "./command.ts";
import type { InputForm } from "./input.ts";
import { flag } from "./option.ts";
import { scoreTable, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

interface Pair {
  readonly text: string;
  readonly text_pair: string;
}

const PAIR: InputForm<Pair> = {
  fromArguments(texts) {
    expectCount(texts, 2, 2, "two texts");
    return [{ text: texts[0], text_pair: texts[1] }];
  },
  fromJson: (value) => value as Pair,
};

export const command: Command = taskCommand({
  task: "next-sentence-prediction",
  synopsis: ["[OPTION]… TEXT TEXT", "[OPTION]… [--input FILE]"],
  description: `Tells whether the second text is likely to follow the first.

Without TEXT, each line of the input is a JSON object { "text", "text_pair" }, and gives a line of JSON: both labels, the likelier first.`,
  options: { truncation: flag("Cut what is too long for the model instead of refusing it.") },
  examples: [
    'plainbert next-sentence "She went to the door." "It was locked."',
    'plainbert next-sentence --json "She went." "The price of corn rose."',
    `echo '{"text":"She went.","text_pair":"He came."}' | plainbert next-sentence`,
  ],
  needsModel: false,
  form: PAIR,
  answer: (isNext, inputs, options) => isNext(inputs, { ...options, top_k: null }),
  heading: ({ text }) => shown(text),
  table: (both) => scoreTable(both),
  columns: ["label", "score"],
  rows: (both) => both.map(({ label, score }) => [label, score]),
});
