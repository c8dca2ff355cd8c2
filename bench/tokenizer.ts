/**
 * Tokenizer throughput on one core, over the paragraphs of a book by `encodeBatch`. Run: node bench/tokenizer.ts [--json]
 *
 * MB are 10^6 bytes of UTF-8. "first pass" is the first time a tokenizer sees the text, with code that is already compiled; later
 * passes repeat the book. There is no cache of words, so nothing but the engine's warming up should set them apart. "offsets on"
 * reads `offsets` and `wordIds` of every encoding. The order of the four is rotated from round to round.
 *
 * Then the book is repeated to one text of 20 MB, and encoded as the pipelines do it, in turns of the event loop: the longest time
 * between two turns, the median of five runs, with the time of the whole.
 */
import { readFileSync } from "node:fs";
import { inTurns } from "../src/pipelines/turns.ts";
import { BertTokenizer, type EncodeOptions } from "../src/tokenizer/index.ts";

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

const huge = book.repeat(Math.ceil(20_000_000 / book.length));

/** Milliseconds of an encoding, and the longest that the event loop had to wait meanwhile. */
async function block(options: EncodeOptions): Promise<{ total: number; longest: number }> {
  const tokenizer = tokenizers.get("bert-base-uncased")!;
  let longest = 0;
  let isOver = false;
  const start = performance.now();
  let last = start;
  const probe = (async () => {
    while (!isOver) {
      await new Promise((turn) => setImmediate(turn));
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  consumed += (await inTurns(tokenizer.encodeInParts(huge, options), undefined)).length;
  const total = performance.now() - start;
  isOver = true;
  await probe;
  return { total, longest };
}

const blocks = [];
for (const [name, options] of [
  ["cut to 256 tokens", { truncation: true, maxLength: 256 }],
  ["cut at its left end", { truncation: true, maxLength: 256, truncationSide: "left" }],
] as const) {
  const runs: { total: number; longest: number }[] = [];
  for (let run = 0; run < 5; run++) runs.push(await block(options));
  const medianOf = (field: "total" | "longest") => runs.map((run) => run[field]).sort((a, b) => a - b)[2];
  blocks.push({ name, total: medianOf("total"), longest: medianOf("longest") });
}

if (process.argv.includes("--json")) {
  console.log(
    JSON.stringify({ node: process.version, megabytes: megabytes(paragraphs), rounds: ROUNDS, rows, blocks }),
  );
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
  for (const { name, total, longest } of blocks) {
    console.log(
      `20 MB in one text, ${name.padEnd(19)} ${total.toFixed(1).padStart(7)} ms, the event loop waits ${longest.toFixed(1)} ms at most`,
    );
  }
}
if (consumed === 0) throw new Error("nothing was tokenized");
