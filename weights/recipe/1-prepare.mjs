/**
 * node weights/recipe/1-prepare.mjs CORPUS WORK
 *
 * Learns the vocabulary and makes the examples of pretraining. About a minute; 1 GB.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { booksIn, plainbert } from "./settings.mjs";

const [corpus, work] = process.argv.slice(2);
const { train, validation } = booksIn(corpus);
const tokenizer = join(work, "tokenizer");
mkdirSync(tokenizer, { recursive: true });

// Printable ASCII and the marks that text from elsewhere has: the books' quotes are straight, and some of these never occur in them.
const ascii = Array.from({ length: 94 }, (_, i) => String.fromCodePoint(0x21 + i)).join("");
const alphabet = ["--initial-alphabet", `${ascii}“”‘’–—…£€°é`, "--limit-alphabet", 150];
console.log(
  await plainbert("train-vocab", ...train, "--cased", "--vocab-size", 8192, ...alphabet, "--output", tokenizer),
);

const examples = (books, name, ...options) =>
  plainbert(
    ...["make-examples", "--split-sentences", ...books, "--tokenizer", tokenizer, "--output", join(work, name)],
    ...["--buffer-tokens", 2 ** 25, ...options],
  );
console.log(await examples(train, "examples-128", "--dupe-factor", 8));
const of64 = ["--max-seq-length", 64, "--max-predictions-per-seq", 10];
console.log(await examples(train, "examples-64", "--dupe-factor", 4, ...of64));
const of256 = ["--max-seq-length", 256, "--max-predictions-per-seq", 39];
console.log(await examples(train, "examples-256", "--dupe-factor", 2, "--random-seed", 256, ...of256));
console.log(await examples(validation, "validation", "--dupe-factor", 1));
console.log(await examples(validation, "validation-64", "--dupe-factor", 1, ...of64));
console.log(await examples(validation, "validation-256", "--dupe-factor", 1, ...of256));
