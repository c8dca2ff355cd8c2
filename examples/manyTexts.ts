/**
 * The vectors of a file's lines, as many as there are, each as a line of JSON. The file is read as it is needed, so
 * no more lines and vectors are in memory than two passes through the model take.
 *
 *     $ npx tsx examples/manyTexts.ts examples/notes.txt | tail -n 2 | cut -c 1-9
 *     [0.002302
 *     [-0.00366
 */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "plainbert";

const [file = join(import.meta.dirname, "notes.txt"), model] = process.argv.slice(2);

process.stdout.once("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(); // who reads has enough, as `| head` does
});

const embed = await pipeline("embeddings", model);
const lines = createInterface({ input: createReadStream(file) });
for await (const { data } of embed(lines, { normalize: true })) console.log(JSON.stringify(Array.from(data)));
