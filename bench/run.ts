/**
 * All cases with one thread count, in one process: onnxruntime-web and tfjs take theirs once for a process.
 * Started by bench.ts: node bench/run.ts <result file> <settings as JSON>
 */
import { writeFile } from "node:fs/promises";
import { expectEqualOutputs, MAX_NARROW_RMS } from "./harness/agreement.ts";
import {
  type EncoderCase,
  encoderCases,
  encoderFlops,
  FILL_MASK_TEXT,
  firstSentences,
  storageCases,
} from "./harness/cases.ts";
import { firstAnswerCases, packageCases, smallModelCase } from "./harness/childCases.ts";
import { interleave, type Side } from "./harness/interleave.ts";
import { measurePeak } from "./harness/peak.ts";
import { type BenchCase, OURS, type Run } from "./harness/results.ts";
import { type Settings, wanted } from "./harness/settings.ts";
import { summarize } from "./harness/statistics.ts";
import { TRAINING_IDS, trainingCases } from "./harness/trainingCases.ts";
import type { Engine } from "./sides/engine.ts";
import { onnxruntimeInt8, onnxruntimeNode, onnxruntimeWeb } from "./sides/onnxruntime.ts";
import { loadPlainbert, plainbert, plainbertByStorage, plainbertMatmul } from "./sides/plainbert.ts";
import { openPytorch } from "./sides/pytorch.ts";
import { tensorflow } from "./sides/tensorflow.ts";
import { plainbertText, transformersText } from "./sides/text.ts";
import { plainbertTrainer } from "./sides/training.ts";

const [resultFile, settingsText] = process.argv.slice(2);
const settings: Settings = JSON.parse(settingsText);
const { backend } = settings;
const [threads] = settings.threads;
const cases: BenchCase[] = [];

/** So that a library that needs a minute for one batch does not keep the others waiting. */
const SIDE_MS = 20_000;

async function measure(
  described: Omit<BenchCase, "sides">,
  sides: readonly Side[],
  rounds = settings.rounds,
  turnMs = 0,
) {
  process.stderr.write(`${described.id} `);
  const samples = await interleave(sides, { rounds, turnMs, sideMs: SIDE_MS });
  cases.push({ ...described, sides: sides.map(({ name }) => ({ name, ...summarize(samples.get(name)!) })) });
}

/** Every way to use an engine: sequences of different lengths as one batch, or one after the other. */
function encoderSides(engine: Engine, { sequences }: EncoderCase): Side[] {
  const together = async () => void (await engine.encode(sequences));
  const oneByOne = async () => {
    for (const sequence of sequences) await engine.encode([sequence]);
  };
  if (new Set(sequences.map(({ length }) => length)).size === 1)
    return [{ name: engine.name, run: noFigure(together) }];
  if (engine.name === "plainbert") return [{ name: engine.name, run: noFigure(together) }]; // never pads
  return [
    { name: `${engine.name}, padded`, run: noFigure(together) },
    { name: `${engine.name}, one by one`, run: noFigure(oneByOne) },
  ];
}

function noFigure(work: () => Promise<unknown>): () => Promise<undefined> {
  return async () => void (await work());
}

const peak = measurePeak();
const { tokenizer, config, description } = await loadPlainbert(backend, threads);
const asked = encoderCases(tokenizer).filter(
  ({ id, sequences }) => wanted(settings, id) && encoderFlops(lengths(sequences), config) <= settings.maxGflop * 1e9,
);

if (wanted(settings, "matmul") && threads === 1) {
  const { flops, run } = plainbertMatmul();
  const title = "a kernel alone: 128 × 768 times 768 × 3072";
  const sides = [{ name: OURS, run: async () => run() as undefined }];
  await measure({ id: "matmul", title, unit: "ms", flops }, sides, settings.rounds, settings.turnMs);
}

if (asked.length > 0) {
  const engines = [
    await plainbert(backend, threads),
    await onnxruntimeNode("plain", threads),
    await onnxruntimeNode("fused", threads),
    await onnxruntimeWeb("plain", threads),
    await onnxruntimeWeb("fused", threads),
    await tensorflow(threads),
  ];
  await expectEqualOutputs(engines, tokenizer);
  for (const one of asked) {
    const { id, title } = one;
    const flops = encoderFlops(lengths(one.sequences), config);
    const sides = engines.flatMap((engine) => encoderSides(engine, one));
    await measure({ id, title, unit: "ms", flops }, sides, settings.rounds, settings.turnMs);
  }
  for (const engine of engines) await engine.dispose();
}

const byStorage = storageCases(tokenizer).filter(
  ({ id, sequences }) => wanted(settings, id) && encoderFlops(lengths(sequences), config) <= settings.maxGflop * 1e9,
);
if (byStorage.length > 0) {
  const engines = [
    ...(await plainbertByStorage(backend, threads)),
    await onnxruntimeNode("plain", threads),
    await onnxruntimeInt8(config, threads),
  ];
  await expectEqualOutputs(engines, tokenizer, MAX_NARROW_RMS);
  for (const { id, title, sequences } of byStorage) {
    const flops = encoderFlops(lengths(sequences), config);
    const sides = engines.map(({ name, encode }) => ({ name, run: noFigure(() => encode(sequences)) }));
    await measure({ id, title, unit: "ms", flops }, sides, settings.rounds, settings.turnMs);
  }
  for (const engine of engines) await engine.dispose();
}

if (TRAINING_IDS.some((id) => wanted(settings, id))) {
  const ours = await plainbertTrainer(backend, threads);
  const pytorch = await openPytorch(threads);
  for (const { sides, ...described } of trainingCases(ours, pytorch, threads)) {
    if (!wanted(settings, described.id) || (described.flops ?? 0) > settings.maxGflop * 1e9) continue;
    await measure(described, sides, settings.rounds, settings.turnMs);
  }
  await ours.dispose();
  pytorch?.dispose();
}

if (wanted(settings, "fill-mask") || wanted(settings, "encode-sentences")) {
  const engines = [
    await plainbertText(backend, threads),
    await transformersText("plain", threads),
    await transformersText("fused", threads),
  ];
  if (wanted(settings, "fill-mask")) {
    const sides = engines.map(({ name, fillMask }) => ({ name, run: noFigure(() => fillMask(FILL_MASK_TEXT)) }));
    const described = { id: "fill-mask", title: "fill-mask end to end, 12 tokens", unit: "ms" } as const;
    await measure(described, sides, settings.rounds, settings.turnMs);
  }
  if (wanted(settings, "encode-sentences")) {
    const texts = firstSentences(settings.sentences);
    const flops = encoderFlops(lengths(tokenizer.encodeBatch(texts).map(({ inputIds }) => inputIds)), config);
    const title = `${texts.length} sentences to vectors, end to end`;
    // Batches of 32, the number that Python's libraries take; transformers.js has no batches of its own.
    const sides = engines.map(({ name, embed }) => ({ name, run: noFigure(() => inBatches(texts, 32, embed)) }));
    await measure({ id: "encode-sentences", title, unit: "ms", flops }, sides);
  }
  for (const engine of engines) await engine.dispose();
}

const inputIds = [...tokenizer.encode(FILL_MASK_TEXT).inputIds];
const childCases = [
  ...firstAnswerCases(backend, threads, inputIds),
  smallModelCase(backend, threads),
  ...packageCases(),
];
for (const { sides, constant, ...described } of childCases) {
  if (wanted(settings, described.id)) await measure(described, sides, constant ? 1 : settings.rounds);
}
process.stderr.write("\n");
const run: Run = { threads, peak, backend: description, cases };
await writeFile(resultFile, JSON.stringify(run));
process.exit(); // onnxruntime-web's threads would keep the process

function lengths(sequences: readonly ArrayLike<number>[]): number[] {
  return sequences.map(({ length }) => length);
}

async function inBatches(
  texts: readonly string[],
  size: number,
  embed: (texts: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let i = 0; i < texts.length; i += size) await embed(texts.slice(i, i + size));
}
