import { type LoadedParams, loadParamsInto } from "../checkpoint/loadParams.ts";
import { BertError, shown } from "../errors.ts";
import { HUB_OPTIONS, type HubOptions } from "../hub/hubOptions.ts";
import { ARCHITECTURES, type Architecture, inFamily } from "../model/architectures.ts";
import { type BertConfig, namesArchitecture } from "../model/config.ts";
import { expectChoice, expectKnownOptions, expectSignal, type OptionNames } from "../options.ts";
import { BertModel } from "../runtime/bertModel.ts";
import { ForwardWorker } from "../runtime/forwardWorker.ts";
import type { Backend } from "../tensor/backend.ts";
import { type BackendName, type BackendToMake, backendToMake } from "../tensor/chooseBackend.ts";
import type { StorageType } from "../tensor/tensor.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { withResolvers } from "../withResolvers.ts";
import { type BundledModel, bundledModel } from "./bundledFiles.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { type ModelFiles, modelToOpen } from "./givenFiles.ts";
import type { ModelFolder } from "./modelFolder.ts";
import { nameOf } from "./nameOf.ts";
import {
  modelTokenizer,
  noTokenizer,
  openModelFiles,
  readModelTexts,
  readTokenizer,
  withModelFiles,
  withWeights,
} from "./readModel.ts";
import { orLater, readSentenceFolder, type SentenceFolder, type SentenceModules } from "./sentenceModules.ts";
import { orAborted, stoppable, whileReading } from "./stoppableReading.ts";

/** How `loadBert` computes and what it loads; those of the hub say how a model is found. All may be left out. */
export interface LoadOptions extends HubOptions {
  /** `simd` is fast; `plain` gives the same bits on every machine; `auto`, the default, is `simd` where it can run. */
  readonly backend?: BackendName;
  /** `simd`: whether 256-bit vectors may be used. Default true, or false where the environment has PLAINBERT_WIDE=0. */
  readonly wide?: boolean;
  /** `simd`: multiply and add with two roundings, the same on every machine, instead of fused. Default false. */
  readonly deterministic?: boolean;
  /**
   * `simd`: how many threads compute, 1 to 64. Default: the environment's PLAINBERT_THREADS, or as many as the machine
   * can run at the same time, but at most 8. The number does not change a bit of any result.
   */
  readonly threads?: number;
  /**
   * How matrices are held; vectors stay float32. "float32", the default, is what the paper's numbers mean; "float16"
   * and "bfloat16" take half the memory, "int8" a quarter: one scale for each row, activations rounded to 13 to 15 bits
   * as they come. A checkpoint of any type is converted while it is read.
   */
  readonly dtype?: StorageType;
  /**
   * The model class, if it is to be another than config.json's: bert-base-cased, say, calls itself BertForMaskedLM but
   * has the next-sentence head too. Of another family its own class or BERT's name of it: "BertForMaskedLM" means a
   * DistilBertForMaskedLM there.
   */
  readonly architecture?: Architecture;
  /**
   * Whether tensors that the model does not need are an error, but for the pooler and other heads of BERT. Default
   * false: `bert.ignoredTensors` lists them.
   */
  readonly strict?: boolean;
  /** Stops loading and downloading: no other byte is read; `loadBert` then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The names of `LoadOptions`. */
export const LOAD_OPTIONS: OptionNames<LoadOptions> = {
  backend: true,
  wide: true,
  deterministic: true,
  threads: true,
  dtype: true,
  architecture: true,
  strict: true,
  ...HUB_OPTIONS,
};

/** What a `Bert` is made of. */
interface BertParts {
  readonly config: BertConfig;
  readonly params: LoadedParams;
  readonly backend: Backend;
  readonly forwardWorker: ForwardWorker | null;
  readonly tokenizer: BertTokenizer | null;
  /** Or why it cannot be read. */
  readonly sentence: SentenceFolder | BertError;
  readonly configText: string;
  /** The folder's. */
  readonly path: string;
  /** `nameOf` */
  readonly name: string | null;
}

/** A model with its tokenizer. */
export class Bert extends BertModel {
  /** config.json as it was read. */
  readonly configText: string;
  /** What it is called beside other models; null: nobody has said. @internal */
  readonly name: string | null;
  /** The folder's, for messages. */
  private readonly path: string;
  private readonly ownTokenizer: BertTokenizer | null;
  private readonly ownSentence: SentenceFolder | BertError;
  private knownFingerprint: string | null = null;

  private constructor(parts: BertParts) {
    const { config, params, backend, forwardWorker, tokenizer, sentence, configText, path, name } = parts;
    super(config, params, backend, forwardWorker);
    this.name = name;
    this.ownSentence = sentence;
    this.configText = configText;
    this.path = path;
    this.ignoredTensors = params.ignored;
    this.ownTokenizer = tokenizer;
  }

  /** @internal `loadBert` makes it */
  static of(parts: BertParts): Bert {
    return new Bert(parts);
  }

  /** Whether the model's folder has a tokenizer. */
  get hasTokenizer(): boolean {
    return this.ownTokenizer !== null;
  }

  /**
   * The tensors of the checkpoint that the model does not need, by their names there: heads of other architectures, or
   * what a program has saved beside the model.
   */
  readonly ignoredTensors: readonly string[];

  /** @throws BertError ERR_VOCABULARY the model's folder has neither vocab.txt nor tokenizer.json */
  get tokenizer(): BertTokenizer {
    if (this.ownTokenizer) return this.ownTokenizer;
    throw noTokenizer({ path: this.path }, "bert.tokenizer");
  }

  /** What the folder says of sentences. @internal @throws BertError ERR_CHECKPOINT, ERR_FILE that cannot be read */
  get sentence(): SentenceFolder {
    if (this.ownSentence instanceof BertError) throw this.ownSentence;
    return this.ownSentence;
  }

  /**
   * What makes one vector of a text's hidden states, as the folder's modules.json has it; without one, their mean.
   *
   * @throws BertError ERR_CHECKPOINT, ERR_FILE what modules.json lists cannot be read, or is not known here
   */
  get sentenceModules(): SentenceModules {
    const { modules } = this.sentence;
    if (modules instanceof BertError) throw modules;
    return { ...this.sentence, modules };
  }

  /**
   * Tells models apart by what texts' hidden states depend on: 16 hexadecimal digits of the encoder's sizes and
   * weights and of the tokenizer. Heads, `dtype`, backend and threads do not count. Sixteen numbers of each tensor do,
   * as the checkpoint has them; training changes all of them. A copy that was saved in another type is another model.
   * A search index knows its model by it.
   */
  get fingerprint(): string {
    this.knownFingerprint ??= fingerprintOf(this.config, this.samples, this.ownTokenizer);
    return this.knownFingerprint;
  }

  protected override async close(): Promise<void> {
    await super.close();
    await this.kernels.dispose();
  }
}

/**
 * Loads a model and its tokenizer from a folder as Hugging Face's libraries save one: config.json, model.safetensors or
 * pytorch_model.bin (or the shards of one with their index), and vocab.txt or tokenizer.json. Google's folders are read
 * too: bert_config.json, and weights that were put into one of these files under their names in TensorFlow. A model on
 * the hub is downloaded into the cache that Python's libraries use, unless it is there.
 *
 * Folders as people have them are read as transformers reads them: names of tensors may all stand within another
 * module's (`module.`, `0.auto_model.`), tensors beside the model's are left alone (`bert.ignoredTensors`), of word
 * embeddings and decoder that are tied one may be missing, the embeddings may have more rows than the vocabulary has
 * tokens, and config.json may name a class of somebody's own, which counts as BertModel unless the option
 * `architecture` or the pipeline's task says more.
 *
 * @param path the folder, or a model's id on the hub, `org/name`: an existing folder comes first, and what begins with
 *   `.` or `/` is always one. Or the folder's files, as a page gets them of its user (`ModelFiles`). The small model
 *   that comes with the package if left out
 * @throws BertError ERR_HUB the hub does not have the model, or does not give it; ERR_FILE the folder or a file is
 *   missing or not readable; ERR_CHECKPOINT config.json or the weights are not those of a BERT model, or not of each
 *   other; ERR_VOCABULARY the tokenizer's files are invalid or have another number of tokens than config.json;
 *   ERR_BACKEND no such backend; ERR_INPUT an option that there is not, or with a value that it must not have
 * @example
 * const bert = await loadBert("models/bert-base-cased");
 * const { logits } = await bert.forward(bert.tokenizer.encodeBatch(["Hello I'm a [MASK] model."]));
 * await bert.dispose();
 * const large = await loadBert("google-bert/bert-large-cased", { revision: "main" });
 */
export async function loadBert(path?: string | ModelFiles, options: LoadOptions = {}): Promise<Bert> {
  return loadBertFor(path, options, "BertModel");
}

/**
 * @internal `loadBert`, for a task
 * @param otherwise the model class where neither the options nor config.json name one of these
 * @param bundled   the model where none is named
 */
export async function loadBertFor(
  path: string | ModelFiles | undefined,
  options: LoadOptions,
  otherwise: Architecture,
  bundled: BundledModel = "pretrained",
): Promise<Bert> {
  expectKnownOptions("loadBert", options, LOAD_OPTIONS);
  expectSignal("loadBert", options.signal);
  const { architecture, dtype = "float32", backend: name = "auto", wide, deterministic, threads, assets } = options;
  if (architecture !== undefined) expectChoice("loadBert", "architecture", architecture, ARCHITECTURES);
  const { strict = false } = options;
  if (typeof strict !== "boolean")
    throw new BertError("ERR_INPUT", `loadBert: strict must be true or false, got ${shown(strict)}`);
  const simd = { wide, deterministic, threads, assets, dtype };
  const model = modelToOpen("loadBert", path) ?? bundledModel(bundled, assets);
  const toMake = backendToMake("loadBert", name, simd);
  return withModelFiles(model, options, true, (folder, root) =>
    loadFolder(folder, root, { toMake, dtype, otherwise, name: nameOf(model) }, options),
  );
}

/** What a model is loaded as. */
interface Loading extends Pick<BertParts, "name"> {
  readonly toMake: BackendToMake;
  readonly dtype: StorageType;
  /** The model class where neither the options nor config.json name one. */
  readonly otherwise: Architecture;
}

async function loadFolder(
  folder: ModelFolder,
  root: ModelFolder,
  { toMake, dtype, otherwise, name }: Loading,
  options: LoadOptions,
): Promise<Bert> {
  const texts = await readModelTexts(folder, "loadBert");
  const named = namesArchitecture(texts.configText) ? texts.config.architecture : otherwise;
  const architecture = inFamily("loadBert", options.architecture ?? named, texts.config.modelType);
  const config = { ...texts.config, architecture };
  return withWeights(folder, async (weights) => {
    const making = withResolvers<Backend>();
    const source = stoppable(weights, options.signal);
    const reading = loadParamsInto(toMake, making.promise, source, config, dtype, options.strict ?? false);
    reading.catch(() => {}); // it is awaited below, and may fail before
    await null; // reads begin at the end of this turn, and go on while the kernels are compiled
    const backend = await whileReading(reading, () => made(toMake, making));
    const forwardWorker = backend.sharing && new ForwardWorker(backend.sharing);
    forwardWorker?.start();
    try {
      const sentence = await readSentenceFolder(root).catch(orLater);
      const tokenizer = await whileReading(reading, () => modelTokenizer(texts, "loadBert"));
      const params = await reading;
      // So that bert.backend tells the number of threads that run
      await orAborted(forwardWorker?.start(), options.signal);
      const { path, configText } = texts;
      return Bert.of({ config, params, backend, forwardWorker, tokenizer, sentence, configText, path, name });
    } catch (error) {
      await forwardWorker?.dispose();
      throw error;
    }
  });
}

/** Makes a backend, for those who wait for it too. */
function made(toMake: BackendToMake, making: ReturnType<typeof withResolvers<Backend>>): Backend {
  try {
    const backend = toMake.make();
    making.resolve(backend);
    return backend;
  } catch (error) {
    making.promise.catch(() => {}); // reading may have ended before, so that nobody waits
    making.reject(error);
    throw error;
  }
}

/**
 * Loads the tokenizer of a model alone; reading the weights takes most of `loadBert`'s time.
 *
 * @param path the folder, or a model's id on the hub, of which only the tokenizer's files are downloaded, or files of
 *   the folder, of which those of the tokenizer are enough; the small model that comes with the package if left out
 * @throws BertError ERR_FILE the folder is missing or not readable; ERR_HUB the hub does not have the model, or does
 *   not give it; ERR_VOCABULARY the tokenizer's files are missing or invalid
 */
export async function loadTokenizer(path?: string | ModelFiles, options: HubOptions = {}): Promise<BertTokenizer> {
  expectKnownOptions("loadTokenizer", options, HUB_OPTIONS);
  expectSignal("loadTokenizer", options.signal);
  const model = modelToOpen("loadTokenizer", path);
  return withModelFiles(model, options, false, (folder) => readTokenizer(folder, "loadTokenizer"));
}

/**
 * Brings a model into the cache, with all files that `loadBert` needs. What the cache has is checked against the hub's
 * hashes, and fetched again where it does not fit.
 *
 * @param id the model's id on the hub; a folder stays where it is
 * @returns the folder: the snapshot in the cache, or, where the cache cannot be written, a temporary folder that stays
 * @throws BertError as `loadBert` of the same id, before it reads the files
 */
export async function downloadModel(id: string, options: HubOptions = {}): Promise<string> {
  expectKnownOptions("downloadModel", options, HUB_OPTIONS);
  expectSignal("downloadModel", options.signal);
  const { root } = await openModelFiles(id, options, true, true);
  return root.path;
}
