import { buildIndex } from "../../src/pipelines/index.ts";
import { type Case, simpleCase } from "../harness/case.ts";
import { timed } from "../harness/interleave.ts";
import type { PlainbertText, TextEngine } from "../sides/text.ts";
import { bookLines, inBatches, usualSentences } from "./inputs.ts";

const LINES = 5000;
const QUERIES = 100;
const NEAREST = 5;

/** Lines to an index, beside the model alone, and queries to what is nearest, beside their vectors alone. */
export async function searchIndexCases(ours: PlainbertText, others: readonly TextEngine[]): Promise<Case[]> {
  const lines = bookLines(LINES);
  const part = bookLines(LINES / 10);
  const queries = usualSentences(QUERIES);
  const forwardStream = "plainbert, forwardStream"; // what the model alone takes, so a library of its own
  const trialOf = (run: () => Promise<unknown>) => ({ run, share: part.length / lines.length });
  const build = simpleCase(
    { id: "index-build", title: `an index of ${lines.length} lines, the model in the package`, unit: "ms" },
    [
      timed(
        ours.name,
        ours.library,
        () => buildIndex(ours.extract, lines),
        trialOf(() => buildIndex(ours.extract, part)),
      ),
      timed(
        forwardStream,
        forwardStream,
        () => streamAll(ours, lines),
        trialOf(() => streamAll(ours, part)),
      ),
      ...others.map(({ name, library, embed }) =>
        timed(
          name,
          library,
          () => inBatches(lines, embed),
          trialOf(() => inBatches(part, embed)),
        ),
      ),
    ],
  );
  const index = await buildIndex(ours.extract, lines);
  const vectors = await ours.embed(lines); // the other library's would be the same numbers, and take longer
  const search = simpleCase(
    { id: "index-search", title: `${QUERIES} queries, one by one, among ${lines.length} lines`, unit: "ms" },
    [
      timed(ours.name, ours.library, async () => {
        for (const query of queries) await index.search(query, NEAREST);
      }),
      ...others.map((engine) =>
        timed(engine.name, engine.library, async () => {
          for (const query of queries) await searchByLoop(engine, vectors, query);
        }),
      ),
    ],
  );
  const vectorsAlone = "plainbert, their vectors alone";
  const together = simpleCase(
    { id: "index-queries", title: `${QUERIES} queries in one array, among ${lines.length} lines`, unit: "ms" },
    [
      timed(ours.name, ours.library, () => index.search(queries, NEAREST)),
      timed(vectorsAlone, vectorsAlone, () => ours.extract(queries, { pooling: "mean", normalize: true })),
    ],
  );
  return [build, search, together];
}

/** The lines through the model, one after the other, and nothing else. */
async function streamAll({ extract: { model, tokenizer } }: PlainbertText, lines: readonly string[]): Promise<void> {
  function* encodings() {
    for (const line of lines) yield tokenizer.encode(line);
  }
  const outputs = model.forwardStream(encodings());
  while (!(await outputs.next()).done);
}

/** transformers.js has no index: the cosines in a loop, and the best of them by sorting. */
async function searchByLoop(engine: TextEngine, vectors: Float32Array, text: string): Promise<number[]> {
  const query = await engine.embed([text]);
  const H = query.length;
  const cosines = Array.from({ length: vectors.length / H }, (_, n) => {
    let product = 0;
    let squares = 0;
    for (let h = 0; h < H; h++) {
      product += vectors[n * H + h] * query[h];
      squares += vectors[n * H + h] ** 2;
    }
    return product / Math.sqrt(squares);
  });
  return [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a]).slice(0, NEAREST);
}
