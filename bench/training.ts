/**
 * The training cases of the bench alone, without the peers that the others need: node bench/training.ts [threads], PyTorch's side by the
 * interpreter in PYTHON.
 */
import { cpus } from "node:os";
import { interleave } from "./harness/interleave.ts";
import { measurePeak } from "./harness/peak.ts";
import { summarize } from "./harness/statistics.ts";
import { formatTable } from "./harness/table.ts";
import { trainingCases } from "./harness/trainingCases.ts";
import { openPytorch } from "./sides/pytorch.ts";
import { plainbertTrainer } from "./sides/training.ts";

const threads = Number(process.argv[2] ?? 2);
const peak = measurePeak();
const ours = await plainbertTrainer("simd", threads);
const pytorch = await openPytorch(threads);
const options = { rounds: 5, turnMs: 0, sideMs: 15_000 };
const cases = [];
for (const { sides, ...described } of trainingCases(ours, pytorch, threads)) {
  const samples = await interleave(sides, options);
  cases.push({ ...described, sides: sides.map(({ name }) => ({ name, ...summarize(samples.get(name)!) })) });
}
await ours.dispose();
pytorch?.dispose();
const versions = { node: process.versions.node, pytorch: pytorch?.version ?? "recorded" };
const machine = `${cpus()[0].model.trim()}, ${cpus().length} CPUs`;
const run = { threads, peak, backend: ours.description, cases };
console.log(formatTable({ date: new Date().toISOString(), machine, versions, settings: options, runs: [run] }));
console.log(`\npeak memory of this process: ${process.resourceUsage().maxRSS >> 10} MB`);
