import { tiedPair } from "../checkpoint/families.ts";
import { withOurNames } from "../checkpoint/names.ts";
import type { WeightSource } from "../checkpoint/weightSource.ts";
import { BertError, listed } from "../errors.ts";
import { openModelFiles, readModelTexts } from "../load/readModel.ts";
import { openWeights } from "../load/weightFiles.ts";
import { shortest } from "../tensor/shortest.ts";
import { formatShape } from "../tensor/tensor.ts";
import { compareTensors, type TensorComparison, type TensorDifference } from "../testing/index.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { isTied } from "./convertModel.ts";
import { interruptible } from "./interrupt.ts";
import { downloading, HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { decimal, flag, libraryValues, type ValuesOf } from "./option.ts";
import { jsonLine, print, shown } from "./output.ts";
import { isWeightsFile } from "./weightsFile.ts";

/** The library's. */
const OPTIONS = {
  tolerance: decimal("The largest difference of two numbers that are taken for equal. Default 0: every bit counts."),
};

const TABLE = {
  ...OPTIONS,
  json: flag(
    'Print a line of JSON: { "equal", "compared", "differences": [{ "name", "shapes", "numbers": { "count", "of", "largest", "at", "values", "rms", "ulp" } }, …], "onlyInA", "onlyInB" }. NaN and infinity are null, −0 is -0.0.',
  ),
  ...HUB_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… A B"],
  description: `Compares two files of plainbert activations, or the weights of two models: names, shapes, numbers. It tells the first tensor that differs, in the order of the forward pass, its largest difference and where that is, the root of the mean square, and the distance in ulp, the float32 numbers from one to the other. The exit status is 0 if all are equal, 1 if not.

A and B are files of safetensors or PyTorch; or models, each ${MODEL_NAME}. Two models are compared under Hugging Face's names, whichever names their files have, and their matrices of int8 as the numbers they stand for. Numbers are compared as float32.`,
  options: TABLE,
  positional: "file",
  libraryNames: { "a or b": "A or B" },
  examples: [
    'plainbert activations "It is open." --output a.safetensors && plainbert activations "It is open." --backend simd --output b.safetensors && plainbert compare --tolerance 1e-4 a.safetensors b.safetensors',
    "plainbert convert downloaded renamed --names google && plainbert compare downloaded renamed",
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 2, 2, "two files or two models");
    const [a, b] = positionals;
    const comparison = await compareOpened(a, b, values);
    await print(values.json ? asJson(comparison) : report(comparison, values.tolerance));
    if (!comparison.equal) throw new BertError("ERR_CHECKPOINT", `compare: ${a} and ${b} differ`);
  },
});

async function compareOpened(a: string, b: string, values: ValuesOf<typeof TABLE>): Promise<TensorComparison> {
  const openedA = await open(a, values);
  try {
    const openedB = await open(b, values);
    try {
      const options = libraryValues(OPTIONS, values);
      return await interruptible((signal) => compareTensors(openedA.source, openedB.source, { ...options, signal }));
    } finally {
      await openedB.close();
    }
  } finally {
    await openedA.close();
  }
}

interface Opened {
  readonly source: WeightSource;
  close(): Promise<void>;
}

async function open(name: string, values: ValuesOf<typeof HUB_OPTIONS>): Promise<Opened> {
  if (await isWeightsFile(name)) {
    const weights = await openWeights(name);
    return { source: weights, close: () => weights.close() };
  }
  const { folder, release } = await downloading(values, (hub) => openModelFiles(name, hub, true));
  try {
    const { config } = await readModelTexts(folder, "compare");
    const weights = await folder.openWeights();
    const close = () => weights.close().finally(release);
    const named = withOurNames(weights, config);
    if (!(await isTied("compare", named, config))) return { source: named, close };
    const tensors = new Map(named.tensors);
    tensors.delete(tiedPair(config.modelType).decoder); // the word embeddings, which some files have once, some twice
    return { source: { ...named, tensors }, close };
  } catch (error) {
    await release();
    throw error;
  }
}

/** −0 is -0.0, a number of JSON that JavaScript and Python read as it is; `JSON.stringify` would write 0. */
function asJson(comparison: TensorComparison): string {
  const line = jsonLine({
    ...comparison,
    differences: comparison.differences.map(({ numbers, ...difference }) => ({
      ...difference,
      numbers: numbers && { ...numbers, values: numbers.values.map((x) => (Object.is(x, -0) ? "-0" : x)) },
    })),
  });
  // In a name the quotes would have a backslash.
  return line.replace(/"values":\[[^\]]*\]/g, (values) => values.replaceAll('"-0"', "-0.0"));
}

function report(comparison: TensorComparison, tolerance: number = 0): string {
  const { equal, compared, differences, onlyInA, onlyInB } = comparison;
  const within = tolerance === 0 ? "" : ` within ${tolerance}`;
  const tensors = (n: number) => `${n} tensor${n === 1 ? "" : "s"}`;
  if (equal) return `${tensors(compared)}, equal${within}\n`;
  const lines: string[] = [];
  if (differences.length > 0) {
    lines.push(
      `${differences.length} of ${compared} tensors differ${tolerance === 0 ? "" : ` by more than ${tolerance}`}`,
    );
    lines.push(...firstLines(differences[0]));
  } else lines.push(compared === 0 ? "no tensor is in both" : `${tensors(compared)} in both, equal${within}`);
  for (const [side, names] of [["A", onlyInA] as const, ["B", onlyInB] as const]) {
    if (names.length === 0) continue;
    lines.push(
      `${tensors(names.length)} ${names.length === 1 ? "is" : "are"} in ${side} alone: ${shown(listed(names))}`,
    );
  }
  lines.push(...prefixLines(onlyInA, onlyInB));
  return `${lines.join("\n")}\n`;
}

/** What the names of one side may lack: `encoder.layer.0` there is `bert.encoder.layer.0` here. */
function prefixLines(onlyInA: readonly string[], onlyInB: readonly string[]): string[] {
  const [a, b] = [new Set(onlyInA), new Set(onlyInB)];
  const family = [...onlyInA, ...onlyInB].some((name) => name.startsWith("distilbert.")) ? "distilbert" : "bert";
  const line = (name: string, [long, short]: readonly [string, string]) =>
    `  ${shown(name)} of ${short} may be ${family}.${shown(name)} of ${long}: tensors are compared under equal names`;
  const ofB = onlyInB.find((name) => a.has(`${family}.${name}`));
  if (ofB !== undefined) return [line(ofB, ["A", "B"])];
  const ofA = onlyInA.find((name) => b.has(`${family}.${name}`));
  return ofA === undefined ? [] : [line(ofA, ["B", "A"])];
}

function firstLines({ name, shapes, numbers }: TensorDifference): string[] {
  const [a, b] = shapes.map(formatShape);
  if (numbers === null) return [`first: ${shown(name)}`, `  shape    ${a} and ${b}${axesHint(shapes)}`];
  const { count, of, largest, at, values, rms, ulp } = numbers;
  const grouped = (n: number) => n.toLocaleString("en-US");
  const [x, y] = values.map((value) => (Object.is(value, -0) ? "-0" : String(shortest(value))));
  const signs = largest === 0 ? ", which differ in the sign of 0 alone" : "";
  return [
    `first: ${shown(name)} ${a}`,
    `  numbers  ${grouped(count)} of ${grouped(of)}`,
    `  largest  ${largest.toExponential(2)} at ${formatShape(at)}: ${x} and ${y}${signs}`,
    `  rms      ${rms.toExponential(2)}`,
    `  ulp      ${grouped(ulp)}`,
  ];
}

/** What to do about shapes that differ in axes of length 1 alone, as [9] and [1,9] do. */
function axesHint(shapes: TensorDifference["shapes"]): string {
  const [a, b] = shapes.map((shape) => formatShape(shape.filter((n) => n !== 1)));
  return a === b ? ": they differ in axes of length 1; the first axis of plainbert's steps is the batch, 1" : "";
}
