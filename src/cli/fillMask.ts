import type { FillMaskPrediction } from "../pipelines/index.ts";
import type { Command } from "./command.ts";
import { TEXTS } from "./input.ts";
import { count, flag, lists } from "./option.ts";
import { scoreTable, shown, styled } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

export const command: Command = taskCommand({
  task: "fill-mask",
  synopsis: ["[OPTION]… TEXT…", "[OPTION]… [--input FILE]"],
  description: `Predicts the masked tokens of a text. TEXT has one [MASK] or several; each is predicted as if the others stayed masked.

Without TEXT, each line of the input is one, and gives a line of JSON; a blank line gives null.`,
  options: {
    "top-k": count("How many predictions for each mask. Default 5."),
    targets: lists(
      "Choose from these tokens only; their scores stay those among the whole vocabulary. Given several times: those for the first mask, for the second, and so on.",
    ),
    truncation: flag("Cut what is too long for the model, unless a mask would be cut off."),
  },
  examples: [
    'plainbert fill-mask "She opened the [MASK] and looked out."',
    'plainbert fill-mask --targets door,window "He shut the [MASK] behind him."',
    'plainbert fill-mask --json --top-k 1 "The [MASK] was full of [MASK]."',
    'echo "The [MASK] is open." | plainbert fill-mask --output words.csv',
  ],
  needsModel: false,
  form: TEXTS,
  answer: (unmask, inputs, options) => unmask(inputs, options),
  heading: () => null, // it is part of the table
  table(result, text, { tokenizer }) {
    const mask = tokenizer.maskToken as string;
    const perMask = masksOf(result);
    const tables = perMask.map((predictions, m) => {
      const title = perMask.length === 1 ? "" : `${mask} ${m + 1} of ${perMask.length}\n`;
      return `\n${title}${scoreTable(predictions.map(({ token_str, score }) => ({ label: token_str, score })))}`;
    });
    return `${shown(text).replaceAll(mask, styled(["bold", "yellow"], mask))}\n${tables.join("")}`;
  },
  columns: ["mask", "score", "token", "token_str", "sequence"],
  rows: (result) =>
    masksOf(result).flatMap((predictions, m) =>
      predictions.map(({ score, token, token_str, sequence }) => [m + 1, score, token, token_str, sequence]),
    ),
});

type Result = FillMaskPrediction[] | FillMaskPrediction[][];

/** The predictions for each mask of a text. */
function masksOf(result: Result): FillMaskPrediction[][] {
  return isNested(result) ? result : [result];
}

function isNested(result: Result): result is FillMaskPrediction[][] {
  return Array.isArray(result[0]);
}
