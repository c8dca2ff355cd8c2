import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sentenceFolder } from "../../support/sentenceFolders.ts";
import { REVIEWS, writeTinyModel } from "../../support/tinyModel.ts";

export const MAIN: string = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const NODE_COMPILE_CACHE = fileURLToPath(new URL("../../../.cache/compiled", import.meta.url));

/** Writes a model and data, and gives the command line of a run on them: 60 updates, a checkpoint every 4, an evaluation every 10. */
export async function writeRun(folder: string): Promise<readonly string[]> {
  mkdirSync(join(folder, "start"));
  await writeTinyModel(join(folder, "start"));
  writeFileSync(join(folder, "data.jsonl"), REVIEWS.map((review) => `${JSON.stringify(review)}\n`).join(""));
  return runOf(folder, "text-classification", "data.jsonl");
}

/** The same with the data of another task, which `lines` are written to first. */
export function writeOtherRun(folder: string, task: string, lines: readonly object[]): readonly string[] {
  writeFileSync(join(folder, `${task}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return runOf(folder, task, `${task}.jsonl`);
}

function runOf(folder: string, task: string, data: string): readonly string[] {
  const file = join(folder, data);
  return [
    ...["finetune", "--task", task, "--train-file", file, "--validation-file", file],
    ...["--model", join(folder, "start"), "--backend", "plain", "--learning-rate", "0.01", "--max-steps", "60"],
    ...["--save-steps", "4", "--eval-steps", "10", "--logging-steps", "3", "--load-best-model-at-end"],
  ];
}

/**
 * The same for vectors of texts, from a folder of sentence-transformers with a Dense, whose weights are trained too. The
 * anchor of one example stands in another, so that batches differ from those of another order.
 */
export async function writeSentenceRun(folder: string): Promise<readonly string[]> {
  const things = ["cat", "dog", "film", "book", "a cat", "a dog", "a film", "a book", "cat"];
  const pairs = things.map((thing, i) => ({ anchor: `who saw the ${thing} ?`, positive: `anna was in the ${thing} ${i} .` })); // biome-ignore format: one line
  writeFileSync(join(folder, "pairs.jsonl"), pairs.map((pair) => `${JSON.stringify(pair)}\n`).join(""));
  const file = join(folder, "pairs.jsonl");
  return [
    ...["finetune", "--task", "sentence-embedding", "--train-file", file, "--validation-file", file],
    ...["--model", await sentenceFolder(folder, "dense"), "--backend", "plain", "--learning-rate", "0.003"],
    ...["--batch-size", "3", "--max-steps", "60", "--save-steps", "4", "--eval-steps", "10", "--logging-steps", "3"],
    ...["--load-best-model-at-end", "--metric-for-best-model", "cosine_mrr@10", "--matryoshka-dims", "16,4"],
  ];
}

/**
 * The same with a teacher of other sizes: the projection to its vectors is trained too. Its vectors are of more texts than
 * one part of their cache has, so that a process may be killed between two.
 */
export async function writeDistillationRun(folder: string): Promise<readonly string[]> {
  const words = "the a cat dog film book was is good bad fine poor not very who saw it paris anna in".split(" ");
  const texts = Array.from({ length: 1100 }, (_, i) => `${words[i % 20]} ${words[Math.floor(i / 20) % 20]} ${words[Math.floor(i / 400)]}`); // biome-ignore format: one line
  writeFileSync(join(folder, "texts.txt"), `${texts.join("\n")}\n`);
  writeFileSync(join(folder, "held-out.txt"), "anna saw the film .\nparis is a book .\nwas it a bad dog ?\n");
  mkdirSync(join(folder, "student"));
  await writeTinyModel(join(folder, "student"));
  return [
    ...["finetune", "--task", "sentence-embedding", "--train-file", join(folder, "texts.txt")],
    ...["--validation-file", join(folder, "held-out.txt"), "--teacher", await sentenceFolder(folder, "prompts")],
    ...["--model", join(folder, "student"), "--backend", "plain", "--learning-rate", "0.003", "--batch-size", "6"],
    ...["--max-steps", "60", "--save-steps", "4", "--eval-steps", "10", "--logging-steps", "3"],
    ...["--load-best-model-at-end", "--metric-for-best-model", "teacher_cosine", "--matryoshka-dims", "16,4"],
  ];
}

/** Starts the command as a process of its own. */
export function start(args: readonly string[], output: string): ChildProcess {
  const env = { ...process.env, NODE_COMPILE_CACHE, NODE_OPTIONS: "" };
  return spawn(process.execPath, [MAIN, ...args, "--output", output], { env, stdio: ["ignore", "ignore", "pipe"] });
}

/** How a process has ended, and what it said. */
export async function ended(
  child: ChildProcess,
): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stderr }));
  });
}

/** Resolves when a run has so many lines in its log, or has ended. */
export async function logged(child: ChildProcess, output: string, lines: number): Promise<void> {
  const log = join(output, "metrics.jsonl");
  const count = () => (existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0);
  while (child.exitCode === null && child.signalCode === null && count() < lines) {
    await new Promise((resume) => setTimeout(resume, 2));
  }
}

/** Everything that a run has written, in the same bits if it is the same run: without the speed, and where it ran. */
export function contentsOf(output: string): Map<string, string> {
  const files = readdirSync(output, { recursive: true, encoding: "utf8" }).filter((name) => /\.\w+$/.test(name));
  return new Map(
    files.sort().map((name) => {
      if (name === "curves.svg") return [name, ""];
      const bytes = readFileSync(join(output, name));
      if (!/\.jsonl?$/.test(name)) return [name, bytes.toString("base64")];
      return [name, String(bytes).replaceAll(/,"tokens_per_second":[^}]*|"log": \{[^}]*\}|"checksum": "\w+"/g, "")];
    }),
  );
}

/** Random numbers that are the same in each run of the tests. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * Kills a run with SIGKILL so many times, each after a random time since it began to train, and lets it go on.
 */
export async function killAndResume(
  args: readonly string[],
  output: string,
  kills: number,
  seed: number,
): Promise<void> {
  const random = randomFrom(seed);
  for (let kill = 0; kill < kills; kill++) {
    const child = start([...args, "--resume"], output);
    const end = ended(child);
    const before = existsSync(join(output, "metrics.jsonl")) ? readFileSync(join(output, "metrics.jsonl"), "utf8").split("\n").length - 1 : 0; // biome-ignore format: one line
    if (kill % 4 !== 3) await logged(child, output, before + 1 - Math.floor(2 * random())); // else it may be killed while it starts
    await new Promise((resume) => setTimeout(resume, 40 * random()));
    child.kill("SIGKILL");
    const { signal, code } = await end;
    if (signal !== "SIGKILL" && code !== 0) throw new Error(`the run ended with ${code}`);
  }
  const { code, stderr } = await ended(start([...args, "--resume"], output));
  if (code !== 0) throw new Error(stderr);
}
