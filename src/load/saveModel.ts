import { dirname, join } from "node:path";
import { syncFolder } from "../disk/files.ts";
import { writeFolder } from "../disk/folders.ts";
import { makeFolder } from "../disk/makeFolder.ts";
import { withOutput } from "../disk/outputLock.ts";
import { writeTexts } from "../disk/runFolder.ts";
import { byteLengthOf, type Dtype } from "../safetensors/dtype.ts";
import type { TensorToSave } from "../safetensors/safetensorsWriter.ts";
import type { TokenizerFiles } from "../tokenizer/index.ts";
import type { SentenceFilesToSave } from "./sentenceToSave.ts";
import { saveSafetensors } from "./weightFiles.ts";

/** A tensor of known dtype: what a file of it takes is known before it is written. */
export type SizedTensor = TensorToSave & { readonly dtype: Dtype };

/** How a model's folder is written. */
export interface SaveOptions {
  /** Bytes of tensors in one file; left out: one file. */
  readonly maxShardSize?: number | undefined;
  /** Replace the folder if it holds a model. */
  readonly force?: boolean | undefined;
}

/** What a model's folder is made of. */
export interface ModelContents {
  readonly tensors: Iterable<readonly [string, SizedTensor]>;
  readonly configText: string;
  /** None for a model without a tokenizer. */
  readonly tokenizerFiles: TokenizerFiles;
  /** Left out: the model is not one of sentence-transformers. */
  readonly sentence?: SentenceFilesToSave;
}

/**
 * Writes a model's folder as `writeModelFolder`, while no other process does (`withOutput`).
 *
 * @throws BertError as these two
 */
export async function saveModel(path: string, contents: ModelContents): Promise<void> {
  await withOutput(path, { parents: true }, () => writeModelFolder(path, contents));
}

/**
 * Writes a model's folder, completely or not at all (`writeFolder`), one tensor after the other.
 *
 * @returns the names of the files
 * @throws BertError ERR_FILE as `writeFolder`; ERR_INPUT as `saveSafetensors`
 */
export async function writeModelFolder(
  path: string,
  contents: ModelContents,
  { maxShardSize, force }: SaveOptions = {},
): Promise<string[]> {
  const files: string[] = [];
  const fill = async (folder: string) => {
    files.push(...(await writeModelFiles(folder, contents, maxShardSize)));
  };
  await writeFolder(path, fill, force);
  return files;
}

/**
 * Writes a model into a folder: its weights (`saveWeights`), its tokenizer's files, those of sentence-transformers, and
 * config.json at last, without which no library takes the folder for a model. Each file is written atomically.
 *
 * @returns the names of the files
 * @throws BertError ERR_INPUT, ERR_FILE as `saveSafetensors`
 */
export async function writeModelFiles(
  folder: string,
  { tensors, configText, tokenizerFiles, sentence }: ModelContents,
  maxShardSize?: number,
): Promise<string[]> {
  const names = await saveWeights(folder, tensors, maxShardSize);
  const ofSentence = sentence ? await writeSentenceFiles(folder, sentence) : [];
  await writeTexts(folder, { ...tokenizerFiles, "config.json": configText });
  return [...names, "config.json", ...Object.keys(tokenizerFiles), ...ofSentence];
}

/** Writes the files of sentence-transformers, modules.json after those that it lists. */
async function writeSentenceFiles(folder: string, { texts, weights }: SentenceFilesToSave): Promise<string[]> {
  const files = Object.keys(weights).map((module) => `${module}/model.safetensors`);
  const folders = [...files, ...Object.keys(texts)].map((name) => dirname(name)).filter((name) => name !== ".");
  for (const name of new Set(folders)) {
    const path = join(folder, name);
    await makeFolder("saveModel", path); // a run that goes on finds its own
    if (weights[name]) await saveWeights(path, weights[name]);
  }
  await writeTexts(folder, texts);
  for (const name of new Set(folders)) await syncFolder(join(folder, name));
  return [...files, ...Object.keys(texts)].sort();
}

/**
 * Writes a model's weights into its folder: `model.safetensors`, or several files of at most `maxShardSize` bytes of
 * tensors and `model.safetensors.index.json`, split as Hugging Face's libraries do: in order, a file taking tensors
 * until the next does not fit; a larger tensor has a file of its own. Each file is written atomically, the index last.
 *
 * @returns the names of the files
 * @throws BertError ERR_INPUT, ERR_FILE as `saveSafetensors`
 */
export async function saveWeights(
  folder: string,
  tensors: Iterable<readonly [string, SizedTensor]>,
  maxShardSize: number = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const shards = split([...tensors], maxShardSize);
  const metadata: [string, string][] = [["format", "pt"]]; // without it older versions of transformers refuse the file
  if (shards.length === 1) {
    await saveSafetensors(join(folder, "model.safetensors"), shards[0], metadata);
    return ["model.safetensors"];
  }
  const number = (n: number) => String(n).padStart(5, "0");
  const names = shards.map((_, i) => `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`);
  for (const [i, shard] of shards.entries()) await saveSafetensors(join(folder, names[i]), shard, metadata);
  const weightMap = Object.fromEntries(shards.flatMap((shard, i) => shard.map(([name]) => [name, names[i]])));
  const index = { metadata: { total_size: sum(shards.flat().map(sizeOf)) }, weight_map: weightMap };
  const indexName = "model.safetensors.index.json";
  await writeTexts(folder, { [indexName]: `${JSON.stringify(index, null, 2)}\n` });
  return [...names, indexName];
}

type Named = readonly [string, SizedTensor];

function split(tensors: readonly Named[], limit: number): Named[][] {
  const shards: Named[][] = [[]];
  let used = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor);
    const shard = shards[shards.length - 1];
    if (shard.length > 0 && used + size > limit) {
      shards.push([tensor]);
      used = size;
    } else {
      shard.push(tensor);
      used += size;
    }
  }
  return shards;
}

function sizeOf([, { dtype, shape }]: Named): number {
  return Number(byteLengthOf(dtype, shape)); // NaN where saveSafetensors is about to say why there is none
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
