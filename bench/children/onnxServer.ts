/**
 * A server as one writes it around onnxruntime-node: POST { "inputs": TEXT } to any path gives [vector], the mean of the
 * tokens' last hidden states. Node's own server; plainbert's tokenizer, which is given to it.
 *
 *     node bench/children/onnxServer.ts THREADS         a session's run for each request
 *     node bench/children/onnxServer.ts THREADS batch   one run at a time, of those that wait, 32 at most
 */
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { loadTokenizer } from "../../src/pipelines/index.ts";
import { BASE } from "../onnx/modelFolder.ts";
import { onnxruntimeNode } from "../sides/onnxruntime.ts";

const LONGEST = 512;
const LARGEST = 32;

const [threads, batch] = process.argv.slice(2);
const tokenizer = await loadTokenizer(BASE.path);
const engine = await onnxruntimeNode("plain", Number(threads));

/** The vectors of token sequences, as one padded batch. */
async function vectors(sequences: readonly (readonly number[])[]): Promise<number[][]> {
  const states = await engine.encode(sequences);
  const T = Math.max(...sequences.map(({ length }) => length));
  const H = states.length / (sequences.length * T);
  return sequences.map(({ length }, b) => {
    const mean = new Float32Array(H);
    for (let t = 0; t < length; t++) {
      for (let h = 0; h < H; h++) mean[h] += states[(b * T + t) * H + h] / length;
    }
    return Array.from(mean);
  });
}

interface Waiting {
  readonly sequence: readonly number[];
  readonly resolve: (vector: number[]) => void;
  readonly reject: (error: unknown) => void;
}

const waiting: Waiting[] = [];
let isRunning = false;

async function runWaiting(): Promise<void> {
  if (isRunning) return;
  isRunning = true;
  while (waiting.length > 0) {
    const together = waiting.splice(0, LARGEST);
    try {
      const answers = await vectors(together.map(({ sequence }) => sequence));
      for (const [i, { resolve }] of together.entries()) resolve(answers[i]);
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
  }
  isRunning = false;
}

async function vectorOf(sequence: readonly number[]): Promise<number[]> {
  if (batch !== "batch") return (await vectors([sequence]))[0];
  return new Promise((resolve, reject) => {
    waiting.push({ sequence, resolve, reject });
    setImmediate(runWaiting); // when the requests that have come with it wait too
  });
}

const server = createServer(async (request, response) => {
  try {
    const { inputs } = JSON.parse(await text(request));
    const { inputIds } = tokenizer.encode(inputs, { truncation: true, maxLength: LONGEST });
    const body = JSON.stringify([await vectorOf([...inputIds])]);
    response.writeHead(200, { "content-type": "application/json" }).end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as { readonly port: number };
  console.log(`http://127.0.0.1:${port}/`);
});
process.once("SIGTERM", () => process.exit(0)); // ONNX Runtime's threads would keep the process
