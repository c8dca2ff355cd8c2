import { throughLinks } from "../disk/files.ts";
import { withOutput } from "../disk/outputLock.ts";
import { BertError } from "../errors.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import type { TextRecord } from "../pipelines/index.ts";
import { TEXT_POOLINGS } from "../pipelines/pooling.ts";
import { SearchIndex } from "../pipelines/searchIndex/searchIndex.ts";
import { type Extract, newVectorSource } from "../pipelines/searchIndex/vectorsOf.ts";
import { messageOf } from "../realm.ts";
import { bytesOf, inputError } from "./answerLines.ts";
import { OUTPUT_OPTIONS, RESTART } from "./answerTexts.ts";
import { type Command, defineCommand, expectCount, missing } from "./command.ts";
import { EMBEDDING_OPTIONS, embeddingLimits, linesCounted, tellCounts } from "./embeddingOptions.ts";
import { expectUnread, weightsOf } from "./expectUnread.ts";
import { endingOf } from "./format.ts";
import { type InputForm, type Line, lineSource, nameOf, type Source } from "./input.ts";
import { beforeInterrupt } from "./interrupt.ts";
import { keptVectors } from "./keptVectors.ts";
import { modelMark, sentenceMark } from "./modelMark.ts";
import { EMBEDDING_MODEL_OPTIONS, openPipeline, orEmbeddingModel } from "./modelOptions.ts";
import { choice, flag, pipelineValues, text, type ValuesOf } from "./option.ts";
import { PartialFile, partialNames } from "./partialFile.ts";
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

/** What messages about lines begin with. */
const TASK = "index";

/** A line of JSON is handed on as it is: the index says what is wrong with it. */
const RECORDS: InputForm<string | TextRecord> = {
  fromArguments: (texts) => texts,
  fromLine: (line) => line,
  fromJson: (value) => value as TextRecord,
};

const TABLE = {
  output: text(
    "FILE",
    "The index, a .safetensors file. It appears when it is whole. If the work is cut short, what is done stays in FILE.partial, and the same command goes on there.",
    "file",
  ),
  restart: OUTPUT_OPTIONS.restart,
  ...OPTIONS,
  jsonl: flag("Each line is JSON: a string, or an object { id, text, metadata }. So is a FILE.jsonl."),
  ...EMBEDDING_MODEL_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|-] --output FILE.safetensors"],
  description: `Computes the vectors of the lines of a file, or of standard input, and writes them with the lines into one file, for plainbert search. Blank lines are left out.

A query finds a text by its meaning. A line of which the model knows no word, as one in another script, is found by its words alone, with plainbert search --hybrid.

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
    const [path = "-"] = positionals;
    const { output: given } = values;
    if (given === undefined || (positionals.length === 0 && streams.stdin.isTTY))
      throw missing({ "a file, or - to type lines here": positionals[0], "--output FILE.safetensors": given });
    endingOf(given, ["safetensors"]);
    const output = await throughLinks(given); // where the vectors are that an earlier run has computed
    expectUnread([given, ...partialNames(output)], [path, ...weightsOf(values.model)]);
    await withOutput(output, { restart: values.restart, advice: RESTART }, () => makeIndex(values, path, output));
  },
});

/** Reads the lines, and saves an index of them. */
async function makeIndex(values: ValuesOf<typeof TABLE>, path: string, output: string): Promise<void> {
  const source = lineSource(RECORDS, path, values.jsonl);
  const iterator = source.lines[Symbol.asyncIterator]();
  let next = await iterator.next(); // before the model is loaded: a wrong file is reported at once
  const progress = new Progress({ unit: "lines", total: source.size });
  const file = await PartialFile.open(output, values.restart);
  /** The numbers of the lines that are not blank, as the pipeline counts them. */
  const numbers: number[] = [];
  /** Those whose vectors have not come yet. */
  const open: string[] = [];
  async function* texts() {
    for (; !next.done; next = await iterator.next()) {
      const { number, input, text }: Line<string | TextRecord> = next.value;
      progress.step(bytesOf(text), numbers.length < file.linesBefore);
      if (input === null) continue;
      numbers.push(number);
      open.push(text);
      yield input;
    }
  }
  const counts = { count: 0, truncated: 0, unknown: 0 };
  let tell = (_isCutShort: boolean) => {};
  const forget = beforeInterrupt(async () => tell(true));
  let extract: Extract | undefined;
  try {
    extract =
      values.pooling === undefined
        ? await openPipeline("embeddings", values)
        : await openPipeline("feature-extraction", orEmbeddingModel(values));
    const { model } = extract;
    const limits = values.pooling === undefined ? embeddingLimits(model, "document") : { limit: tokenLimit(model) };
    tell = (isCutShort) => tellCounts(counts, linesCounted(isCutShort), limits);
    const { pooling, ...options } = pipelineValues(OPTIONS, values);
    const work = ["index", pooling, options, source.isJson === true, modelMark(model), sentenceMark(model)];
    await file.begin(JSON.stringify(work), new Uint8Array(0));
    const index = new SearchIndex(keptVectors(file, newVectorSource(TASK, extract, pooling), open, counts));
    await index.addAs(TASK, texts(), options);
    await file.replace(() => index.save(output));
  } catch (error) {
    progress.clear();
    await file.stop();
    if (!file.isRefused) tell(true); // else the counts are of lines of another work
    throw withKept(error, file, source, numbers);
  } finally {
    forget();
    await extract?.dispose();
  }
  progress.end();
  if (numbers.length === 0) streams.stderr.write(`${nameOf(path)} has no line of text, so the index is empty\n`);
  tell(false);
}

/** What is wrong, with the line that it is about, and with what is kept of the work. */
function withKept(error: unknown, file: PartialFile, source: Source<unknown>, numbers: readonly number[]): unknown {
  const at = /\btexts\[(\d+)\]/.exec(messageOf(error));
  const told = at ? inputError(error, source.place(numbers[Number(at[1])])) : error;
  if (!(told instanceof BertError)) return told;
  const ofLine = / line \d+: /.test(told.message); // there the same command would stop again
  return new BertError(told.code, told.message + file.kept(ofLine ? "once the line is mended, " : ""), { cause: told });
}
