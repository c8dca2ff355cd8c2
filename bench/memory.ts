/**
 * The peak memory of a process with BERT-base's encoder, after its first answer and after every word of the vocabulary was asked for, by
 * plainbert and onnxruntime-node: npm run bench:memory. It takes a minute.
 *
 * onnxruntime-node maps the file of the weights, so that rows of the word embeddings are in memory once a text has asked for them. plainbert
 * reads and checks all of them when it loads the model.
 */
import { loadTokenizer } from "../src/load/loadBert.ts";
import { spawnChild } from "./cases/processStart.ts";
import { OURS } from "./harness/results.ts";
import { BASE, graphPath, prepareModels } from "./onnx/modelFolder.ts";
import { installPeers, PEERS } from "./sides/peers.ts";

/** A child computes 29,000 tokens. */
const HUNG_MS = 300_000;

interface Peaks {
  readonly first: number;
  readonly every: number;
}

installPeers();
await prepareModels();
const { size: vocabulary } = await loadTokenizer(BASE.path);
const common = { model: BASE.path, peers: PEERS, threads: 2, vocabulary };
const sides = [
  { library: OURS, ...common },
  { library: "onnxruntime-node", graph: graphPath(BASE, "fused", "encoder"), ...common },
];
const rows: [string, Peaks][] = [];
for (const side of sides) {
  const { printed } = await spawnChild("everyWord.mjs", [JSON.stringify(side)], { timeout: HUNG_MS });
  rows.push([side.library, printed as Peaks]);
}
const [[, theirs]] = rows.slice(-1);
console.log("peak memory, MB (× onnxruntime-node)   first answer   every word asked for");
for (const [library, peaks] of rows) {
  const figure = (name: keyof Peaks) => `${peaks[name].toFixed(0)} (${(peaks[name] / theirs[name]).toFixed(2)})`;
  console.log(`${library.padEnd(37)}  ${figure("first").padEnd(13)}  ${figure("every")}`);
}
