/**
 * How many texts in a second `plainbert serve` answers with BERT-base's sizes, beside the library alone in a plain process
 * and servers of one's own around onnxruntime-node. 64 connections ask for a vector of one text each, the same texts for
 * all, in turns.
 *
 *     npm run bench:serve                     five rounds
 *     npm run bench:serve -- --rounds 1 --texts 64   whether everything runs
 *     npm run bench:serve -- --save           writes results/serve.json and the table of docs/serving.md too
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent } from "node:http";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ask } from "../test/underLoad/httpClient.ts";
import { ServedProcess } from "../test/underLoad/servedProcess.ts";
import { askAll } from "./cases/concurrent.ts";
import { firstSentences } from "./cases/inputs.ts";
import { MAX_RMS } from "./harness/agreement.ts";
import { interleave, timed } from "./harness/interleave.ts";
import { formatMachine, machine } from "./harness/machine.ts";
import { withTable } from "./harness/markdown.ts";
import { rms, type Summary, summarize } from "./harness/statistics.ts";
import { BASE, prepareModels } from "./onnx/modelFolder.ts";
import { installPeers, peerVersion } from "./sides/peers.ts";

const ROOT = join(import.meta.dirname, "..");
const CONNECTIONS = 64;
const STREAM = "plainbert, a stream in a plain process";
const SERVICE = "plainbert serve";
/** The service is to have at least this share of the stream's rate. */
const AIM = 0.9;
/** A round that takes longer says nothing of a service. */
const LIMIT_MS = 600_000;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    texts: { type: "string", default: "512" },
    save: { type: "boolean", default: false },
  },
});
const [rounds, count] = [Number(values.rounds), Number(values.texts)];
if (!(rounds >= 1 && count >= 1)) throw new Error("--rounds and --texts must be whole numbers from 1");
if (values.save && (rounds < 3 || count < 512)) throw new Error("--save must come with 3 rounds and 512 texts or more");
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130)); // and the servers

installPeers();
await prepareModels();
const texts = firstSentences(count);
const threads = String(Math.min(availableParallelism(), 8)); // as many as plainbert takes by itself
const onnxServer = join(import.meta.dirname, "children/onnxServer.ts");
const servers = new Map([
  [SERVICE, await ServedProcess.start([join(ROOT, "dist/cli/main.js"), "serve", "--port", "0", "--model", BASE.path])],
  ["onnxruntime-node, a run for each request", await ServedProcess.start([onnxServer, threads])],
  ["onnxruntime-node, those that wait in one run", await ServedProcess.start([onnxServer, threads, "batch"])],
]);
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
const streaming = fork(join(import.meta.dirname, "children/streamTexts.mjs"), [BASE.path]);
process.once("exit", () => void streaming.kill());
await once(streaming, "message");

await expectEqualVectors();
const sides = [
  timed(STREAM, STREAM, () => stream(streaming)),
  ...Array.from(servers, ([name, { address }]) =>
    timed(name, name, () => askAll(texts, CONNECTIONS, (text) => vectorOf(address, text))),
  ),
];
console.error(`${texts.length} texts, ${rounds} rounds`);
const options = { rounds, turnMs: 0, caseMs: LIMIT_MS * rounds * sides.length, limitMs: LIMIT_MS };
const { samples, leftOut } = await interleave(sides, options);
const rates = Array.from(samples, ([name, times]) => ({
  name,
  ...summarize(times.map((milliseconds) => (1000 * texts.length) / milliseconds)),
}));
agent.destroy();
streaming.disconnect();
for (const server of servers.values()) await server.terminate();

const result = {
  date: new Date().toISOString(),
  machine: formatMachine(await machine()),
  versions: { node: process.versions.node, "onnxruntime-node": peerVersion("onnxruntime-node") },
  settings: { rounds, texts: texts.length, connections: CONNECTIONS },
  rates,
  leftOut: Object.fromEntries(leftOut),
};
const table = rateTable(rates);
const caption = `${result.machine}, Node ${process.versions.node}, onnxruntime-node ${result.versions["onnxruntime-node"]}`;
const shown = `${caption}, ${rounds} rounds of ${texts.length} texts: medians, and the middle half over the median.\n\n${table}`;
console.log(shown);
for (const [name, reason] of leftOut) console.log(`${name}: left out, ${reason}`);
const share = medianOf(SERVICE) / medianOf(STREAM);
console.log(`The service has ${share.toFixed(2)} of the stream's rate; the aim is ${AIM}.`);
if (values.save) {
  const page = join(ROOT, "docs/serving.md");
  writeFileSync(join(import.meta.dirname, "results/serve.json"), `${JSON.stringify(result, null, 1)}\n`);
  writeFileSync(page, withTable(readFileSync(page, "utf8"), "serve rates", shown));
}

/** @throws Error it answers with another status than 200 */
async function vectorOf(address: string, inputs: string): Promise<number[]> {
  const body = JSON.stringify({ inputs, normalize: false });
  const headers = { "content-type": "application/json" };
  const answer = await ask(agent, address, { method: "POST", path: "/embed", headers, body });
  if (answer.status !== 200) throw new Error(`${address}: status must be 200, got ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body)[0];
}

async function stream(child: ChildProcess): Promise<void> {
  child.send(texts);
  const [vectors] = await once(child, "message");
  if (vectors !== texts.length) throw new Error(`the stream must give ${texts.length} vectors, gave ${vectors}`);
}

/** @throws Error a server's vectors are not those of plainbert's */
async function expectEqualVectors(): Promise<void> {
  const [[, first], ...others] = servers;
  for (const text of texts.slice(0, 32)) {
    const expected = await vectorOf(first.address, text);
    for (const [name, { address }] of others) {
      const difference = rms(await vectorOf(address, text), expected);
      if (!(difference <= MAX_RMS))
        throw new Error(`${name}: vectors must equal plainbert's, differ by ${difference} (rms)`);
    }
  }
}

function medianOf(name: string): number {
  return rates.find((one) => one.name === name)?.median ?? Number.NaN;
}

function rateTable(sides: readonly (Summary & { readonly name: string })[]): string {
  const rows = sides.map(({ name, median, spread }) => {
    const share = median / medianOf(STREAM);
    return `| ${name} | ${median.toFixed(1)} | ${(100 * spread).toFixed(0)} % | ${share.toFixed(2)} |\n`;
  });
  return ["| | texts a second | spread | of the stream |\n", "|---|---|---|---|\n", ...rows].join("");
}
