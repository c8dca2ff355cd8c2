/** The library alone, for comparison: the vectors of a file's lines by the same stream, without queue and table. Prints lines a second. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "plainbert";

const embed = await pipeline("embeddings", undefined, { deterministic: true });
for await (const _ of embed(["warm", "up"].values(), { normalize: true }));
const start = performance.now();
let count = 0;
const lines = createInterface({ input: createReadStream(process.argv[2]) });
for await (const _ of embed(lines, { normalize: true })) count++;
console.log(count / ((performance.now() - start) / 1000));
await embed.dispose();
