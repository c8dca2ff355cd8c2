/**
 * After the compiler, which wrote the type declarations: bundles the programs, and lets the command be executed. Plain JavaScript, as
 * it runs while the package is installed, on whatever Node there is.
 */
import { chmodSync, readFileSync } from "node:fs";
import { build } from "rolldown";

/**
 * One file for each entry point, and in `chunks` what they share. As one file for each module of the sources, 139 of them, the import
 * of plainbert took 50 ms; it takes 20.
 *
 * What starts a worker looks for it beside itself, and for the package's weights two folders up: it is in a chunk, as several entry
 * points reach it.
 */
await build({
  input: {
    index: "src/index.ts",
    "tokenizer/index": "src/tokenizer/index.ts",
    "tensor/safetensors": "src/tensor/safetensors.ts",
    "training/index": "src/training/index.ts",
    "cli/main": "src/cli/main.ts",
    "chunks/worker": "src/tensor/threads/worker.ts",
    "chunks/driverWorker": "src/model/driverWorker.ts",
  },
  platform: "node",
  tsconfig: false,
  transform: { target: "es2023" },
  output: { dir: "dist", entryFileNames: "[name].js", chunkFileNames: "chunks/[name].js", comments: false },
});

const { bin } = JSON.parse(readFileSync("package.json", "utf8"));
for (const path of Object.values(bin)) chmodSync(path, 0o755);
