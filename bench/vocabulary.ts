/**
 * How well learned vocabularies split texts that they have not seen. Run:
 *
 *     node bench/vocabulary.ts --train FOLDER [--train FOLDER] --test FOLDER [--vocab-size 8000]
 *
 * For each score, least frequency and case: tokens per word of the test texts (words as the basic tokenizer finds them, punctuation
 * too), [UNK] per million words, and the seconds that learning took. The folders hold .txt files, a paragraph in each line.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BertTokenizer, type TrainVocabularyOptions, trainVocabulary } from "../src/tokenizer/index.ts";

const { values } = parseArgs({
  options: {
    train: { type: "string", multiple: true },
    test: { type: "string", multiple: true },
    "vocab-size": { type: "string", default: "8000" },
  },
});

function* linesOf(folders: readonly string[] = []): Generator<string> {
  for (const folder of folders) {
    const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
    for (const name of names.sort()) yield* readFileSync(join(folder, name), "utf8").split("\n");
  }
}

function measure(tokenizer: BertTokenizer) {
  let [words, tokens, unknown] = [0, 0, 0];
  for (const line of linesOf(values.test)) {
    const encoding = tokenizer.encode(line, { addSpecialTokens: false });
    words += new Set(encoding.wordIds).size;
    tokens += encoding.length;
    unknown += encoding.inputIds.filter((id) => id === tokenizer.unkTokenId).length;
  }
  return { "tokens per word": (tokens / words).toFixed(4), "[UNK] per million": ((1e6 * unknown) / words).toFixed(1) };
}

const variants: readonly TrainVocabularyOptions[] = [
  { score: "count", minFrequency: 2 },
  { score: "likelihood", minFrequency: 2 },
  { score: "likelihood", minFrequency: 10 },
  { score: "likelihood", minFrequency: 100 },
];
const rows: Record<string, string | number | boolean | undefined>[] = [];
for (const doLowerCase of [true, false]) {
  for (const { score, minFrequency } of variants as Required<TrainVocabularyOptions>[]) {
    const options = { score, minFrequency, doLowerCase, vocabSize: Number(values["vocab-size"]) };
    const start = performance.now();
    const tokens = await trainVocabulary(linesOf(values.train), options);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    rows.push({
      score,
      minFrequency,
      cased: !doLowerCase,
      ...measure(BertTokenizer.fromVocabulary(tokens, { doLowerCase })),
      seconds,
    });
  }
}
console.table(rows);
