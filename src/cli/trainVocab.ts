import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomically } from "../disk/files.ts";
import { withOutput, withOutputFolder } from "../disk/outputLock.ts";
import { quote } from "../errors.ts";
import { BertTokenizer } from "../tokenizer/index.ts";
import { type TrainVocabularyOptions, trainVocabulary } from "../tokenizer/train.ts";
import { type Command, defineCommand, missing } from "./command.ts";
import { Corpus } from "./corpus.ts";
import { expectUnread } from "./expectUnread.ts";
import { interruptible } from "./interrupt.ts";
import { choice, count, flag, libraryValues, list, text, UsageError } from "./option.ts";
import { print } from "./output.ts";
import { Progress } from "./progressBar.ts";

/** The trainer's. */
const OPTIONS = {
  "vocab-size": count("How many tokens. Default 30000."),
  "min-frequency": count("How often a pair must occur to become a token. Default 2."),
  "limit-alphabet": count("Most characters of the alphabet, the most frequent. Default 1000."),
  "initial-alphabet": text("CHARACTERS", "These are in the alphabet whether they occur or not."),
  "special-tokens": list("The first tokens. Default [PAD],[UNK],[CLS],[SEP],[MASK]."),
  score: choice(
    ["count", "likelihood"],
    "Which pair becomes a token next: the most frequent, or the one that makes the text likeliest. Default count.",
  ),
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… FILE… --output FOLDER", "[OPTION]… FILE… --output FILE.txt"],
  description: `Learns a WordPiece vocabulary from text files, UTF-8, for a BERT of your own. FILE - is standard input.`,
  options: {
    output: text(
      "FOLDER|FILE.txt",
      "An existing folder, for vocab.txt, tokenizer.json and the other files of a tokenizer; or a file for the vocabulary alone, a token in each line.",
      "file",
    ),
    ...OPTIONS,
    cased: flag("Keep capitals and accents."),
    "no-strip-accents": flag("Keep accents, not capitals."),
    "no-chinese-chars": flag("Do not make each Chinese character a word."),
    json: flag("Say what was learned as one line of JSON."),
  },
  positional: "file",
  examples: [
    "printf 'low lower lowest\\n' | plainbert train-vocab - --vocab-size 20 --output vocab.txt",
    "mkdir tokenizer && plainbert train-vocab book.txt emma.txt --cased --output tokenizer",
  ],
  async run({ values, positionals }) {
    const { output } = values;
    if (positionals.length === 0 || output === undefined)
      throw missing({ "a file or more": positionals[0], "--output FOLDER or --output FILE.txt": output });
    const folder = await isFolder(output);
    if (!folder && !output.endsWith(".txt"))
      throw new UsageError(`--output must be an existing folder or end in .txt, got ${quote(String(output))}`);
    expectUnread([folder ? join(output, "vocab.txt") : output], positionals);
    const options: TrainVocabularyOptions = {
      ...libraryValues(OPTIONS, values),
      doLowerCase: !values.cased,
      ...(values["no-strip-accents"] && { stripAccents: false }),
      tokenizeChineseChars: !values["no-chinese-chars"],
    };
    const start = performance.now();
    const learnAndWrite = async (signal: AbortSignal) => {
      const tokens = await learn(await Corpus.open(positionals, signal), options);
      const files = folder ? tokenizerFiles(tokens, options) : { [output]: `${tokens.join("\n")}\n` };
      for (const [name, text] of Object.entries(files))
        await writeFileAtomically(folder ? join(output, name) : name, [new TextEncoder().encode(text)]);
      return { tokens, names: Object.keys(files) };
    };
    const work = () => interruptible(learnAndWrite);
    const { tokens, names } = await (folder ? withOutputFolder(output, work) : withOutput(output, {}, work));
    const seconds = (performance.now() - start) / 1000;
    const alphabet = tokens.filter((token) => Array.from(token).length === 1).length;
    await print(
      values.json
        ? `${JSON.stringify({ tokens: tokens.length, alphabet, seconds, files: names })}\n`
        : `${tokens.length} tokens, ${alphabet} of them single characters, in ${seconds.toFixed(1)} s: ${output}\n`,
    );
  },
});

async function learn(corpus: Corpus, options: TrainVocabularyOptions): Promise<string[]> {
  const merging = new Progress({ verb: "merging", unit: "tokens", total: options.vocabSize ?? 30_000 });
  try {
    return await trainVocabulary(corpus.lines(), { ...options, onMerge: (count) => merging.to(count) });
  } finally {
    corpus.progress.clear();
    merging.clear();
  }
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
