import { architectureWithHeads, googleName, tiedPair } from "../checkpoint/families.ts";
import { expectedTensors } from "../checkpoint/loadParams.ts";
import { type NamedWeights, transpose, withOurNames } from "../checkpoint/names.ts";
import { readMatrix } from "../checkpoint/readMatrix.ts";
import { int8Tensors, SCALE } from "../checkpoint/rowScales.ts";
import { float32Room, nameOf } from "../checkpoint/weightSource.ts";
import { overlap } from "../disk/folders.ts";
import { BertError } from "../errors.ts";
import { configToSave, withModelInputs } from "../load/configToSave.ts";
import type { ModelFolder } from "../load/modelFolder.ts";
import { readModelTexts, transformerIn, withWeights } from "../load/readModel.ts";
import { type SaveOptions, writeModelFolder } from "../load/saveModel.ts";
import { readSentenceFolder } from "../load/sentenceModules.ts";
import { sentenceFilesToSave } from "../load/sentenceToSave.ts";
import { openModelFolder } from "../load/weightFiles.ts";
import type { BertConfig } from "../model/config.ts";
import { byteLengthOf } from "../safetensors/dtype.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { plain } from "../tensor/kernels/index.ts";
import { FILE_DTYPES, STORAGE_TYPES } from "../tensor/storage.ts";
import { type Int8Weight, type StorageType, sizeOf } from "../tensor/tensor.ts";

export interface ConvertOptions extends SaveOptions {
  /** Left out: float16 and bfloat16 stay, everything else becomes float32. int8: matrices; vectors are float32 then. */
  readonly dtype?: StorageType;
  /** Google's has no int8. */
  readonly names?: "huggingface" | "google";
  /** Called before each tensor with the bytes that are written, and with all that will be. */
  readonly onWrite?: (done: number, total: number) => void;
  /** Stops the conversion before the next tensor; no file of it is left then. */
  readonly signal?: AbortSignal;
}

/** What a conversion did. */
export interface Conversion {
  /** The names of the files in the folder. */
  readonly files: readonly string[];
  readonly tensors: number;
  readonly parameters: number;
  readonly dtypes: readonly StorageType[];
  /** Names in the old file that the new one does not have: no weights, or tied to others. */
  readonly leftOut: readonly string[];
}

/** The largest number that float16 rounds to a finite one is just below. */
const FLOAT16_LIMIT = 65_520;

/**
 * Writes a model's folder as Hugging Face's libraries save one, from any that `loadBert` reads: config.json, weights as
 * safetensors under Hugging Face's names (heads that config.json's architecture does not use included), the tokenizer's
 * files and those of sentence-transformers as they are, with two exceptions: tokenizer_config.json says where a model
 * takes no token types (`withModelInputs`), and a transformer in a folder of its own moves to the new folder itself
 * (`sentenceFilesToSave`). One tensor after the other is in memory. The folder is there completely or not at all
 * (`writeFolder`).
 *
 * @throws BertError ERR_FILE `from` cannot be read, `to` cannot be written, is not empty or shares a folder with
 *   `from`; ERR_CHECKPOINT `from` is no BERT model, or a number is not finite, or would not be in float16;
 *   ERR_INPUT Google's names for a model of another family
 */
export async function convertModel(
  from: string | ModelFolder,
  to: string,
  options: ConvertOptions = {},
): Promise<Conversion> {
  const root = typeof from === "string" ? await openModelFolder(from) : from;
  const folder = await transformerIn(root);
  if (await overlap(root.path, to)) {
    throw new BertError("ERR_FILE", `convert: ${to}: must be another folder than ${root.path}`);
  }
  const texts = await readModelTexts(folder, "convert");
  const { modelType } = texts.config;
  if (options.names === "google" && modelType !== "bert") {
    throw new BertError("ERR_INPUT", `convert: names must be huggingface for a ${modelType}: Google's code has none`);
  }
  const sentence = sentenceFilesToSave(await readSentenceFolder(root), "convert");
  return withWeights(folder, async (weights) => {
    const named = withOurNames(weights, texts.config);
    const { architectures = null } = JSON.parse(texts.configText); // has been read by type
    const config =
      architectures === null
        ? { ...texts.config, architecture: architectureWithHeads(named.tensors.keys(), modelType) }
        : texts.config;
    const names = [...expectedTensors(named, config).keys()];
    for (const name of named.tensors.keys()) if (!names.includes(name)) names.push(name);
    const { decoder } = tiedPair(modelType);
    const kept = (await isTied("convert", named, config)) ? names.filter((name) => name !== decoder) : names;
    const tensors = kept.flatMap((name) => converted(name, weights, named, options));
    const dtypes = [...new Set(tensors.map(([, { dtype }]) => storageType(dtype)))];
    const dtype = options.dtype ?? (dtypes.length === 1 ? dtypes[0] : undefined);
    const files = await writeModelFolder(
      to,
      {
        tensors: reported(tensors, options),
        configText: configToSave(texts.configText, { architectures: architectures ?? [config.architecture], dtype }),
        tokenizerFiles: withModelInputs(texts.tokenizerFiles, texts.config),
        sentence,
      },
      options,
    );
    const used = new Set(kept.flatMap((name) => [name, `${name}${SCALE}`]).map((name) => named.fileNames.get(name)));
    return {
      files,
      tensors: tensors.length,
      parameters: kept.reduce((sum, name) => sum + sizeOf(shapeOf(named, name)), 0),
      dtypes,
      leftOut: [...weights.tensors.keys()].filter((name) => !used.has(name)),
    };
  });
}

/** A tensor as it is to be written; its numbers are read when their turn comes. */
interface Converted {
  readonly dtype: FileDtype;
  readonly shape: readonly number[];
  readonly data: () => Promise<Float32Array | Int8Array>;
}

type FileDtype = (typeof FILE_DTYPES)[StorageType];

/** One tensor of a model, or the two that an int8 matrix is, under the names that they get. */
function converted(
  name: string,
  weights: Weights,
  named: NamedWeights,
  { dtype, names }: ConvertOptions,
): [string, Converted][] {
  const shape = shapeOf(named, name);
  if (dtype === "int8" && shape.length === 2) {
    // Scales come before matrices in a file, so that a matrix is read twice rather than all of them held.
    const read = async () => (await readMatrix(named, name, dtype, plain)) as Int8Weight;
    return int8Tensors<Converted["data"]>(
      name,
      shape,
      async () => (await read()).data,
      async () => (await named.scalesOf(name)) ?? (await read()).scale,
    );
  }
  const stored = weights.tensors.get(named.fileNames.get(name) as string)?.dtype;
  const half = dtype === undefined && (stored === "F16" || stored === "BF16");
  const target = half ? stored : FILE_DTYPES[dtype === undefined || dtype === "int8" ? "float32" : dtype];
  const google = googleName(name);
  const turned = names === "google" && google.transposed;
  const data = async (): Promise<Float32Array> => {
    const numbers = float32Room("convert", name, shape);
    await named.readInto(name, numbers);
    expectWithin(named, name, numbers, target === "F16" ? FLOAT16_LIMIT : Number.POSITIVE_INFINITY);
    if (turned) transpose(numbers, shape[1], shape[0]);
    return numbers;
  };
  const tensor = { dtype: target, shape: turned ? shape.toReversed() : shape, data };
  return [[names === "google" ? google.name : name, tensor]];
}

/** The same tensors, which before each is read call `onWrite` and throw the reason of an aborted signal. */
function reported(
  tensors: readonly [string, Converted][],
  { onWrite, signal }: ConvertOptions,
): (readonly [string, Converted])[] {
  const bytesOf = ({ dtype, shape }: Converted) => Number(byteLengthOf(dtype, shape));
  const total = tensors.reduce((sum, [, tensor]) => sum + bytesOf(tensor), 0);
  let done = 0;
  return tensors.map(([name, tensor]) => {
    const data = () => {
      signal?.throwIfAborted();
      onWrite?.(done, total);
      done += bytesOf(tensor);
      return tensor.data();
    };
    return [name, { ...tensor, data }];
  });
}

/** @throws BertError ERR_CHECKPOINT */
function expectWithin(source: NamedWeights, name: string, numbers: Float32Array, limit: number): void {
  const i = numbers.findIndex((x) => !(Math.abs(x) < limit));
  if (i < 0) return;
  const rule = limit === FLOAT16_LIMIT ? `numbers that float16 can hold, below ${limit}` : "finite numbers";
  const what = `${name} must hold ${rule}; element ${i} is ${numbers[i]}`;
  throw new BertError("ERR_CHECKPOINT", `convert: ${nameOf(source)}${what}`);
}

/**
 * Whether the decoder is there and is the word embeddings: then it is written once, as Hugging Face's libraries do.
 *
 * @param where the command that errors name
 */
export async function isTied(where: string, named: NamedWeights, config: BertConfig): Promise<boolean> {
  const names = tiedPair(config.modelType);
  const [decoder, words] = [named.tensors.get(names.decoder), named.tensors.get(names.words)];
  if (!decoder || !words || !config.tieWordEmbeddings || sizeOf(decoder.shape) !== sizeOf(words.shape)) return false;
  const [a, b] = [float32Room(where, names.decoder, decoder.shape), float32Room(where, names.words, words.shape)];
  await Promise.all([named.readInto(names.decoder, a), named.readInto(names.words, b)]);
  return a.every((value, i) => value === b[i]);
}

function shapeOf({ tensors }: NamedWeights, name: string): readonly number[] {
  return (tensors.get(name) as { readonly shape: readonly number[] }).shape;
}

function storageType(dtype: FileDtype): StorageType {
  return STORAGE_TYPES.find((name) => FILE_DTYPES[name] === dtype) as StorageType;
}
