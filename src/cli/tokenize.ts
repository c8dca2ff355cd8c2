import { stat } from "node:fs/promises";
import { loadTokenizer } from "../pipelines/index.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { type Arguments, type Command, expectCount, MODEL_AND_JSON } from "./command.ts";
import { linesOf } from "./lines.ts";
import { columns, jsonLine, print, shown, styled } from "./output.ts";

export const command: Command = {
  help: `Shows the tokens of a text with their ids and where they stand in it.

Usage: plainbert tokenize [options] [TEXT|FILE|-]

  TEXT             a text
  FILE             an existing file, UTF-8; each line is a text (default: standard input)
  --model DIR      a folder with vocab.txt or tokenizer.json
                   (default: the small model that comes with plainbert)
  --json           for each text one line of JSON: { "tokens", "inputIds", "offsets" }
  -h, --help       this text

Offsets count UTF-16 units, as text.slice(start, end) in JavaScript.

Examples:
  $ plainbert tokenize "Unaffable, isn't it?"
  $ echo "Unaffable, isn't it?" | plainbert tokenize --json
`,
  options: MODEL_AND_JSON,
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  expectCount(positionals, 0, 1, "one text or file");
  const [argument = "-"] = positionals;
  const isText = argument !== "-" && !(await isFile(argument));
  const groups = isText ? [[argument]] : linesOf(argument);
  const tokenizer = await loadTokenizer(values.model as string | undefined);
  let separator = "";
  for await (const texts of groups) {
    for (const text of texts) {
      await print(values.json ? tokenLine(tokenizer, text) : separator + tokenTable(tokenizer, text));
      separator = "\n";
    }
  }
}

function tokenLine(tokenizer: BertTokenizer, text: string): string {
  const encoding = tokenizer.encode(text);
  return jsonLine({ tokens: encoding.tokens(), inputIds: encoding.inputIds, offsets: encoding.offsets });
}

function tokenTable(tokenizer: BertTokenizer, text: string): string {
  const encoding = tokenizer.encode(text);
  const { offsets, inputIds } = encoding;
  const rows = encoding
    .tokens()
    .map((token, i) => [
      shown(token),
      String(inputIds[i]),
      ...offsets[i].map(String),
      shown(text.slice(...offsets[i])),
    ]);
  const [heading, ...lines] = columns(
    [["token", "id", "start", "end", "text"], ...rows],
    [false, true, true, true, false],
  ).split("\n");
  return [styled("bold", heading), ...lines].join("\n");
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false; // no such file, or no possible name of one: then it is a text
  }
}
