/**
 * The library alone, for comparison: the vectors of a file's lines by the same stream, without queue and table. Prints lines a second, and seconds of
 * processor time for a line.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "plainbert";

const embed = await pipeline("embeddings", undefined, { deterministic: true });
for await (const _ of embed(["warm", "up"].values(), { normalize: true }));
const start = performance.now();
const cpuBefore = process.cpuUsage();
let count = 0;
const lines = createInterface({ input: createReadStream(process.argv[2]) });
for await (const _ of embed(lines, { normalize: true })) count++;
const seconds = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ rate: count / seconds, processor: (user + system) / 1e6 / count }));
await embed.dispose();
