/**
 * Prints the dead letters, each as a line of JSON with its reason. With `--clear` it forgets them: when what was wrong
 * has been mended, the next run of the producer adds their lines again.
 *
 *     $ REDIS_URL=… node deadLetters.ts [--clear]
 */
import { parseArgs } from "node:util";
import { BlockQueue } from "./queue.ts";

const { values } = parseArgs({ options: { clear: { type: "boolean", default: false } } });
const queue = new BlockQueue();
for await (const letter of queue.deadLetters()) console.log(JSON.stringify(letter));
if (values.clear) await queue.clearDeadLetters();
await queue.close();
