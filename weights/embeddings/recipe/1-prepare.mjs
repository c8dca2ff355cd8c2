/**
 * node weights/embeddings/recipe/1-prepare.mjs CORPUS WORDNET ADDRESSES MANUALS WORK
 *
 * Writes WORK/texts.txt, from which the student learns, WORK/validation.txt, by which designs are chosen, and the vocabulary. A minute.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { booksIn, plainbert, randomFrom } from "../../recipe/settings.mjs";
import { draw, halvesOf, sentencesOf, VOCABULARY } from "./settings.mjs";
import { addressSentences, manualSentences, wordNet } from "./texts.mjs";

const [corpus, wordnet, addresses, manuals, work] = process.argv.slice(2);
mkdirSync(join(work, "tokenizer"), { recursive: true });
const random = randomFrom(23);

/** Texts of so many words, each once. */
const between = (texts, least, most) =>
  [...new Set(texts)].filter((text) => {
    const words = text.split(/\s+/).length;
    return words >= least && words <= most;
  });
const read = (paths) => paths.map((path) => readFileSync(path, "utf8"));
const books = booksIn(corpus);
const sentences = (texts) =>
  between(
    texts.flatMap((text) => [...sentencesOf(text)]),
    4,
    64,
  );
const { definitions, examples, words, entries } = wordNet(wordnet);
const train = read(books.train);
const ofBooks = draw(sentences(train), 220_000, random);
const pages = between(manuals.split(",").flatMap(manualSentences), 5, 64);
const sources = {
  definitions: between(definitions, 1, 64),
  examples: between(examples, 1, 64),
  words: draw(between(words, 1, 8), 40_000, random),
  entries: draw(between(entries, 2, 64), 100_000, random),
  addresses: between(addressSentences(addresses), 4, 64),
  manuals: draw(pages, 70_000, random),
  sentences: ofBooks.slice(0, 140_000),
  halves: between(ofBooks.slice(140_000).flatMap(halvesOf), 1, 32),
  paragraphs: draw(
    between(
      train.flatMap((text) => text.split("\n")),
      65,
      160,
    ),
    8_000,
    random,
  ),
};
for (const [name, texts] of Object.entries(sources)) {
  console.log(
    `${name}: ${texts.length} texts, ${texts.reduce((sum, text) => sum + text.split(/\s+/).length, 0)} words`,
  );
  writeFileSync(join(work, `${name}.txt`), `${texts.join("\n")}\n`);
}
const mixed = [...new Set(Object.values(sources).flat())];
writeFileSync(join(work, "texts.txt"), `${draw(mixed, mixed.length, random).join("\n")}\n`);
const unseen = [draw(sentences(read(books.validation)), 1000, random), draw(pages.slice(70_000), 1000, random)];
writeFileSync(join(work, "validation.txt"), `${unseen.flat().join("\n")}\n`);

// Today's English counts twice, so that its words become pieces beside those of the books.
const [modern, old] = [
  ["definitions", "examples", "words", "entries", "addresses", "manuals"],
  ["sentences", "halves"],
];
const files = [...modern, ...modern, ...old].map((name) => join(work, `${name}.txt`));
const ascii = Array.from({ length: 94 }, (_, i) => String.fromCodePoint(0x21 + i)).join("");
const alphabet = ["--initial-alphabet", `${ascii.toLowerCase()}“”‘’–—…£€°`, "--limit-alphabet", 120];
console.log(await plainbert("train-vocab", ...files, "--vocab-size", VOCABULARY, ...alphabet, "--output", join(work, "tokenizer"))); // biome-ignore format: one line
