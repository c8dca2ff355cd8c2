import { BertError } from "../errors.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { MODULES_FILE, transformerPath } from "../hub/sentenceFiles.ts";
import { loaded } from "../loaded.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { BertTokenizer, type TokenizerFiles } from "../tokenizer/index.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizerFiles.ts";
import type { BlobFolder } from "./blobFolder.ts";
import { bundledModel, CONFIG_FILES } from "./bundledFiles.ts";
import { ADAPTER, IS_ADAPTER, type ModelFolder, type NamedFiles, type OpenedModel } from "./modelFolder.ts";

/**
 * Opens the files of a model that `loadBert` needs, or those that `loadTokenizer` does.
 *
 * @param path    as in `loadBert`, or the folder of files that were given, or a model that comes with the package
 * @param weights whether the weights are needed: without them the tokenizer's files and config.json are downloaded
 *   alone
 * @param hashed  whether all that the cache has is checked against the hub's hashes first
 * @throws BertError as `loadBert`, before it reads the files
 */
export async function openModelFiles(
  path: string | BlobFolder | NamedFiles | undefined,
  options: HubOptions,
  weights: boolean,
  hashed: boolean = false,
): Promise<OpenedTransformer> {
  // Only here: a browser, which has no node: modules, can import the rest.
  const { openModel } = await loaded(() => import("./openModel.ts"));
  const { folder: root, release } = await openModel(
    path ?? bundledModel("pretrained", options.assets),
    { config: CONFIG_FILES, optional: TOKENIZER_FILES, weights, hashed },
    options,
  );
  try {
    return { folder: await transformerIn(root), root, release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** A model's folder, of which the transformer may be in a folder of its own. */
export interface OpenedTransformer extends OpenedModel {
  /** The folder that holds `folder`, or is the same: the one with modules.json, if there is one. */
  readonly root: ModelFolder;
}

/** The folder that config.json and the weights are in, as modules.json of sentence-transformers says. */
export async function transformerIn(root: ModelFolder): Promise<ModelFolder> {
  const listing = await root.readText(MODULES_FILE);
  return inFolder(root, () => root.inside(transformerPath(listing)));
}

/** Opens the files of a model as `openModelFiles` while `use` runs, and releases them afterwards. */
export async function withModelFiles<T>(
  path: string | BlobFolder | NamedFiles | undefined,
  options: HubOptions,
  weights: boolean,
  use: (folder: ModelFolder, root: ModelFolder) => Promise<T>,
): Promise<T> {
  const { folder, root, release } = await openModelFiles(path, options, weights);
  try {
    return await use(folder, root);
  } finally {
    await release();
  }
}

/** What a model's folder says in texts: everything but its weights. */
export interface ModelTexts {
  /** The folder's. */
  readonly path: string;
  /** config.json, or Google's bert_config.json, as it was read. */
  readonly configText: string;
  readonly config: BertConfig;
  /** The tokenizer's files that are there. */
  readonly tokenizerFiles: TokenizerFiles;
}

/**
 * Reads config.json, or Google's bert_config.json, and the tokenizer's files.
 *
 * @param where the function that errors name
 * @throws BertError ERR_FILE there is no config.json, or a file cannot be read; ERR_CHECKPOINT config.json is not a
 *   BERT model's
 */
export async function readModelTexts(folder: ModelFolder, where: string): Promise<ModelTexts> {
  const [hugging, google] = CONFIG_FILES;
  const configText = (await folder.readText(hugging)) ?? (await folder.readText(google));
  if (configText === null) {
    const isAdapter = (await folder.readText(ADAPTER)) !== null;
    const what = isAdapter ? `: ${IS_ADAPTER}` : " must have a config.json, has none";
    throw new BertError("ERR_FILE", `${where}: ${folder.path}${what}`);
  }
  const config = inFolder(folder, () => parseConfig(configText));
  return { path: folder.path, configText, config, tokenizerFiles: await readTokenizerFiles(folder) };
}

/** What `read` makes of a folder's files; an error names the folder before the file. */
function inFolder<Value>({ path }: Pick<ModelFolder, "path">, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    throw new BertError(error.code, `${path}: ${error.message}`, { cause: error.cause });
  }
}

/** Reads those of the tokenizer's files that are in a model's folder. */
async function readTokenizerFiles(folder: ModelFolder): Promise<TokenizerFiles> {
  const texts = await Promise.all(TOKENIZER_FILES.map(async (name) => [name, await folder.readText(name)] as const));
  return Object.fromEntries(texts.filter(([, text]) => text !== null));
}

/**
 * Makes a model's tokenizer; null if its folder has neither vocab.txt nor tokenizer.json.
 *
 * @param where the function that errors name
 * @throws BertError ERR_VOCABULARY the files are invalid, or have another number of tokens than the model
 */
export function modelTokenizer(texts: ModelTexts, where: string): BertTokenizer | null {
  const { path, config, configText, tokenizerFiles } = texts;
  if (!hasVocabulary(tokenizerFiles)) return null;
  const files = { ...tokenizerFiles, "config.json": configText };
  const tokenizer = inFolder(texts, () => BertTokenizer.fromFiles(files));
  if (tokenizer.size <= config.vocabSize) return tokenizer; // the embeddings may have rows of no token
  throw new BertError(
    "ERR_VOCABULARY",
    `${where}: ${path}: the vocabulary must have at most as many tokens as config.json's vocab_size, ${config.vocabSize}, has ${tokenizer.size}`,
  );
}

/**
 * Reads the tokenizer of a folder, which need not hold a model.
 *
 * @param where the function that errors name
 * @throws BertError ERR_FILE a file cannot be read; ERR_VOCABULARY the files are missing or invalid
 */
export async function readTokenizer(folder: ModelFolder, where: string): Promise<BertTokenizer> {
  const files = await readTokenizerFiles(folder);
  if (!hasVocabulary(files)) throw noTokenizer(folder, where);
  const configText = await folder.readText("config.json");
  return inFolder(folder, () =>
    BertTokenizer.fromFiles({ ...files, ...(configText !== null && { "config.json": configText }) }),
  );
}

/** The error for a folder that must have a tokenizer and has none. */
export function noTokenizer({ path }: Pick<ModelFolder, "path">, where: string): BertError {
  return new BertError("ERR_VOCABULARY", `${where}: ${path} must have vocab.txt or tokenizer.json`);
}

function hasVocabulary(files: TokenizerFiles): boolean {
  return files["vocab.txt"] !== undefined || files["tokenizer.json"] !== undefined;
}

/** Opens a folder's weights while `read` runs, and closes them afterwards; errors as `ModelFolder.openWeights`. */
export async function withWeights<T>(folder: ModelFolder, read: (weights: Weights) => Promise<T>): Promise<T> {
  const weights = await folder.openWeights();
  try {
    return await read(weights);
  } finally {
    await weights.close();
  }
}
