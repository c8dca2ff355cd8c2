/**
 * How exact int8 is: the sentence vectors of a model with int8 weights beside those with float32 weights, by plainbert,
 * onnxruntime-node and PyTorch.
 *
 *     PYTHON=python3 npm run bench:int8 -- FOLDER
 *
 * FOLDER is a model of sentence-transformers that averages its tokens, such as all-MiniLM-L6-v2. The interpreter that PYTHON names must
 * have torch and transformers.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadBert, loadTokenizer } from "../src/load/loadBert.ts";
import { saveBert } from "../src/load/saveBert.ts";
import type { StorageType } from "../src/tensor/tensor.ts";
import { cosineOf } from "../src/training/sentence/vectorLosses.ts";
import { firstSentences } from "./cases/inputs.ts";
import { quantile } from "./harness/statistics.ts";
import { prepareInt8 } from "./onnx/int8Graph.ts";
import { onnxruntimeGraph } from "./sides/onnxruntime.ts";
import { installPeers } from "./sides/peers.ts";

const SENTENCES = 500;
const PEER = join(import.meta.dirname, "peers", "int8_vectors.py");

const { PYTHON } = process.env;
const [folder] = process.argv.slice(2);
if (!folder || !PYTHON) throw new Error("usage: PYTHON=python3 npm run bench:int8 -- FOLDER");
installPeers();

type Sequences = readonly (readonly number[])[];
type Vectors = readonly (readonly number[])[];

/** The mean of the tokens' last hidden states [T, H]. */
function meanOf(states: Float32Array, T: number): number[] {
  const H = states.length / T;
  return Array.from({ length: H }, (_, h) => {
    let sum = 0;
    for (let t = 0; t < T; t++) sum += states[t * H + h];
    return sum / T;
  });
}

async function vectorsOf(
  sequences: Sequences,
  encode: (ids: readonly number[]) => Promise<Float32Array>,
): Promise<Vectors> {
  const vectors: number[][] = [];
  for (const ids of sequences) vectors.push(meanOf(await encode(ids), ids.length));
  return vectors;
}

async function plainbertVectors(sequences: Sequences, dtype: StorageType): Promise<Vectors> {
  const bert = await loadBert(folder, { dtype, architecture: "BertModel" });
  const vectors = await vectorsOf(
    sequences,
    async (inputIds) => (await bert.forward([{ inputIds }])).lastHiddenState.data,
  );
  await bert.dispose();
  return vectors;
}

/** With plainbert's own integers and scales as weights. */
async function onnxruntimeVectors(sequences: Sequences): Promise<Vectors> {
  const place = mkdtempSync(join(tmpdir(), "plainbert-int8-"));
  try {
    const bert = await loadBert(folder, { architecture: "BertModel" });
    const checkpoint = join(place, "model");
    await saveBert(bert, checkpoint);
    await bert.dispose();
    const graph = join(place, "int8.onnx");
    await prepareInt8(checkpoint, bert.config, graph);
    const engine = await onnxruntimeGraph(graph, "int8", 2);
    const vectors = await vectorsOf(sequences, (ids) => engine.encode([ids]));
    await engine.dispose();
    return vectors;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const tokenizer = await loadTokenizer(folder);
const sequences = tokenizer
  .encodeBatch(firstSentences(SENTENCES), { truncation: true, maxLength: 256 })
  .map(({ inputIds }) => [...inputIds]);
const ours = await plainbertVectors(sequences, "float32");
const torch = JSON.parse(
  execFileSync(PYTHON, [PEER, folder], {
    input: JSON.stringify(sequences),
    maxBuffer: 2 ** 30,
    stdio: ["pipe", "pipe", "ignore"],
  }).toString(),
) as { version: string; float32: Vectors; int8: Vectors };

const ways: readonly [name: string, vectors: Vectors][] = [
  ["plainbert, int8", await plainbertVectors(sequences, "int8")],
  ["onnxruntime-node, DynamicQuantizeMatMul", await onnxruntimeVectors(sequences)],
  [`PyTorch ${torch.version}, quantize_dynamic`, torch.int8],
  [`PyTorch ${torch.version}, float32`, torch.float32],
];
console.log(`cosine of sentence vectors with plainbert's in float32, ${sequences.length} sentences of a book`);
for (const [name, vectors] of ways) {
  const sorted = vectors.map((vector, i) => cosineOf(vector, ours[i])).sort((a, b) => a - b);
  console.log(`  ${name.padEnd(42)} lowest ${sorted[0].toFixed(5)}  half above ${quantile(sorted, 0.5).toFixed(5)}`);
}
