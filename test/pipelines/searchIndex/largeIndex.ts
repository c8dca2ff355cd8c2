/**
 * A program that a test runs, to see how much memory an index takes: `build FILE N` makes one of N texts and saves it,
 * `load FILE N` reads it. Prints one line of JSON.
 */
import { argv, memoryUsage, resourceUsage } from "node:process";
import { buildIndex, loadIndex, type SearchIndex } from "../../../src/pipelines/index.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { hashedVectors } from "./hashedVectors.ts";

const H = 256;
const [mode, path, count] = argv.slice(2);
const N = Number(count);
const backend = createSimdBackend({ threads: 2 });
const extract = hashedVectors(backend, H);
const before = memoryUsage().rss;

function* records() {
  for (let n = 0; n < N; n++) yield record(n);
}

function record(n: number) {
  return { id: `id-${n}`, text: `The text that has the number ${n} among them all.`, metadata: { page: n % 1000 } };
}

const started = performance.now();
const index: SearchIndex<{ page: number }> =
  mode === "build" ? await buildIndex(extract, records()) : await loadIndex(extract, path);
const ready = performance.now();
const peakAfterMaking = resourceUsage().maxRSS * 1024 - before;

const query = record(Math.floor(N / 3)).text;
const found = await index.search([query, "another", record(N - 1).text], 3);
const filtered = await index.search(query, 3, { filter: ({ metadata }) => metadata?.page === 7 });
const searched = performance.now();
if (mode === "build") {
  index.remove("id-0");
  await index.add([{ id: "id-0", text: "The first is the last now." }]);
  await index.save(path);
}
const { arrayBuffers, heapUsed } = memoryUsage();
const report = {
  size: index.size,
  first: index.get("id-0"),
  found,
  filtered,
  arrayBuffers,
  heapUsed,
  peakAfterMaking,
  peak: resourceUsage().maxRSS * 1024 - before,
  seconds: [ready - started, searched - ready, performance.now() - searched].map((ms) => ms / 1000),
};
console.log(JSON.stringify(report));
await backend.dispose();
