/**
 * Finds the lines of a file that mean most nearly what a query says, whether or not they share a word with it.
 *
 *     $ npx tsx examples/semanticSearch.ts "A boat came in from the sea."
 *     0.753  line  8  A ship with white sails came into the harbour.
 *     0.430  line  1  The train to the coast leaves at nine in the morning.
 *     0.324  line  5  The king sent his soldiers across the river.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildIndex, pipeline } from "plainbert";

const notes = join(import.meta.dirname, "notes.txt");
const [query = "A boat came in from the sea.", file = notes, model] = process.argv.slice(2);

const texts = readFileSync(file, "utf8")
  .split("\n")
  .map((text, i) => ({ text, metadata: { line: i + 1 } }))
  .filter(({ text }) => text.trim() !== "");

const embed = await pipeline("embeddings", model);
const index = await buildIndex(embed, texts); // index.save(path) keeps it, loadIndex(embed, path) brings it back
for (const { score, text, metadata } of await index.search(query, 3)) {
  console.log(`${score.toFixed(3)}  line ${String(metadata?.line).padStart(2)}  ${text}`);
}
