import { pipeline } from "../pipelines/index.ts";
import { answerTexts } from "./answerTexts.ts";
import { type Arguments, type Command, MODEL_AND_JSON, requiredModel, wholeNumber } from "./command.ts";
import { columns, type Scored, scoreTable, shown } from "./output.ts";

export const command: Command = {
  help: `Tells what kind of text a text is, by a model that was trained for it.

Usage: plainbert text-classification --model DIR [options] [TEXT…]

  TEXT             a text; with none, each line of standard input is one, and gives a line of JSON (blank: null)
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
  --top-k N        only the N best labels
  --truncation     cut what is too long for the model instead of refusing it
  --json           a line of JSON for each text
  -h, --help       this text

Examples:
  $ plainbert text-classification --model sentiment "A touching story."
  $ plainbert text-classification --model sentiment --top-k 1 < reviews.txt > labels.jsonl
`,
  options: { ...MODEL_AND_JSON, "top-k": { type: "string" }, truncation: { type: "boolean" } },
  run,
};

async function run({ values, positionals: texts }: Arguments): Promise<void> {
  const top_k = values["top-k"] === undefined ? null : wholeNumber("top-k", values["top-k"] as string);
  const classify = await pipeline("text-classification", requiredModel(values));
  const options = { top_k, truncation: values.truncation === true };
  await answerTexts({
    texts,
    json: values.json === true,
    answer: (inputs) => classify(inputs, options),
    table: classify.model.config.problemType === "regression" ? numberTable : scoreTable,
  });
}

/** The numbers of a regression are no probabilities. */
function numberTable(rows: readonly Scored[]): string {
  return columns(
    rows.map(({ label, score }) => [`  ${shown(label)}`, score.toFixed(4)]),
    [false, true],
  );
}
