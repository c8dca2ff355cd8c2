import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { type Document, readDocuments } from "../../../src/training/pretraining/documents.ts";

const WEIGHTS = join(import.meta.dirname, "..", "..", "..", "weights");
const read = (name: string) => readFileSync(join(WEIGHTS, name), "utf8");

/** The small model's. */
export const tokenizer: BertTokenizer = BertTokenizer.fromFiles({
  "vocab.txt": read("vocab.txt"),
  "tokenizer_config.json": read("tokenizer_config.json"),
});

/** The beginning of Alice's Adventures in Wonderland, in documents of about 20 paragraphs. */
export const PARAGRAPHS: readonly string[] = readFileSync(
  join(import.meta.dirname, "..", "..", "tokenizer", "reference", "training_text.txt"),
  "utf8",
)
  .split("\n")
  .filter((line) => line !== "");

export async function aliceDocuments(): Promise<Document[]> {
  const lines = PARAGRAPHS.flatMap((line, i) => (i % 20 === 0 ? ["", line] : [line]));
  return collect(readDocuments("alice.txt", [lines], tokenizer, { splitSentences: true, maxTokens: 1e6 }));
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
