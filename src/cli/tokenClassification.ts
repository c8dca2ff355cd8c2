import { type EntityGroup, pipeline } from "../pipelines/index.ts";
import { answerTexts } from "./answerTexts.ts";
import { type Arguments, type Command, MODEL_AND_JSON, requiredModel, UsageError } from "./command.ts";
import { columns, shown } from "./output.ts";

export const command: Command = {
  help: `Finds names, places and whatever else a model was trained to find in a text.

Usage: plainbert token-classification --model DIR [options] [TEXT…]

  TEXT             a text; with none, each line of standard input is one, and gives a line of JSON (blank: null)
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
  --aggregation S  how tokens become entities: simple, first, average or max (default simple)
  --stride N       read what is too long for the model in windows that share N tokens (default 32)
  --json           a line of JSON for each text
  -h, --help       this text

Examples:
  $ plainbert token-classification --model ner "Emma Woodhouse lived at Hartfield."
  $ plainbert token-classification --model ner --aggregation first < book.txt > names.jsonl
`,
  options: { ...MODEL_AND_JSON, aggregation: { type: "string" }, stride: { type: "string" } },
  run,
};

const STRATEGIES = ["simple", "first", "average", "max"] as const;

async function run({ values, positionals: texts }: Arguments): Promise<void> {
  const { aggregation = "simple", stride = "32" } = values;
  const aggregation_strategy = STRATEGIES.find((name) => name === aggregation);
  if (!aggregation_strategy) {
    throw new UsageError(`--aggregation must be one of ${STRATEGIES.join(", ")}, got ${JSON.stringify(aggregation)}`);
  }
  if (!/^\d{1,9}$/.test(String(stride))) {
    throw new UsageError(`--stride must be a whole number from 0, got ${JSON.stringify(stride)}`);
  }
  const find = await pipeline("token-classification", requiredModel(values));
  const options = { aggregation_strategy, stride: Number(stride) };
  await answerTexts({
    texts,
    json: values.json === true,
    answer: (inputs) => find(inputs, options),
    table: entityTable,
  });
}

function entityTable(entities: readonly EntityGroup[]): string {
  if (entities.length === 0) return "  nothing found\n";
  const rows = entities.map(({ entity_group, word, score, start, end }) => [
    `  ${shown(entity_group)}`,
    shown(word),
    `${(100 * score).toFixed(2)} %`,
    `${start}–${end}`,
  ]);
  return columns(rows, [false, false, true, true]);
}
