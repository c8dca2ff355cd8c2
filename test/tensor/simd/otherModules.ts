/**
 * A program for otherModules.slow.test.ts: compiles the kernels, as `loadBert` does, while other threads compile, run and optimise
 * WebAssembly of their own: Node's reader of TypeScript, a large module with many calls. V8's flags hold for the whole
 * process, so what `compileKernels` sets must be harmless there. (With `--no-liftoff`, one run in three of 100 ended in
 * V8's "Fatal error": see compile.ts.)
 */
import { Worker } from "node:worker_threads";
import { compileKernels, type Variant, variantsFor } from "../../../src/tensor/simd/compile.ts";
import { TensorMemory } from "../../../src/tensor/simd/memory.ts";
import { findV8 } from "../../../src/tensor/simd/v8Flags.ts";

const stripping = `
  const { stripTypeScriptTypes } = require("node:module");
  for (let i = 0; i < 20; i++) stripTypeScriptTypes("const a: number = " + i);
`;

/** Two threads at a time; when one is done, two new ones, which compile again. */
function keepCompiling(): void {
  const workers = [0, 1].map(() => new Worker(stripping, { eval: true }));
  workers[0].once("exit", keepCompiling);
}

keepCompiling();
const [variant] = variantsFor(findV8(), {});
for (let run = 0; run < Number(process.argv[2]); run++) {
  compileKernels(new TensorMemory(), { ...variant, run } as Variant, findV8()); // another variant: compiled anew
  await new Promise((turn) => setTimeout(turn, 5));
}
console.log("done");
process.exit(0);
