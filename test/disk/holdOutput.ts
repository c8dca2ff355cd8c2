/** A program that holds an output until it is killed, with temporary files beside it: `node holdOutput.ts OUTPUT`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { withOutput } from "../../src/disk/outputLock.ts";
import { temporaryPath } from "../../src/disk/processes.ts";

const [output] = process.argv.slice(2);
try {
  await withOutput(output, {}, async () => {
    writeFileSync(temporaryPath(output, "tmp"), "half");
    writeFileSync(temporaryPath(`${output}.partial.json`, "tmp"), "half");
    mkdirSync(temporaryPath(output, "tmp"));
    console.log("held");
    await new Promise((resolve) => setTimeout(resolve, 600_000));
  });
} catch (error) {
  console.log((error as Error).message);
}
