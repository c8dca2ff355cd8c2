/**
 * The training cases of the bench alone, without the peers that the others need, and the memory that they take: node bench/training.ts
 * [threads], PyTorch's side by the interpreter in PYTHON.
 */
import { cpus } from "node:os";
import { openTraining } from "./cases/training.ts";
import { measurePeak } from "./harness/peak.ts";
import type { BenchCase } from "./harness/results.ts";
import { formatRun } from "./harness/table.ts";

const threads = Number(process.argv[2] ?? 2);
const peak = await measurePeak(threads);
const { cases, description, pytorch, dispose } = await openTraining("simd", threads);
const measured: BenchCase[] = [];
for (const { measure } of cases) {
  measured.push(...(await measure({ rounds: 5, turnMs: 0, caseMs: 60_000, limitMs: 20_000 })));
}
await dispose();
console.log(`Node ${process.versions.node}, ${pytorch ?? "PyTorch's figures recorded"}, ${cpus()[0].model.trim()}`);
console.log(formatRun({ threads, peak, backend: description, cases: measured }));
console.log(`\npeak memory of this process: ${process.resourceUsage().maxRSS >> 10} MB`);
