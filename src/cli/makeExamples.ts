import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { saveSafetensors, writeFileAtomically } from "../hub/files.ts";
import { writeFolder } from "../hub/folders.ts";
import { loadTokenizer } from "../pipelines/index.ts";
import { BertTokenizer } from "../tokenizer/index.ts";
import { readDocuments } from "../training/pretraining/documents.ts";
import {
  type ExampleTotals,
  type MakeExamplesOptions,
  makeExamples,
  resolveMakeExamplesOptions,
} from "../training/pretraining/makeExamples.ts";
import { type Arguments, type Command, UsageError, wholeNumber } from "./command.ts";
import { Corpus } from "./corpus.ts";
import { linesOf } from "./lines.ts";
import { print } from "./output.ts";

export const command: Command = {
  help: `Makes examples for pretraining from text files: masked tokens, and pairs of segments that follow each other
or do not.
Options and defaults are those of Google's create_pretraining_data.py.

Usage: plainbert make-examples [options] FILE… --output FOLDER

  FILE                        text, UTF-8: a sentence in each line, a blank line between documents;
                              - is standard input
  --split-sentences           a line is a paragraph, to be split into sentences
  --output FOLDER             new or empty; gets examples-….safetensors and the tokenizer's files
  --tokenizer FOLDER          with vocab.txt or tokenizer.json (default: that of the small model)
  --vocab FILE                a vocabulary alone, in place of --tokenizer; lower-cases, unless --cased
  --cased                     with --vocab: keep capitals and accents
  --max-seq-length N          most tokens of an example (default 128)
  --max-predictions-per-seq N most masked tokens of an example (default 20)
  --dupe-factor N             how many times each text is used, with other masks (default 10)
  --short-seq-prob P          how many documents are cut into shorter examples (default 0.1)
  --masked-lm-prob P          how many tokens are masked (default 0.15)
  --do-whole-word-mask        mask all tokens of a word together
  --random-seed N             the same seed gives the same bytes (default 12345)
  --buffer-tokens N           tokens of text in memory at a time (default 16777216, about 70 MB of text)
  --json                      say what was made as one line of JSON
  -h, --help                  this text

Examples:
  $ plainbert make-examples --split-sentences book.txt emma.txt --output examples
  $ printf 'One line.\\nAnother.\\n\\nA new text.\\n' | plainbert make-examples - --max-seq-length 512 --output long
`,
  options: {
    output: { type: "string" },
    tokenizer: { type: "string" },
    vocab: { type: "string" },
    cased: { type: "boolean" },
    "split-sentences": { type: "boolean" },
    "max-seq-length": { type: "string" },
    "max-predictions-per-seq": { type: "string" },
    "dupe-factor": { type: "string" },
    "short-seq-prob": { type: "string" },
    "masked-lm-prob": { type: "string" },
    "do-whole-word-mask": { type: "boolean" },
    "random-seed": { type: "string" },
    "buffer-tokens": { type: "string" },
    json: { type: "boolean" },
  },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  if (positionals.length === 0) throw new UsageError("expected a file or more");
  const { output } = values;
  if (typeof output !== "string") throw new UsageError("expected --output FOLDER");
  const options = optionsOf(values);
  const tokenizer = await tokenizerOf(values);
  const start = performance.now();
  const totals = { examples: 0, tokens: 0, predictions: 0, randomNext: 0, forcedNext: 0 };
  const files = await untilInterrupted(async (signal) => {
    const corpus = await Corpus.open(positionals, signal);
    const documents = async function* () {
      for (const { name, groups } of corpus.files())
        yield* readDocuments(name, groups, tokenizer, {
          splitSentences: values["split-sentences"] === true,
          maxTokens: options.bufferTokens,
        });
    };
    const names: string[] = [];
    try {
      await writeFolder(output, async (folder) => {
        for await (const { tensors, metadata, totals: own } of makeExamples(documents(), tokenizer, options, signal)) {
          for (const name of Object.keys(totals) as (keyof ExampleTotals)[]) totals[name] += own[name];
          corpus.tell(`writing  ${totals.examples} examples`);
          names.push(join(folder, `${names.length}.safetensors`));
          await saveSafetensors(names.at(-1)!, tensors, metadata);
        }
        for (const [name, text] of Object.entries(tokenizer.toFiles()))
          await writeFileAtomically(join(folder, name), [new TextEncoder().encode(text)]);
        for (const [i, name] of names.entries()) await rename(name, join(folder, shardName(i, names.length)));
      });
    } finally {
      corpus.tell("");
    }
    return names.map((_, i) => join(output, shardName(i, names.length)));
  });
  const seconds = (performance.now() - start) / 1000;
  await print(values.json ? `${JSON.stringify({ ...totals, seconds, files })}\n` : summary(totals, seconds, files));
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

function optionsOf(values: Arguments["values"]): Required<MakeExamplesOptions> {
  const number = (name: string, parse: (name: string, value: string) => number) => {
    const value = values[name];
    const camel = name.replace(/-(.)/g, (_, c: string) => c.toUpperCase());
    return typeof value === "string" ? { [camel]: parse(name, value) } : {};
  };
  return resolveMakeExamplesOptions({
    ...number("max-seq-length", wholeNumber),
    ...number("max-predictions-per-seq", wholeNumber),
    ...number("dupe-factor", wholeNumber),
    ...number("short-seq-prob", probability),
    ...number("masked-lm-prob", probability),
    ...number("random-seed", (name, value) => (value === "0" ? 0 : wholeNumber(name, value))),
    ...number("buffer-tokens", wholeNumber),
    doWholeWordMask: values["do-whole-word-mask"] === true,
  });
}

function probability(name: string, value: string): number {
  if (/^(0?\.\d+|0|1|1\.0*|0\.)$/.test(value)) return Number(value);
  throw new UsageError(`--${name} must be a number from 0 to 1, got ${JSON.stringify(value)}`);
}

async function tokenizerOf({ tokenizer, vocab, cased }: Arguments["values"]): Promise<BertTokenizer> {
  if (typeof vocab !== "string") {
    if (cased) throw new UsageError("--cased goes with --vocab: a tokenizer's folder says so itself");
    return loadTokenizer(tokenizer as string | undefined);
  }
  if (tokenizer !== undefined) throw new UsageError("expected --tokenizer or --vocab, got both");
  const lines: string[] = [];
  for await (const group of linesOf(vocab)) for (const line of group) lines.push(line);
  return BertTokenizer.fromFiles({
    "vocab.txt": lines.join("\n"),
    "tokenizer_config.json": JSON.stringify({ do_lower_case: cased !== true }),
  });
}

/** Lets Ctrl-C and SIGTERM stop the work, so that it can tidy up, and then does to the process what they would have done at once. */
async function untilInterrupted<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    received = signal;
    controller.abort();
  };
  process.once("SIGINT", stop).once("SIGTERM", stop); // a second one ends it at once
  try {
    return await work(controller.signal);
  } finally {
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (received) process.kill(process.pid, received);
  }
}
