import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeFileAtomically } from "../disk/files.ts";
import { writeFolder } from "../disk/folders.ts";
import { withOutput } from "../disk/outputLock.ts";
import { quote } from "../errors.ts";
import { saveSafetensors } from "../load/weightFiles.ts";
import { loadTokenizer } from "../pipelines/index.ts";
import { BertTokenizer } from "../tokenizer/index.ts";
import { readDocuments } from "../training/pretraining/documents.ts";
import {
  type ExampleTotals,
  type MakeExamplesOptions,
  makeExamples,
  resolveMakeExamplesOptions,
} from "../training/pretraining/makeExamples.ts";
import { type Command, defineCommand, missing } from "./command.ts";
import { Corpus } from "./corpus.ts";
import { interruptible } from "./interrupt.ts";
import { linesOf } from "./lines.ts";
import { downloading, HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { count, flag, libraryValues, type Option, text, UsageError, type ValuesOf } from "./option.ts";
import { print } from "./output.ts";
import { Progress } from "./progressBar.ts";

/** The options of Google's create_pretraining_data.py, and how much text is in memory. */
const OPTIONS = {
  "max-seq-length": count("Most tokens of an example. Default 128."),
  "max-predictions-per-seq": count("Most masked tokens of an example. Default 20."),
  "dupe-factor": count("How many times each text is used, with other masks. Default 10."),
  "short-seq-prob": probability("How many documents are cut into shorter examples. Default 0.1."),
  "masked-lm-prob": probability("How many tokens are masked. Default 0.15."),
  "do-whole-word-mask": flag("Mask all tokens of a word together."),
  "random-seed": count("The same seed gives the same bytes. Default 12345.", 0),
  "buffer-tokens": count("Tokens of text in memory at a time. Default 16777216, about 70 MB of text."),
};

const TABLE = {
  output: text("FOLDER", "New or empty; gets examples-….safetensors and the tokenizer's files.", "folder"),
  "split-sentences": flag("A line is a paragraph, to be split into sentences."),
  tokenizer: text("NAME", `Whose vocabulary: ${MODEL_NAME}. Default: the small model's.`, "folder"),
  vocab: text("FILE", "A vocabulary alone, in place of --tokenizer; lower-cases, unless --cased.", "file"),
  cased: flag("With --vocab: keep capitals and accents."),
  ...OPTIONS,
  ...HUB_OPTIONS,
  json: flag("Say what was made as one line of JSON."),
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… FILE… --output FOLDER"],
  description: `Makes examples for pretraining from text files: masked tokens, and pairs of segments that follow each other or do not. Options and defaults are those of Google's create_pretraining_data.py.

FILE is text, UTF-8: a sentence in each line, a blank line between documents; - is standard input.`,
  options: TABLE,
  positional: "file",
  examples: [
    "plainbert make-examples --split-sentences book.txt emma.txt --output examples",
    "printf 'One line.\\nAnother.\\n\\nA new text.\\n' | plainbert make-examples - --max-seq-length 512 --output long",
  ],
  async run({ values, positionals }) {
    const { output } = values;
    if (positionals.length === 0 || output === undefined)
      throw missing({ "a file or more": positionals[0], "--output FOLDER": output });
    const options = resolveMakeExamplesOptions(libraryValues(OPTIONS, values));
    const start = performance.now();
    const { totals, files } = await withOutput(output, { parents: true }, async () => {
      const tokenizer = await tokenizerOf(values);
      return interruptible(async (signal) => {
        const corpus = await Corpus.open(positionals, signal);
        return writeExamples(corpus, tokenizer, options, values["split-sentences"], output, signal);
      });
    });
    const seconds = (performance.now() - start) / 1000;
    await print(values.json ? `${JSON.stringify({ ...totals, seconds, files })}\n` : summary(totals, seconds, files));
  },
});

async function writeExamples(
  corpus: Corpus,
  tokenizer: BertTokenizer,
  options: Required<MakeExamplesOptions>,
  splitSentences: boolean,
  output: string,
  signal: AbortSignal,
): Promise<{ totals: ExampleTotals; files: string[] }> {
  const totals = { examples: 0, tokens: 0, predictions: 0, randomNext: 0, forcedNext: 0 };
  const writing = new Progress({ verb: "writing", unit: "examples", total: null });
  const documents = async function* () {
    for (const { name, groups } of corpus.files())
      yield* readDocuments(name, groups, tokenizer, { splitSentences, maxTokens: options.bufferTokens });
  };
  const names: string[] = [];
  try {
    await writeFolder(output, async (folder) => {
      for await (const { tensors, metadata, totals: own } of makeExamples(documents(), tokenizer, options, signal)) {
        for (const name of Object.keys(totals) as (keyof ExampleTotals)[]) totals[name] += own[name];
        writing.to(totals.examples);
        names.push(join(folder, `${names.length}.safetensors`));
        await saveSafetensors(names.at(-1)!, tensors, metadata);
      }
      for (const [name, text] of Object.entries(tokenizer.toFiles()))
        await writeFileAtomically(join(folder, name), [new TextEncoder().encode(text)]);
      for (const [i, name] of names.entries()) await rename(name, join(folder, shardName(i, names.length)));
    });
  } finally {
    corpus.progress.clear();
    writing.clear();
  }
  return { totals, files: names.map((_, i) => join(output, shardName(i, names.length))) };
}

/** examples-00001-of-00003.safetensors, as Hugging Face numbers a model's files. */
function shardName(i: number, count: number): string {
  const five = (n: number) => String(n).padStart(5, "0");
  return `examples-${five(i + 1)}-of-${five(count)}.safetensors`;
}

function summary(t: ExampleTotals, seconds: number, files: readonly string[]): string {
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  return `${t.examples} examples of ${(t.tokens / t.examples).toFixed(1)} tokens, ${percent(t.predictions, t.tokens)} of them masked
${percent(t.randomNext, t.examples)} with a random next sentence, ${percent(t.forcedNext, t.examples)} for want of another
${files.length} file${files.length === 1 ? "" : "s"} in ${dirname(files[0])}, ${seconds.toFixed(1)} s
`;
}

function probability(description: string): Option<number> {
  return {
    placeholder: "P",
    description,
    parse(given, name) {
      const value = given.at(-1)!;
      if (/^(0?\.\d+|0|1|1\.0*|0\.)$/.test(value)) return Number(value);
      throw new UsageError(`--${name} must be a number from 0 to 1, got ${quote(String(value))}`);
    },
  };
}

async function tokenizerOf(values: ValuesOf<typeof TABLE>): Promise<BertTokenizer> {
  const { tokenizer, vocab, cased } = values;
  if (vocab === undefined) {
    if (cased) throw new UsageError("--cased goes with --vocab: a tokenizer's folder says so itself");
    return downloading(values, (hub) => loadTokenizer(tokenizer, hub));
  }
  if (tokenizer !== undefined) throw new UsageError("expected --tokenizer or --vocab, got both");
  const lines: string[] = [];
  for await (const group of linesOf(vocab)) for (const line of group) lines.push(line);
  return BertTokenizer.fromFiles({
    "vocab.txt": lines.join("\n"),
    "tokenizer_config.json": JSON.stringify({ do_lower_case: !cased }),
  });
}
