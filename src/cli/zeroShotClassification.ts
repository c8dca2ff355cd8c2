import { pipeline } from "../pipelines/index.ts";
import { answerTexts } from "./answerTexts.ts";
import { type Arguments, type Command, MODEL_AND_JSON, requiredModel, UsageError } from "./command.ts";
import { scoreTable } from "./output.ts";

export const command: Command = {
  help: `Tells which of any labels fit a text, by a model of natural language inference.

Usage: plainbert zero-shot-classification --model DIR --labels A,B [options] [TEXT…]

  TEXT             a text; with none, each line of standard input is one, and gives a line of JSON (blank: null)
  --labels A,B     the labels
  --template T     the sentence that says what a label means, {} in its place (default "This example is {}.")
  --multi-label    a text may have several labels
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
  --json           a line of JSON for each text
  -h, --help       this text

Examples:
  $ plainbert zero-shot-classification --model nli --labels house,sea "The door is open."
`,
  options: {
    ...MODEL_AND_JSON,
    labels: { type: "string" },
    template: { type: "string" },
    "multi-label": { type: "boolean" },
  },
  run,
};

async function run({ values, positionals: texts }: Arguments): Promise<void> {
  const labels = values.labels as string | undefined;
  if (labels === undefined) throw new UsageError("expected --labels, such as --labels house,sea");
  const template = values.template === undefined ? {} : { hypothesis_template: values.template as string };
  const classify = await pipeline("zero-shot-classification", requiredModel(values));
  const options = { ...template, multi_label: values["multi-label"] === true };
  await answerTexts({
    texts,
    json: values.json === true,
    answer: (inputs) => classify(inputs, labels, options),
    table: ({ labels, scores }) => scoreTable(labels.map((label, i) => ({ label, score: scores[i] }))),
  });
}
