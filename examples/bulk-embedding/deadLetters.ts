/**
 * Prints the dead letters, each as a line of JSON with its reason. With `--clear` it forgets them: when what was wrong
 * has been mended, the next run of the producer adds their lines again.
 *
 *     $ REDIS_URL=… node deadLetters.ts [--limit LINES] [--clear]
 */
import { parseArgs } from "node:util";
import { fail, whole } from "./faults.ts";
import { BlockQueue } from "./queue.ts";

process.stdout.on("error", () => process.exit(0)); // whoever reads wants no more

const options = {
  limit: { type: "string" },
  clear: { type: "boolean", default: false },
} as const;
const { values } = parseArgs({ options });
const limit = values.limit === undefined ? Number.POSITIVE_INFINITY : whole("--limit", values.limit);
const queue = new BlockQueue(({ message }) => fail(`Redis: ${message}. It must run: npm run services starts one here`));
let count = 0;
for await (const letter of queue.deadLetters()) {
  if (++count > limit) {
    console.error("there are more: npm run services in one terminal, npm run dead in another");
    break;
  }
  console.log(JSON.stringify(letter));
}
if (values.clear) await queue.clearDeadLetters();
await queue.close();
