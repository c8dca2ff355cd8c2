import { withOutput } from "../disk/outputLock.ts";
import { BertError } from "../errors.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { buildIndex, type TextRecord } from "../pipelines/index.ts";
import { TEXT_POOLINGS } from "../pipelines/pooling.ts";
import { messageOf } from "../realm.ts";
import { bytesOf, inputError } from "./answerLines.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { EMBEDDING_OPTIONS, embeddingLimits, tellTruncated } from "./embeddingOptions.ts";
import { expectUnread, weightsOf } from "./expectUnread.ts";
import { endingOf } from "./format.ts";
import { type InputForm, type Line, lineSource } from "./input.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { EMBEDDING_MODEL_OPTIONS, openPipeline, orEmbeddingModel } from "./modelOptions.ts";
import { choice, flag, pipelineValues, text, UsageError, type ValuesOf } from "./option.ts";
import { Progress } from "./progressBar.ts";
import { streams } from "./streams.ts";

const OPTIONS = {
  pooling: choice(
    TEXT_POOLINGS,
    "The encoder's own vectors, and how those of a line's tokens become one. Default: as the model's folder says, else mean.",
  ),
  truncation: flag("Cut lines that are too long for the model; without --pooling they are cut anyway."),
  "no-truncation": EMBEDDING_OPTIONS["no-truncation"],
};

/** A line of JSON is handed on as it is: `buildIndex` says what is wrong with it. */
const RECORDS: InputForm<string | TextRecord> = {
  fromArguments: (texts) => texts,
  fromLine: (line) => line,
  fromJson: (value) => value as TextRecord,
};

const TABLE = {
  output: text("FILE", "The index, a .safetensors file. It appears when it is whole.", "file"),
  ...OPTIONS,
  jsonl: flag("Each line is JSON: a string, or an object { id, text, metadata }. So is a FILE.jsonl."),
  ...EMBEDDING_MODEL_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|-] --output FILE.safetensors"],
  description: `Computes the vectors of the lines of a file, or of standard input, and writes them with the lines into one file, for plainbert search. Blank lines are left out.

A line of JSON may have an id, a string by which the library removes the text again, and metadata, anything that comes back with what is found.`,
  options: TABLE,
  positional: "file",
  examples: [
    "printf 'The door is open.\\nHe read.\\n' | plainbert index --output doors.safetensors",
    "plainbert index book.txt --output book.safetensors",
    `printf '{"id": "d1", "text": "The door is open.", "metadata": {"page": 3}}' | plainbert index --jsonl --output doors.safetensors`,
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one file at most, or texts on standard input");
    if (values.output === undefined) throw new UsageError("expected --output FILE.safetensors");
    endingOf(values.output, ["safetensors"]);
    const [path = "-"] = positionals;
    if (positionals.length === 0 && streams.stdin.isTTY)
      throw new UsageError("expected a file, or - to type lines here");
    expectUnread([values.output], [path, ...weightsOf(values.model)]);
    await withOutput(values.output, {}, () => makeIndex(values, path, values.output as string));
  },
});

/** Reads the lines, and saves an index of them. */
async function makeIndex(values: ValuesOf<typeof TABLE>, path: string, output: string): Promise<void> {
  const source = lineSource(RECORDS, path, values.jsonl);
  const iterator = source.lines[Symbol.asyncIterator]();
  let next = await iterator.next(); // before the model is loaded: a wrong file is reported at once
  const progress = new Progress({ unit: "lines", total: source.size });
  /** Lines that are not blank, as the pipeline counts them. */
  const numbers: number[] = [];
  async function* texts() {
    for (; !next.done; next = await iterator.next()) {
      const { number, input, text }: Line<string | TextRecord> = next.value;
      progress.step(bytesOf(text));
      if (input === null) continue;
      numbers.push(number);
      yield input;
    }
    if (numbers.length > 0) return;
    throw new BertError(
      "ERR_INPUT",
      `index: ${path === "-" ? "standard input" : path} must have a line of text, has none`,
    );
  }
  const extract =
    values.pooling === undefined
      ? await openPipeline("embeddings", values)
      : await openPipeline("feature-extraction", orEmbeddingModel(values));
  let cuts = { count: 0, truncated: 0 };
  try {
    const index = await buildIndex(extract, texts(), pipelineValues(OPTIONS, values));
    cuts = { count: index.size, truncated: index.truncated };
    const saving = index.save(output);
    const forget = beforeInterrupt(() => saving);
    await saving.finally(forget);
  } catch (error) {
    progress.clear();
    const at = /texts\[(\d+)\]/.exec(messageOf(error));
    throw at ? inputError(error, source.place(numbers[Number(at[1])])) : error;
  } finally {
    await extract.dispose();
  }
  progress.end();
  const { model } = extract;
  const limits = values.pooling === undefined ? embeddingLimits(model, "document") : { limit: tokenLimit(model) };
  tellTruncated(cuts, ["line", "lines"], limits);
}
