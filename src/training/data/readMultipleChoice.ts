import { expectKnownOptions } from "../../options.ts";
import { type DataRow, textIn, valueIn } from "./dataRow.ts";
import { attempt, READ_OPTIONS, type ReadOptions, recordError, shown } from "./numberedLines.ts";

/** A beginning, and several ways in which it may go on. */
export interface ChoiceExample {
  /** Where the example stands, as errors say it. Left out: its place in the data set, `trainDataset[3]`. */
  readonly where?: string;
  readonly text: string;
  readonly choices: readonly string[];
  /** The index of the right choice, if the file has it. */
  readonly label?: number;
}

/**
 * Multiple-choice examples from rows with the columns of SWAG (Zellers et al. 2018): `sent1` is the text, and choice i
 * is `sent2` and `ending`i with a space between, as in Hugging Face's run_swag.py. Any number of endings from two on,
 * `ending0`, `ending1`, …; without a column `label` there is no label.
 *
 * @param rows of `readDelimited` or `readJsonLines`
 * @throws BertError ERR_INPUT, naming file and line: a column that is missing, a label that is no index of an ending
 */
export async function* readMultipleChoice(
  rows: AsyncIterable<DataRow>,
  options: ReadOptions,
): AsyncGenerator<ChoiceExample, void, undefined> {
  expectKnownOptions("readMultipleChoice", options, READ_OPTIONS);
  for await (const row of rows) {
    const example = attempt(() => choiceExample(row), options);
    if (example) yield example;
  }
}

function choiceExample(row: DataRow): ChoiceExample {
  const { where, values } = row;
  const second = textIn(row, "sent2");
  const choices: string[] = [];
  while (choices.length < 2 || values.has(`ending${choices.length}`)) {
    choices.push(`${second} ${textIn(row, `ending${choices.length}`)}`);
  }
  const example = { where, text: textIn(row, "sent1"), choices };
  if (!values.has("label")) return example;
  const label = valueIn(row, "label");
  const index = choices.findIndex((_, i) => label === i || label === String(i));
  if (index < 0) throw recordError(where, "label", `a whole number from 0 to ${choices.length - 1}`, shown(label));
  return { ...example, label: index };
}
