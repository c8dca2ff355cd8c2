/**
 * How much there is to read: the source files with a function that runs, by V8's own coverage, and their lines.
 *
 * 1. From a text to its hidden states and logits: `encode` and `forwardSync` of the small model on `plain`.
 * 2. One training step of the same model, AdamW and dropout included, without the files of 1.
 *
 *     npm run reading-length
 */
import { readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { loadParams } from "../src/checkpoint/loadParams.ts";
import { loadBert } from "../src/index.ts";
import { openWeights } from "../src/load/weightFiles.ts";
import { createTrainingBackend } from "../src/tensor/createTrainingBackend.ts";
import { createGradients } from "../src/training/gradients.ts";
import { withInitialHead } from "../src/training/initialWeights.ts";
import { createTrainingState, trainStep } from "../src/training/trainStep.ts";

const root = join(import.meta.dirname, "..");

/** What nobody reads to follow a model, and why. */
const EXCLUDED: Readonly<Record<string, string>> = {};

/** Every source file of which a function runs while `work` does. */
async function filesOf(work: () => void): Promise<string[]> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  work();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  session.disconnect();
  return result
    .filter(({ url, functions }) => url.startsWith("file:") && functions.some(({ ranges }) => ranges[0].count > 0))
    .map(({ url }) => relative(root, fileURLToPath(url)).replaceAll("\\", "/"))
    .filter((path) => path.startsWith("src/"))
    .sort();
}

function print(title: string, files: readonly string[]): void {
  console.log(title);
  let lines = 0;
  for (const path of files.filter((file) => !(file in EXCLUDED))) {
    const length = readFileSync(join(root, path), "utf8").trimEnd().split("\n").length;
    lines += length;
    console.log(`${String(length).padStart(7)}  ${path}`);
  }
  const excluded = files.filter((file) => file in EXCLUDED);
  console.log(`${String(lines).padStart(7)}  lines in ${files.length - excluded.length} files`);
  for (const path of excluded) console.log(`         without ${path}: ${EXCLUDED[path]}`);
  console.log();
}

const TEXT = "She opened the [MASK] and went into the room.";
const bert = await loadBert(undefined, { backend: "plain", architecture: "BertForPreTraining" });
const inference = await filesOf(() => {
  bert.forwardSync([bert.tokenizer.encode(TEXT)]);
});

const kernels = createTrainingBackend("plain");
const weights = await openWeights(join(root, "weights"));
const { config } = bert;
const model = { config, params: await loadParams(withInitialHead(weights, config, 0), config, kernels), kernels };
await weights.close();
const gradients = createGradients(model);
const state = createTrainingState(model, gradients, 0);
const encoding = bert.tokenizer.encode(TEXT);
const masked = Array.from(encoding.inputIds, (id) => (id === bert.tokenizer.maskTokenId ? 1000 : -100));
const training = await filesOf(() => {
  trainStep(model, gradients, state, [{ input: [encoding], labels: { labels: [masked], nextSentenceLabel: [0] } }], {
    learningRate: 1e-4,
    totalSteps: 10,
  });
});

print("From a text to hidden states and logits (encode, forwardSync):", inference);
print(
  "One training step, beside these:",
  training.filter((file) => !inference.includes(file)),
);
