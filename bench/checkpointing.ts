/**
 * What gradient checkpointing saves and costs: the peak memory of a process that trains a classifier of bert-base-cased's sizes
 * with AdamW, all weights, dropout 0.1, and the time of forward and backward, the best of three. The time is the processor's, of all
 * threads, so that other programs do not count. Each case runs in a process of its own: node bench/checkpointing.ts [threads].
 */
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { plainbertTrainer } from "./sides/training.ts";

const BATCHES = [
  [8, 128],
  [32, 128],
  [8, 512],
] as const;
const STEPS = 3;

interface Measured {
  /** The processor's, of the best step, in milliseconds. */
  readonly step: number;
  /** Of the whole process, in MB of 10⁶ bytes. */
  readonly peak: number;
}

const [threads = "2", B, T, isChecked] = process.argv.slice(2);
if (B === undefined) {
  console.log(`Node ${process.versions.node}, ${threads} threads, ${cpus()[0].model.trim()}`);
  console.log("| batch | peak memory, MB | with checkpointing | ratio | step, s | with checkpointing | ratio |");
  console.log("|---|---|---|---|---|---|---|");
  for (const [sequences, tokens] of BATCHES) {
    const [kept, again] = [false, true].map((flag) => inItsOwnProcess(sequences, tokens, flag));
    const columns = (a: number, b: number, digits: number) => [
      a.toFixed(digits),
      b.toFixed(digits),
      (b / a).toFixed(2),
    ];
    const cells = [...columns(kept.peak, again.peak, 0), ...columns(kept.step / 1000, again.step / 1000, 2)];
    console.log(`| ${[`${sequences} × ${tokens}`, ...cells].join(" | ")} |`);
  }
} else {
  const trainer = await plainbertTrainer("simd", Number(threads), isChecked === "true");
  const times = Array.from({ length: STEPS }, () => {
    const before = process.cpuUsage();
    trainer.step(Number(B), Number(T));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  trainer.update();
  await trainer.dispose();
  const measured: Measured = { step: Math.min(...times), peak: (process.resourceUsage().maxRSS * 1024) / 1e6 };
  console.log(JSON.stringify(measured));
}

function inItsOwnProcess(sequences: number, tokens: number, flag: boolean): Measured {
  const args = [import.meta.filename, threads, String(sequences), String(tokens), String(flag)];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}
