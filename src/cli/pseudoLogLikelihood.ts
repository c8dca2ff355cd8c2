import { oneByOne } from "./answerLines.ts";
import type { Command } from "./command.ts";
import { TEXTS } from "./input.ts";
import { flag } from "./option.ts";
import { columns, shown, styled } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

export const command: Command = taskCommand({
  task: "pseudo-log-likelihood",
  synopsis: ["[OPTION]… TEXT…", "[OPTION]… [--input FILE]"],
  description: `Tells how likely the model finds a text: each token is masked in turn and predicted from all the others (Salazar et al. 2020). The score is the sum of the logarithms of their probabilities; the perplexity is 1 for a text without any surprise, and larger the stranger it is.

Without TEXT, each line of the input is one, and gives a line of JSON; a blank line gives null.`,
  options: { truncation: flag("Cut what is too long for the model instead of refusing it.") },
  examples: [
    'plainbert pseudo-log-likelihood "She opened the door." "She opened the sea."',
    "plainbert pseudo-log-likelihood --input emma.txt --output likelihood.csv",
  ],
  needsModel: false,
  form: TEXTS,
  answer: (likelihood, inputs, options) => oneByOne(inputs, (text) => likelihood(text, options)),
  heading: shown,
  table({ score, perplexity, tokens }) {
    const rows = tokens.map(({ token, score }) => [`  ${shown(token)}`, score.toFixed(4)]);
    const sum = styled("bold", `  ${score.toFixed(4)}, perplexity ${perplexity.toFixed(2)}`);
    return `${columns(rows, [false, true])}${sum}\n`;
  },
  columns: ["score", "perplexity"],
  rows: ({ score, perplexity }) => [[score, perplexity]],
});
