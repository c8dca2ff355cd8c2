import { join } from "node:path";
import { BertError } from "../errors.ts";
import { type ModelFolder, openModelFolder, writeFileAtomically } from "../hub/files.ts";
import { overlap, writeFolder } from "../hub/folders.ts";
import { type SizedTensor, saveWeights } from "../hub/saveWeights.ts";
import { expectedTensors } from "../model/checkpoint.ts";
import { type Architecture, type BertConfig, parseConfig } from "../model/config.ts";
import { googleName, type NamedWeights, transpose, withOurNames } from "../model/names.ts";
import type { Weights } from "../tensor/safetensorsReader.ts";
import { sizeOf } from "../tensor/tensor.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizerFiles.ts";

/** The types of the format that weights are written in, by the names that `dtype` has in config.json. */
export const DTYPES = { float32: "F32", float16: "F16", bfloat16: "BF16" } as const;
export type FloatName = keyof typeof DTYPES;

export interface ConvertOptions {
  /** Left out: float16 and bfloat16 stay, everything else becomes float32. */
  readonly dtype?: FloatName;
  /** Bytes of tensors in one file; left out: one file. */
  readonly maxShardSize?: number;
  readonly names?: "huggingface" | "google";
  /** Replace the folder if it holds a model. */
  readonly force?: boolean;
  /** Told of the bytes that are written, and of all. */
  readonly onWrite?: (done: number, total: number) => void;
  /** Stops before the next tensor; nothing is left then. */
  readonly signal?: AbortSignal;
}

/** What a conversion did. */
export interface Conversion {
  /** In the folder. */
  readonly files: readonly string[];
  readonly tensors: number;
  readonly parameters: number;
  readonly dtypes: readonly FloatName[];
  /** Names in the old file that the new one does not have: no weights, or tied to others. */
  readonly leftOut: readonly string[];
}

const DECODER = "cls.predictions.decoder.weight";
const WORDS = "bert.embeddings.word_embeddings.weight";

/** The largest number that float16 rounds to a finite one is just below. */
const FLOAT16_LIMIT = 65_520;

/**
 * Writes a model's folder as Hugging Face's libraries save one, from any that `loadBert` reads: config.json, weights as safetensors
 * under Hugging Face's names (heads that config.json's architecture does not use included), the tokenizer's files as they are.
 * One tensor after the other is in memory. The folder is there completely or not at all (`writeFolder`).
 *
 * @throws BertError ERR_FILE `from` cannot be read, `to` cannot be written, is not empty or shares a folder with `from`;
 *   ERR_CHECKPOINT `from` is no BERT model, or a number is not finite, or would not be in float16
 */
export async function convertModel(from: string, to: string, options: ConvertOptions = {}): Promise<Conversion> {
  const folder = await openModelFolder(from);
  if (await overlap(from, to)) throw new BertError("ERR_FILE", `convert: ${to}: must be another folder than ${from}`);
  const text = (await folder.readText("config.json")) ?? (await folder.readText("bert_config.json"));
  if (text === null) throw new BertError("ERR_FILE", `convert: ${from} must have a config.json, has none`);
  const weights = await folder.openWeights();
  try {
    const named = withOurNames(weights);
    const config = withArchitecture(parseConfig(text), text, named);
    const names = [...expectedTensors(named, config).keys()];
    for (const name of named.tensors.keys()) if (!names.includes(name)) names.push(name);
    const kept = (await isTied(named, config)) ? names.filter((name) => name !== DECODER) : names;
    const tensors = kept.map((name) => converted(name, weights, named, options));
    const total = tensors.reduce((sum, [, tensor]) => sum + bytesOf(tensor), 0);
    let done = 0;
    const told = tensors.map(([name, tensor]): [string, SizedTensor] => {
      const data = async () => {
        options.signal?.throwIfAborted();
        options.onWrite?.(done, total);
        done += bytesOf(tensor);
        return tensor.data();
      };
      return [name, { ...tensor, data }];
    });
    const dtypes = new Set(tensors.map(([, { dtype }]) => nameOf(dtype)));

    const files: string[] = [];
    const fill = async (path: string) => {
      const write = async (name: string, content: string) => {
        await writeFileAtomically(join(path, name), [new TextEncoder().encode(content)]);
        files.push(name);
      };
      files.push(...(await saveWeights(path, told, options.maxShardSize)));
      await write("config.json", configText(text, config, [...dtypes]));
      await copyTokenizer(folder, write);
    };
    await writeFolder(to, fill, options.force);
    const used = new Set(kept.map((name) => named.fileNames.get(name)));
    return {
      files,
      tensors: tensors.length,
      parameters: tensors.reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0),
      dtypes: [...dtypes],
      leftOut: [...weights.tensors.keys()].filter((name) => !used.has(name)),
    };
  } finally {
    await weights.close();
  }
}

/** A tensor as it is to be written; its numbers are read when their turn comes. */
interface Converted {
  readonly dtype: "F32" | "F16" | "BF16";
  readonly shape: readonly number[];
  data(): Promise<Float32Array>;
}

function converted(
  name: string,
  weights: Weights,
  named: NamedWeights,
  { dtype, names }: ConvertOptions,
): [string, Converted] {
  const stored = weights.tensors.get(named.fileNames.get(name) as string)?.dtype;
  const target = dtype ? DTYPES[dtype] : stored === "F16" || stored === "BF16" ? stored : "F32";
  const { shape } = named.tensors.get(name) as { shape: readonly number[] };
  const google = googleName(name);
  const turned = names === "google" && google.transposed;
  const data = async (): Promise<Float32Array> => {
    const numbers = new Float32Array(sizeOf(shape));
    await named.readInto(name, numbers);
    expectWithin(name, numbers, target === "F16" ? FLOAT16_LIMIT : Number.POSITIVE_INFINITY);
    if (turned) transpose(numbers, shape[1], shape[0]);
    return numbers;
  };
  return [names === "google" ? google.name : name, { dtype: target, shape: turned ? shape.toReversed() : shape, data }];
}

/** @throws BertError ERR_CHECKPOINT */
function expectWithin(name: string, numbers: Float32Array, limit: number): void {
  const i = numbers.findIndex((x) => !(Math.abs(x) < limit));
  if (i < 0) return;
  const rule = limit === FLOAT16_LIMIT ? `numbers that float16 can hold, below ${limit}` : "finite numbers";
  throw new BertError("ERR_CHECKPOINT", `convert: ${name} must hold ${rule}; element ${i} is ${numbers[i]}`);
}

/** Whether the decoder is there and is the word embeddings: then it is written once, as Hugging Face's libraries do. */
async function isTied(named: NamedWeights, config: BertConfig): Promise<boolean> {
  const [decoder, words] = [named.tensors.get(DECODER), named.tensors.get(WORDS)];
  if (!decoder || !words || !config.tieWordEmbeddings || sizeOf(decoder.shape) !== sizeOf(words.shape)) return false;
  const [a, b] = [new Float32Array(sizeOf(decoder.shape)), new Float32Array(sizeOf(words.shape))];
  await Promise.all([named.readInto(DECODER, a), named.readInto(WORDS, b)]);
  return a.every((value, i) => value === b[i]);
}

/** Google's bert_config.json names no architecture: then it is the one that has the heads that are there. */
function withArchitecture(config: BertConfig, text: string, { tensors }: NamedWeights): BertConfig {
  if (JSON.parse(text).architectures != null) return config;
  const has = (name: string) => tensors.has(name);
  let architecture: Architecture = "BertModel";
  if (has("cls.predictions.bias")) {
    architecture = has("cls.seq_relationship.weight") ? "BertForPreTraining" : "BertForMaskedLM";
  } else if (has("cls.seq_relationship.weight")) architecture = "BertForNextSentencePrediction";
  else if (has("qa_outputs.weight")) architecture = "BertForQuestionAnswering";
  else if (has("classifier.weight")) architecture = "BertForSequenceClassification";
  return { ...config, architecture };
}

/** The old text's fields, with what Hugging Face's libraries need to know of the new weights. */
function configText(old: string, { architecture }: BertConfig, dtypes: readonly FloatName[]): string {
  const json = JSON.parse(old);
  const field = "torch_dtype" in json ? "torch_dtype" : "dtype"; // its name before transformers 5, and since
  const dtype = dtypes.length === 1 ? { [field]: dtypes[0] } : {};
  const config = { ...json, model_type: "bert", architectures: json.architectures ?? [architecture], ...dtype };
  return `${JSON.stringify(config, null, 2)}\n`;
}

async function copyTokenizer(
  folder: ModelFolder,
  write: (name: string, content: string) => Promise<void>,
): Promise<void> {
  for (const name of TOKENIZER_FILES) {
    const text = await folder.readText(name);
    if (text !== null) await write(name, text);
  }
}

function bytesOf({ dtype, shape }: Converted): number {
  return sizeOf(shape) * (dtype === "F32" ? 4 : 2);
}

function nameOf(dtype: Converted["dtype"]): FloatName {
  return (Object.keys(DTYPES) as FloatName[]).find((name) => DTYPES[name] === dtype) as FloatName;
}
