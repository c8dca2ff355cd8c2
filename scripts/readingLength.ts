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
import { reachesOf } from "../test/support/imports.ts";

const root = join(import.meta.dirname, "..");

const TWIN = "a faster twin, proven equal to";
const BORDER = "checks what callers give";
/** What need not be read to follow a model, and why. */
const EXCLUDED: Readonly<Record<string, string>> = {
  "src/tensor/kernels/matmulBlocked.ts": `${TWIN} the three loops of matmul.ts`,
  "src/tokenizer/greedyMatcher.ts": `${TWIN} wordPiece.ts`,
  "src/tokenizer/wordMatcher.ts": `${TWIN} wordPiece.ts`,
  "src/tensor/kernels/transcendental.ts": "exp, erf and tanh, which are known; written out for the sake of equal bits",
  "src/tokenizer/unicode.ts": "classes of characters, as the Unicode standard has them",
  "src/tokenizer/encodeOptions.ts": BORDER,
  "src/tokenizer/truncation.ts": "cuts texts that are too long; this one is not",
  "src/runtime/bertModel.ts": "the class that a program calls; it runs forwardPass.ts",
  "src/model/forwardRequest.ts": BORDER,
  "src/model/taps.ts": "shows intermediate results to those who look; nobody does here",
};

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

/** Lines of a file, and how many of them are neither empty nor a comment. */
function linesOf(path: string): { readonly all: number; readonly code: number } {
  const text = readFileSync(join(root, path), "utf8").trimEnd();
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").split("\n");
  return { all: text.split("\n").length, code: code.filter((line) => !/^\s*(\/\/.*)?$/.test(line)).length };
}

function print(title: string, files: readonly string[], known: readonly string[]): void {
  console.log(`${title}\n  lines   code`);
  const sum = { all: 0, code: 0 };
  const row = (all: number, code: number, what: string) =>
    console.log(`${String(all).padStart(7)}${String(code).padStart(7)}  ${what}`);
  const included = files.filter((file) => !(file in EXCLUDED));
  for (const path of included) {
    const { all, code } = linesOf(path);
    sum.all += all;
    sum.code += code;
    row(all, code, path);
  }
  row(sum.all, sum.code, `in ${included.length} files, without:`);
  for (const path of files)
    if (path in EXCLUDED) row(linesOf(path).all, linesOf(path).code, `${path}: ${EXCLUDED[path]}`);
  const named = [...new Set(included.flatMap(namedBy))].filter(
    (path) => !files.includes(path) && !known.includes(path),
  );
  if (named.length > 0)
    console.log("  and of files that these name, of which nothing runs: types, tables, other paths");
  for (const path of named.sort()) row(linesOf(path).all, linesOf(path).code, path);
  console.log();
}

/** The source files that a source file imports, of types too. */
function namedBy(path: string): string[] {
  const { imports } = reachesOf(path, readFileSync(join(root, path), "utf8"));
  return imports.filter((name) => name.startsWith("src/"));
}

const TEXT = "She opened the [MASK] and went into the room.";
const bert = await loadBert(undefined, { backend: "plain", architecture: "BertForPreTraining" });
const { tokenizer } = bert;
const inference = await filesOf(() => {
  bert.forwardSync([tokenizer.encode(TEXT)]);
});

const kernels = createTrainingBackend("plain");
const weights = await openWeights(join(root, "weights"));
const config = { ...bert.config, hiddenDropoutProb: 0.1, attentionProbsDropoutProb: 0.1 };
const model = { config, params: await loadParams(withInitialHead(weights, config, 0), config, kernels), kernels };
await weights.close();
const gradients = createGradients(model);
const state = createTrainingState(model, gradients, 0);
const encoding = tokenizer.encode(TEXT);
const masked = Array.from(encoding.inputIds, (id) => (id === tokenizer.maskTokenId ? 1000 : -100));
const training = await filesOf(() => {
  trainStep(model, gradients, state, [{ input: [encoding], labels: { labels: [masked], nextSentenceLabel: [0] } }], {
    learningRate: 1e-4,
    totalSteps: 10,
  });
});

print("From a text to hidden states and logits (encode, forwardSync):", inference, []);
print(
  "One training step, beside these:",
  training.filter((file) => !inference.includes(file)),
  inference,
);
