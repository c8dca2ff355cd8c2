import { type LoadedParams, loadParams } from "../checkpoint/loadParams.ts";
import { BertError, quote } from "../errors.ts";
import type { HubOptions } from "../hub/hubOptions.ts";
import { ARCHITECTURES, type Architecture } from "../model/architectures.ts";
import { type BertConfig, parseConfig } from "../model/config.ts";
import { BertModel } from "../runtime/bertModel.ts";
import { ForwardWorker } from "../runtime/forwardWorker.ts";
import type { Backend } from "../tensor/backend.ts";
import { type BackendName, chooseBackend } from "../tensor/chooseBackend.ts";
import { STORAGE_TYPES } from "../tensor/storage.ts";
import type { StorageType } from "../tensor/tensor.ts";
import { BertTokenizer, type TokenizerFiles } from "../tokenizer/index.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizerFiles.ts";
import { bundledFile, CONFIG_FILES } from "./bundledFiles.ts";
import type { ModelFolder, OpenedModel } from "./modelFolder.ts";

/** How `loadBert` computes and what it loads; those of the hub say how a model is found. All may be left out. */
export interface LoadOptions extends HubOptions {
  /** `simd` is fast; `plain` gives the same bits on every machine; `auto`, the default, is `simd` where it can run. */
  readonly backend?: BackendName;
  /** `simd`: whether 256-bit vectors may be used. Default true, or false where the environment has PLAINBERT_WIDE=0. */
  readonly wide?: boolean;
  /** `simd`: multiply and add with two roundings, the same on every machine, instead of fused. Default false. */
  readonly deterministic?: boolean;
  /**
   * `simd`: how many threads compute, 1 to 64. Default: the environment's PLAINBERT_THREADS, or as many as the machine can
   * run at the same time, but at most 8. The number does not change a bit of any result.
   */
  readonly threads?: number;
  /**
   * How matrices are held; vectors stay float32. "float32", the default, is what the paper's numbers mean; "float16" and "bfloat16"
   * take half the memory, "int8" a quarter: one scale for each row, activations rounded to 13 to 15 bits as they come. A checkpoint
   * of any type is converted while it is read.
   */
  readonly dtype?: StorageType;
  /**
   * The model class, if it is to be another than config.json's: bert-base-cased, say, calls itself BertForMaskedLM but
   * has the next-sentence head too.
   */
  readonly architecture?: Architecture;
  /** Stops loading and downloading: no other byte is read; `loadBert` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A model with its tokenizer. */
export class Bert extends BertModel {
  /** config.json as it was read. */
  readonly configText: string;
  private readonly ownTokenizer: BertTokenizer | null;

  constructor(
    config: BertConfig,
    params: LoadedParams,
    backend: Backend,
    tokenizer: BertTokenizer | null,
    configText: string,
    forwardWorker: ForwardWorker | null,
  ) {
    super(config, params, backend, forwardWorker);
    this.configText = configText;
    this.ownTokenizer = tokenizer;
  }

  /** Whether the model's folder has a tokenizer. */
  get hasTokenizer(): boolean {
    return this.ownTokenizer !== null;
  }

  /** @throws BertError ERR_VOCABULARY the model's folder has neither vocab.txt nor tokenizer.json */
  get tokenizer(): BertTokenizer {
    if (this.ownTokenizer) return this.ownTokenizer;
    throw new BertError("ERR_VOCABULARY", "bert.tokenizer: the model's folder must have vocab.txt or tokenizer.json");
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    await this.kernels.dispose();
  }
}

/**
 * Loads a model and its tokenizer from a folder as Hugging Face's libraries save one: config.json, model.safetensors or
 * pytorch_model.bin (or the shards of one with their index), and vocab.txt or tokenizer.json. Google's folders are read too:
 * bert_config.json, and weights that were put into one of these files under their names in TensorFlow.
 * A model on the hub is downloaded into the cache that Python's libraries use, unless it is there.
 *
 * @param path the folder, or a model's id on the hub, `org/name`: an existing folder comes first, and what begins with `.`
 *   or `/` is always one. The small model that comes with the package if left out
 * @throws BertError ERR_HUB the hub does not have the model, or does not give it; ERR_FILE the folder or a file is missing or
 *   not readable; ERR_CHECKPOINT config.json or the weights
 *   are not those of a BERT model, or not of each other; ERR_VOCABULARY the tokenizer's files are invalid or have another
 *   number of tokens than config.json; ERR_BACKEND no such backend; ERR_INPUT no such architecture or dtype
 * @example
 * const bert = await loadBert("models/bert-base-cased");
 * const { logits } = await bert.forward(bert.tokenizer.encodeBatch(["Hello I'm a [MASK] model."]));
 * await bert.dispose();
 * const large = await loadBert("google-bert/bert-large-cased", { revision: "main" });
 */
export async function loadBert(path?: string, options: LoadOptions = {}): Promise<Bert> {
  const dtype = options.dtype ?? "float32";
  if (!STORAGE_TYPES.includes(dtype)) {
    const got = quote(String(dtype));
    throw new BertError("ERR_INPUT", `loadBert: dtype must be one of ${STORAGE_TYPES.join(", ")}, got ${got}`);
  }
  const backend = chooseBackend(options.backend, options);
  const { folder, release } = await openModelFiles(path, options, true);
  try {
    return await loadFolder(folder, backend, dtype, options);
  } finally {
    await release();
  }
}

async function loadFolder(
  folder: ModelFolder,
  backend: Backend,
  dtype: StorageType,
  options: LoadOptions,
): Promise<Bert> {
  const [hugging, google] = CONFIG_FILES;
  const configText = (await folder.readText(hugging)) ?? (await folder.readText(google));
  if (configText === null)
    throw new BertError("ERR_FILE", `loadBert: ${folder.path} must have a config.json, has none`);
  const config = withArchitecture(parseConfig(configText), options.architecture);
  const tokenizerFiles = await readTokenizerFiles(folder);

  const weights = await folder.openWeights();
  const forwardWorker = backend.sharing && new ForwardWorker(backend.sharing);
  forwardWorker?.start();
  try {
    const source = {
      tensors: weights.tensors,
      readInto(name: string, target: Float32Array): Promise<void> {
        options.signal?.throwIfAborted();
        return weights.readInto(name, target);
      },
      ...(weights.readPart && {
        readPart: async (name: string, target: Float32Array, from: number): Promise<void> => {
          options.signal?.throwIfAborted();
          await weights.readPart?.(name, target, from);
        },
      }),
    };
    const reading = loadParams(source, config, backend, dtype);
    const tokenizer = await whileReading(reading, () => makeTokenizer(tokenizerFiles, config));
    const params = await reading;
    await orAborted(forwardWorker?.start(), options.signal); // so that `backend` says what computes
    return new Bert(config, params, backend, tokenizer, configText, forwardWorker);
  } catch (error) {
    await forwardWorker?.dispose();
    throw error;
  } finally {
    await weights.close();
  }
}

/** Waits for a work, or rejects with the signal's reason as soon as it aborts. */
async function orAborted<T>(work: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (!signal) return work;
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    Promise.resolve(work)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

/** Does some work that needs no file while others are read; if it fails, reading ends first, as files must not be closed before. */
async function whileReading<T>(reading: Promise<unknown>, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await reading.catch(() => {});
    throw error;
  }
}

/** @throws BertError ERR_VOCABULARY invalid files, or another number of tokens than the model has */
function makeTokenizer(files: TokenizerFiles | null, config: BertConfig): BertTokenizer | null {
  const tokenizer = files && BertTokenizer.fromFiles(files);
  if (!tokenizer || tokenizer.size === config.vocabSize) return tokenizer;
  throw new BertError(
    "ERR_VOCABULARY",
    `loadBert: the vocabulary must have as many tokens as config.json's vocab_size, ${config.vocabSize}, has ${tokenizer.size}`,
  );
}

/**
 * Loads the tokenizer of a model alone; reading the weights takes most of `loadBert`'s time.
 *
 * @param path the folder, or a model's id on the hub, of which only the tokenizer's files are downloaded; the small model
 *   that comes with the package if left out
 * @throws BertError ERR_FILE the folder is missing or not readable; ERR_HUB the hub does not have the model, or does not
 *   give it; ERR_VOCABULARY the tokenizer's files are missing or invalid
 */
export async function loadTokenizer(path?: string, options: HubOptions = {}): Promise<BertTokenizer> {
  const { folder, release } = await openModelFiles(path, options, false);
  try {
    const files = await readTokenizerFiles(folder);
    if (files) return BertTokenizer.fromFiles(files);
    throw new BertError("ERR_VOCABULARY", `loadTokenizer: ${folder.path} must have vocab.txt or tokenizer.json`);
  } finally {
    await release();
  }
}

/**
 * Brings a model into the cache, with all files that `loadBert` needs.
 *
 * @param id the model's id on the hub; a folder stays where it is
 * @returns the folder: the snapshot in the cache, or, where the cache cannot be written, a temporary folder that stays
 * @throws BertError as `loadBert` of the same id, before it reads the files
 */
export async function downloadModel(id: string, options: HubOptions = {}): Promise<string> {
  const { folder } = await openModelFiles(id, options, true);
  return folder.path;
}

/**
 * Opens the files of a model that `loadBert` needs, or those that `loadTokenizer` does.
 *
 * @param path as in `loadBert`
 * @throws BertError as `loadBert`, before it reads the files
 */
export async function openModelFiles(
  path: string | undefined,
  options: HubOptions,
  weights: boolean,
): Promise<OpenedModel> {
  // Only here: a browser, which has no node: modules, can import the rest.
  const { openModel } = await import("./openModel.ts");
  return openModel(
    path ?? ((file) => bundledFile(file, options.assets)),
    { config: CONFIG_FILES, optional: TOKENIZER_FILES, weights },
    options,
  );
}

/** @throws BertError ERR_INPUT no such architecture */
function withArchitecture(config: BertConfig, architecture: Architecture | undefined): BertConfig {
  if (architecture === undefined) return config;
  if (ARCHITECTURES.includes(architecture)) return { ...config, architecture };
  throw new BertError(
    "ERR_INPUT",
    `loadBert: architecture must be one of ${ARCHITECTURES.join(", ")}, got ${quote(String(architecture))}`,
  );
}

/** The tokenizer's files in a model's folder; null if it has none. */
async function readTokenizerFiles(folder: ModelFolder): Promise<TokenizerFiles | null> {
  const files: TokenizerFiles = {};
  for (const name of TOKENIZER_FILES) {
    const text = await folder.readText(name);
    if (text !== null) files[name] = text;
  }
  return files["vocab.txt"] === undefined && files["tokenizer.json"] === undefined ? null : files;
}
