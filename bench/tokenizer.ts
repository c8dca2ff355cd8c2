/**
 * Tokenizer throughput on one core, over the paragraphs of a book by `encodeBatch`. Run: node bench/tokenizer.ts [--json]
 *
 * MB are 10^6 bytes of UTF-8. "first pass" is the first time a tokenizer sees the text, with code that is already compiled; later
 * passes repeat the book. There is no cache of words, so nothing but the engine's warming up should set them apart. "offsets on"
 * reads `offsets` and `wordIds` of every encoding. The order of the four is rotated from round to round.
 */
import { readFileSync } from "node:fs";
import { BertTokenizer } from "../src/tokenizer/index.ts";

const ROUNDS = 12;
const book = readFileSync(new URL("./data/the-wind-in-the-willows.txt", import.meta.url), "utf8");
const paragraphs = book.split("\n").filter((line) => line !== "");
const half = paragraphs.length >> 1;
const megabytes = (lines: readonly string[]): number => Buffer.byteLength(lines.join("\n")) / 1e6;

function load(name: string): BertTokenizer {
  const folder = new URL(`../test/tokenizer/reference/${name}/`, import.meta.url);
  return BertTokenizer.fromFiles({
    "vocab.txt": readFileSync(new URL("vocab.txt", folder), "utf8"),
    "tokenizer_config.json": readFileSync(new URL("tokenizer_config.json", folder), "utf8"),
  });
}

let consumed = 0; // what a run computes is used, so that it cannot be optimised away
function run(tokenizer: BertTokenizer, lines: readonly string[], offsets: boolean): number {
  const start = performance.now();
  for (const encoding of tokenizer.encodeBatch(lines)) {
    consumed += encoding.inputIds.length;
    if (offsets) consumed += encoding.offsets.length + encoding.wordIds.length;
  }
  return megabytes(lines) / ((performance.now() - start) / 1000);
}

interface Row {
  readonly tokenizer: string;
  readonly offsets: boolean;
  readonly firstPass: number;
  readonly median: number;
  readonly best: number;
}

const variants = ["bert-base-cased", "bert-base-uncased"].flatMap((name) =>
  [false, true].map((offsets) => ({ name, offsets, rates: [] as number[], firstPass: 0 })),
);
for (const variant of variants) {
  const tokenizer = load(variant.name);
  run(tokenizer, paragraphs.slice(0, half), variant.offsets); // compiles the code on the first half
  variant.firstPass = run(load(variant.name), paragraphs.slice(half), variant.offsets); // a new tokenizer, text it has not seen
}
const tokenizers = new Map(variants.map(({ name }) => [name, load(name)]));
for (let round = 0; round < ROUNDS; round++) {
  for (let i = 0; i < variants.length; i++) {
    const variant = variants[(i + round) % variants.length];
    variant.rates.push(run(tokenizers.get(variant.name)!, paragraphs, variant.offsets));
  }
}
const rows: Row[] = variants.map(({ name, offsets, rates, firstPass }) => {
  const sorted = rates.toSorted((a, b) => a - b);
  return { tokenizer: name, offsets, firstPass, median: sorted[sorted.length >> 1], best: sorted.at(-1)! };
});

if (process.argv.includes("--json")) {
  console.log(JSON.stringify({ node: process.version, megabytes: megabytes(paragraphs), rounds: ROUNDS, rows }));
} else {
  console.log(
    `Node ${process.version}, ${megabytes(paragraphs).toFixed(2)} MB in ${paragraphs.length} paragraphs, ${ROUNDS} rounds, MB/s`,
  );
  for (const { tokenizer, offsets, firstPass, median, best } of rows) {
    const rate = (value: number): string => value.toFixed(1).padStart(6);
    console.log(
      `${tokenizer.padEnd(18)} offsets ${offsets ? "on " : "off"}  first pass${rate(firstPass)}  median${rate(median)}  best${rate(best)}`,
    );
  }
}
if (consumed === 0) throw new Error("nothing was tokenized");
