import { oneByOne } from "./answerLines.ts";
import { type Command, expectCount } from "./command.ts";
import { fieldsOf, type InputForm } from "./input.ts";
import { flag } from "./option.ts";
import { scoreTable, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

interface Question {
  readonly text: string;
  readonly choices: readonly string[];
}

const QUESTION: InputForm<Question> = {
  fromArguments([text, ...choices]) {
    expectCount([text, ...choices], 2, Number.POSITIVE_INFINITY, "a text and the choices");
    return [{ text, choices }];
  },
  fromJson: (value, where) => fieldsOf(value, where, ["text", "choices"]),
};

export const command: Command = taskCommand({
  task: "multiple-choice",
  synopsis: ["--model DIR [OPTION]… TEXT CHOICE…", "--model DIR [OPTION]… [--input FILE]"],
  description: `Tells which of several texts goes on best with the first, or answers it.

Without TEXT, each line of the input is a JSON object { "text", "choices" }, and gives a line of JSON: all choices, the best first.`,
  options: { truncation: flag("Cut what is too long for the model instead of refusing it.") },
  examples: ['plainbert multiple-choice --model choice "She went to the door." "It was locked." "The sea is red."'],
  needsModel: true,
  form: QUESTION,
  answer: (choose, inputs, options) => oneByOne(inputs, ({ text, choices }) => choose(text, choices, options)),
  heading: ({ text }) => shown(text),
  table: (choices) => scoreTable(choices.map(({ choice, score }) => ({ label: choice, score }))),
  columns: ["choice", "index", "score"],
  rows: (choices) => choices.map(({ choice, index, score }) => [choice, index, score]),
});
