import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../hub/files.ts";
import { BertTokenizer } from "../tokenizer/index.ts";
import { type TrainVocabularyOptions, trainVocabulary } from "../tokenizer/train.ts";
import { type Arguments, type Command, UsageError, wholeNumber } from "./command.ts";
import { Corpus } from "./corpus.ts";
import { print } from "./output.ts";

export const command: Command = {
  help: `Learns a WordPiece vocabulary from text files, for a BERT of your own.

Usage: plainbert train-vocab [options] FILE… --output FOLDER|FILE.txt

  FILE                    text, UTF-8; - is standard input
  --output FOLDER         an existing folder, for vocab.txt, tokenizer.json and the other files of a tokenizer
  --output FILE.txt       the vocabulary alone, a token in each line
  --vocab-size N          how many tokens (default 30000)
  --min-frequency N       how often a pair must occur to become a token (default 2)
  --limit-alphabet N      most characters of the alphabet, the most frequent (default 1000)
  --initial-alphabet ABC  characters that are in the alphabet whether they occur or not
  --special-tokens A,B    the first tokens (default [PAD],[UNK],[CLS],[SEP],[MASK])
  --cased                 keep capitals and accents
  --no-strip-accents      keep accents, not capitals
  --no-chinese-chars      do not make each Chinese character a word
  --score S               which pair becomes a token next: count, the most frequent, or likelihood (default count)
  --json                  say what was learned as one line of JSON
  -h, --help              this text

Examples:
  $ printf 'low lower lowest\\n' | plainbert train-vocab - --vocab-size 20 --output vocab.txt
  $ mkdir tokenizer && plainbert train-vocab book.txt emma.txt --cased --output tokenizer
`,
  options: {
    output: { type: "string" },
    "vocab-size": { type: "string" },
    "min-frequency": { type: "string" },
    "limit-alphabet": { type: "string" },
    "initial-alphabet": { type: "string" },
    "special-tokens": { type: "string" },
    cased: { type: "boolean" },
    "no-strip-accents": { type: "boolean" },
    "no-chinese-chars": { type: "boolean" },
    score: { type: "string" },
    json: { type: "boolean" },
  },
  run,
};

async function run({ values, positionals }: Arguments): Promise<void> {
  if (positionals.length === 0) throw new UsageError("expected a file or more");
  const { output } = values;
  if (typeof output !== "string") throw new UsageError("expected --output FOLDER or --output FILE.txt");
  const folder = await isFolder(output);
  if (!folder && !output.endsWith(".txt"))
    throw new UsageError(`--output must be an existing folder or end in .txt, got ${JSON.stringify(output)}`);
  const options = optionsOf(values);

  const corpus = await Corpus.open(positionals);
  const start = performance.now();
  let tokens: string[];
  try {
    const onMerge = (count: number) => {
      if (count % 500 === 0) corpus.tell(`merging  ${count} tokens`);
    };
    tokens = await trainVocabulary(corpus.lines(), { ...options, onMerge });
  } finally {
    corpus.tell("");
  }
  const files = folder ? tokenizerFiles(tokens, options) : { [output]: `${tokens.join("\n")}\n` };
  for (const [name, text] of Object.entries(files))
    await writeFileAtomically(folder ? join(output, name) : name, [new TextEncoder().encode(text)]);

  const seconds = (performance.now() - start) / 1000;
  const alphabet = tokens.filter((token) => Array.from(token).length === 1).length;
  await print(
    values.json
      ? `${JSON.stringify({ tokens: tokens.length, alphabet, seconds, files: Object.keys(files) })}\n`
      : `${tokens.length} tokens, ${alphabet} of them single characters, in ${seconds.toFixed(1)} s: ${output}\n`,
  );
}

function optionsOf(values: Arguments["values"]): TrainVocabularyOptions {
  const number = (name: string) => (typeof values[name] === "string" ? wholeNumber(name, values[name]) : undefined);
  const score = values.score ?? "count";
  if (score !== "count" && score !== "likelihood")
    throw new UsageError(`--score must be count or likelihood, got ${JSON.stringify(score)}`);
  const given: Record<keyof TrainVocabularyOptions, unknown> | Record<string, unknown> = {
    vocabSize: number("vocab-size"),
    minFrequency: number("min-frequency"),
    limitAlphabet: number("limit-alphabet"),
    initialAlphabet: values["initial-alphabet"],
    specialTokens: typeof values["special-tokens"] === "string" ? values["special-tokens"].split(",") : undefined,
    doLowerCase: !values.cased,
    stripAccents: values["no-strip-accents"] ? false : undefined,
    tokenizeChineseChars: !values["no-chinese-chars"],
    score,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The files by which Hugging Face's libraries and this one read the same tokenizer. */
function tokenizerFiles(tokens: readonly string[], options: TrainVocabularyOptions): Record<string, string> {
  const { doLowerCase = true, stripAccents = null, tokenizeChineseChars = true } = options;
  const tokenizer = BertTokenizer.fromVocabulary(tokens, { doLowerCase, stripAccents, tokenizeChineseChars });
  return { ...tokenizer.toFiles() };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
