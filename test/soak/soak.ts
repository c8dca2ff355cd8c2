/**
 * Masks, vectors and entities of ever new words, by single calls, arrays and streams at the same time: the memory that
 * is in use after garbage collection must not grow (`growing` says by what rule).
 *
 *     npm run test:soak                    ten minutes
 *     npm run test:soak -- --minutes 60
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openWeights } from "../../src/load/weightFiles.ts";
import { parseConfig } from "../../src/model/config.ts";
import { loadBert, loadTokenizer, pipeline } from "../../src/pipelines/index.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import { writeModel } from "../../src/training/startModel.ts";
import { seeded } from "../support/seeded.ts";
import { temporaryFolder } from "../support/tinyModel.ts";
import { trainedModel } from "../support/trainedModel.ts";
import { growing, memoryCurve } from "./memoryCurve.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error(`--minutes must be a number above 0, got ${values.minutes}`);

const SMALL = join(import.meta.dirname, "../../weights");

using folder = temporaryFolder();
await writeEntityModel(folder.path);
await using bert = await loadBert();
const unmask = await pipeline("fill-mask", bert);
const extract = await pipeline("feature-extraction", bert);
await using recognize = await pipeline("token-classification", folder.path);

const random = seeded(1);
const truncation = true;
const texts = (count: number) => Array.from({ length: count }, text);
const masked = () => `The [MASK] ${Array.from({ length: 1 + random(10) }, () => word(false)).join(" ")}`;

const samples = await memoryCurve(minutes, work, console.log);
const grown = growing(samples);
console.log(grown.length === 0 ? "The memory in use is flat." : `It grows: ${grown.join(", ")}.`);
process.exitCode = grown.length === 0 ? 0 : 1;

/** The small model with a head for entities that was never trained: what it says does not matter. */
async function writeEntityModel(path: string): Promise<void> {
  const labels = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"];
  const configText = JSON.stringify({
    ...JSON.parse(await readFile(join(SMALL, "config.json"), "utf8")),
    architectures: ["BertForTokenClassification"],
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  });
  const weights = await openWeights(join(SMALL, "model.safetensors"));
  try {
    const model = await trainedModel(weights, parseConfig(configText), plainTraining, 1);
    await writeModel(path, model, configText, await loadTokenizer());
  } finally {
    await weights.close();
  }
}

/** A word that was most likely never there before, in one text of 20 of any characters that Unicode has. */
function word(anyCharacter: boolean): string {
  return Array.from({ length: 1 + random(12) }, () => {
    if (!anyCharacter) return String.fromCharCode(97 + random(26));
    const character = String.fromCodePoint(random(0x110000));
    return character.isWellFormed() ? character : "x";
  }).join("");
}

function text(): string {
  const anyCharacter = random(20) === 0;
  return `${Array.from({ length: 1 + random(40) }, () => word(anyCharacter)).join(" ")} said`;
}

/** Calls of each kind at the same time. @returns how many texts were answered */
async function work(): Promise<number> {
  const single = Array.from({ length: 8 }, () => [
    unmask(masked()),
    extract(text(), { pooling: "mean", truncation }),
    recognize(text(), { aggregation_strategy: "simple", truncation }),
  ]).flat();
  const arrays = [
    unmask(Array.from({ length: 8 }, masked)),
    extract(texts(8), { pooling: "mean", truncation }),
    recognize(texts(8), { truncation }),
  ];
  const streams = [
    count(unmask(new Set(Array.from({ length: 8 }, masked)))),
    count(extract(new Set(texts(8)), { pooling: "mean", truncation })),
    count(recognize(new Set(texts(8)), { truncation })),
  ];
  await Promise.all([...single, ...arrays, ...streams]);
  return single.length + 24 + 24;
}

async function count(results: AsyncIterable<unknown>): Promise<number> {
  let n = 0;
  for await (const _ of results) n++;
  return n;
}
