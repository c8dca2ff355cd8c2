import { loadTokenizer } from "../pipelines/index.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { oneByOne } from "./answerLines.ts";
import { answerSource, flatFormats, OUTPUT_OPTIONS } from "./answerTexts.ts";
import { type Command, defineCommand } from "./command.ts";
import type { Flat } from "./format.ts";
import { INPUT_OPTIONS, sourceOf, TEXTS_OR_BLANKS } from "./input.ts";
import { tokenizerMark } from "./modelMark.ts";
import { downloading, TOKENIZER_OPTIONS } from "./modelOptions.ts";
import { columns, shown, styled } from "./output.ts";

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… TEXT…", "[OPTION]… [--input FILE]"],
  description: `Shows the tokens of a text with their ids and where they stand in it. Offsets count UTF-16 units, as text.slice(start, end) in JavaScript.

Without TEXT, each line of the input is one, and gives a line of JSON: { "tokens", "inputIds", "offsets" }.`,
  options: { ...INPUT_OPTIONS, ...OUTPUT_OPTIONS, ...TOKENIZER_OPTIONS },
  examples: [
    `plainbert tokenize "Unaffable, isn't it?"`,
    `echo "Unaffable, isn't it?" | plainbert tokenize`,
    `echo "Unaffable, isn't it?" | plainbert tokenize --output tokens.csv`,
  ],
  async run({ values, positionals }) {
    await answerSource(sourceOf(TEXTS_OR_BLANKS, positionals, values), values, async () => {
      const tokenizer = await downloading(values, (hub) => loadTokenizer(values.model, hub));
      return {
        answer: (inputs) => oneByOne(inputs, (text) => tokenizer.encode(text)),
        table: tokenTable,
        heading: shown,
        json: tokenLists,
        format: flatFormats(tokenLists, FLAT),
        work: () => ["tokenize", tokenizerMark(tokenizer)],
      };
    });
  },
});

const FLAT: Flat<Encoding> = {
  columns: ["token", "id", "start", "end"],
  rows: (encoding) => encoding.tokens().map((token, t) => [token, encoding.inputIds[t], ...encoding.offsets[t]]),
};

function tokenLists(encoding: Encoding) {
  return { tokens: encoding.tokens(), inputIds: encoding.inputIds, offsets: encoding.offsets };
}

function tokenTable(encoding: Encoding, text: string): string {
  const rows = FLAT.rows(encoding).map(([token, ...numbers], t) => [
    shown(String(token)),
    ...numbers.map(String),
    shown(text.slice(...encoding.offsets[t])),
  ]);
  const [heading, ...lines] = columns(
    [["token", "id", "start", "end", "text"], ...rows],
    [false, true, true, true, false],
  ).split("\n");
  return [styled("bold", heading), ...lines].join("\n");
}
