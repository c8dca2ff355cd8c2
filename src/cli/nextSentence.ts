import { pipeline } from "../pipelines/index.ts";
import { type Arguments, type Command, expectCount, MODEL_AND_JSON } from "./command.ts";
import { jsonLine, print, scoreTable } from "./output.ts";

export const command: Command = {
  help: `Tells whether the second text is likely to follow the first.

Usage: plainbert next-sentence [options] TEXT TEXT

  --truncation     cut what is too long for the model instead of refusing it
  --model DIR      a folder with config.json, model.safetensors and vocab.txt or tokenizer.json
                   (default: the small model that comes with plainbert)
  --json           both labels with their probabilities as one line of JSON
  -h, --help       this text

Examples:
  $ plainbert next-sentence "She went to the door." "It was locked."
  $ plainbert next-sentence --json "She went to the door." "The price of corn rose again."
`,
  options: { ...MODEL_AND_JSON, truncation: { type: "boolean" } },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 2, 2, "two texts");
  const [text, textPair] = positionals;
  const isNext = await pipeline("next-sentence-prediction", values.model as string | undefined);
  const both = await isNext(text, textPair, { top_k: null, truncation: values.truncation === true });
  return print(values.json ? jsonLine(both) : scoreTable(both));
}
