/**
 * Retrieves and reranks: an index finds candidates by their vectors, then a reranker reads each beside the query.
 * In the call below a tiny one with random weights stands in, so that the order means nothing.
 *
 *     $ npx tsx examples/rerank.ts test/pipelines/reference/heads/one_label "Who wrote a letter?"
 *     0.655  She keeps her letters in a box under the bed.  (by its vector number 2)
 *     0.476  The train to the coast leaves at nine in the morning.  (by its vector number 4)
 *     0.466  We had bread, cheese and apples for dinner.  (by its vector number 5)
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildIndex, pipeline } from "plainbert";

const [model = "cross-encoder/ms-marco-MiniLM-L6-v2", query = "Who wrote a letter?"] = process.argv.slice(2);
const notes = readFileSync(join(import.meta.dirname, "notes.txt"), "utf8")
  .trimEnd()
  .split("\n");

const [embed, rank] = await Promise.all([pipeline("embeddings"), pipeline("text-ranking", model)]);
const index = await buildIndex(embed, notes);

const candidates = (await index.search(query, 5)).map(({ text }) => text);
const ranked = await rank(query, candidates, { top_k: 3, return_documents: true });
for (const { score, index, text } of ranked) {
  console.log(`${score.toFixed(3)}  ${text}  (by its vector number ${index + 1})`);
}
