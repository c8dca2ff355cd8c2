import { BertError, listed, quote } from "../errors.ts";
import { fileIn, isTransformer, type ListedModule, MODULES_FILE, readModules } from "../hub/sentenceFiles.ts";
import { type Json, parseJson } from "../json.ts";
import type { Weights } from "../safetensors/safetensorsReader.ts";
import { torchActivation, type VectorActivation } from "../tensor/kernels/torchActivations.ts";
import type { ModelFolder } from "./modelFolder.ts";
import { withWeights } from "./readModel.ts";
import { NO_SETTINGS, readSentenceSettings, type SentenceSettings } from "./sentenceSettings.ts";
import {
  AS_THE_MODEL,
  expectVectorTask,
  readTransformerSettings,
  type TransformerSettings,
} from "./transformerSettings.ts";

/** How sentence-transformers makes one vector of a text's tokens, by its names. */
export const SENTENCE_POOLINGS = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"] as const;
/** One of these ways. */
export type SentencePooling = (typeof SENTENCE_POOLINGS)[number];

/** One step from a text's hidden states [T, H] to its vector. */
export type SentenceModule =
  | {
      readonly type: "Pooling";
      /** One vector each, end to end. */
      readonly modes: readonly SentencePooling[];
      /** false: the tokens of the prompt are left out. */
      readonly includePrompt: boolean;
    }
  | {
      /** act(W x + b), and x or R x added to it where there is a residual connection. */
      readonly type: "Dense";
      /** [O, I] */
      readonly weight: Float32Array;
      /** [O]; null: none. */
      readonly bias: Float32Array | null;
      /** I */
      readonly inFeatures: number;
      /** O */
      readonly outFeatures: number;
      /** How many numbers come out: O, or half of them. */
      readonly size: number;
      readonly activation: VectorActivation;
      /** Its class in PyTorch, such as `torch.nn.modules.activation.Tanh`. */
      readonly activationFunction: string;
      /** The activation's own parameters, those of PReLU; null: none. */
      readonly activationWeight: Float32Array | null;
      /** R, [O, I]; "input": x itself; null: there is no such connection. */
      readonly residual: Float32Array | "input" | null;
    }
  | { readonly type: "LayerNorm"; readonly weight: Float32Array; readonly bias: Float32Array }
  | { readonly type: "Normalize" };

/** How a folder of sentence-transformers makes vectors, or scores, of texts. */
export interface SentenceFolder extends TransformerSettings, SentenceSettings {
  /** The steps after the encoder, in order, the first a Pooling; or why they cannot be had. */
  readonly modules: readonly SentenceModule[] | BertError;
  /** The texts that say all this, as they were read, by their names in the folder; none without modules.json. */
  readonly texts: ReadonlyMap<string, string>;
}

/** How a folder of sentence-transformers makes vectors of texts. */
export interface SentenceModules extends SentenceFolder {
  readonly modules: readonly SentenceModule[];
}

/** Of a folder without modules.json: the mean of all tokens, as sentence-transformers takes it. */
const MEAN_POOLING: SentenceModules = {
  modules: [{ type: "Pooling", modes: ["mean"], includePrompt: true }],
  texts: new Map(),
  ...AS_THE_MODEL,
  ...NO_SETTINGS,
};

/**
 * Reads what a folder that sentence-transformers has saved says of sentences, of any of its versions: modules.json, the
 * files of each module, config_sentence_transformers.json and sentence_bert_config.json. No other task needs the
 * modules, so one that cannot be read is an error for later.
 *
 * @param folder the folder with modules.json, if it has one
 * @throws BertError ERR_CHECKPOINT one of the files is damaged; ERR_FILE it cannot be read
 */
export async function readSentenceFolder(folder: ModelFolder): Promise<SentenceFolder> {
  const texts = new Map<string, string>();
  const noted = noting(folder, texts, "");
  const inFolder = (error: unknown) => {
    if (!(error instanceof BertError) || error.message.includes(folder.path)) throw error;
    throw new BertError(error.code, `${folder.path}: ${error.message}`, { cause: error.cause });
  };
  const read = async () => {
    const listing = await noted.readText(MODULES_FILE);
    if (listing === null) return folder.isUnasked ? { ...MEAN_POOLING, modules: unasked(folder) } : MEAN_POOLING;
    const [transformer, ...others] = readModules(listing);
    const settings = { ...(await readTransformerSettings(noted, transformer)), ...(await readSentenceSettings(noted)) };
    const modules = await readAll(noted, transformer, others, settings.task).catch(inFolder).catch(orLater);
    return { ...settings, modules, texts };
  };
  return read().catch(inFolder);
}

/** The error of vectors that may or may not be the mean. */
function unasked({ path }: ModelFolder): BertError {
  return new BertError(
    "ERR_FILE",
    `${path}: whether the model has a ${MODULES_FILE}, which says how vectors are made, is not known here: load it once where the hub may be asked`,
  );
}

/** The same folder, which notes each text that is read of it: what is saved later is what was read. */
function noting(folder: ModelFolder, texts: Map<string, string>, path: string): ModelFolder {
  return {
    path: folder.path,
    async readText(name) {
      const text = await folder.readText(name);
      if (text !== null) texts.set(fileIn(path, name), text);
      return text;
    },
    openWeights: () => folder.openWeights(),
    inside: (name) => noting(folder.inside(name), texts, fileIn(path, name)),
  };
}

/** An error about files that no other task needs; the caller who asks for them gets it. */
export function orLater(error: unknown): BertError {
  if (error instanceof BertError && error.code !== "ERR_ABORTED") return error;
  throw error;
}

/**
 * @throws BertError ERR_CHECKPOINT a file is damaged or a module is none of these, by name; ERR_FILE a file is missing
 */
async function readAll(
  folder: ModelFolder,
  transformer: ListedModule,
  listed: readonly ListedModule[],
  task: string,
): Promise<SentenceModule[]> {
  if (!isTransformer(transformer)) {
    const got = quote(transformer.type);
    throw new BertError("ERR_CHECKPOINT", `${MODULES_FILE}: the first module must be a Transformer, got ${got}`);
  }
  expectVectorTask(task, transformer.path);
  const modules: SentenceModule[] = [];
  for (const module of listed) {
    const read = await readModule(folder, module);
    if (read) modules.push(read);
  }
  if (modules[0]?.type === "Pooling") return modules;
  const got = listed[0] ? quote(listed[0].type) : "none";
  throw new BertError(
    "ERR_CHECKPOINT",
    `${MODULES_FILE}: the module after the Transformer must be a Pooling, got ${got}`,
  );
}

/** @returns null for a module that does nothing outside training */
async function readModule(folder: ModelFolder, { type, path }: ListedModule): Promise<SentenceModule | null> {
  const inside = folder.inside(path);
  const file = fileIn(path, "config.json");
  const config = async () => {
    const text = await inside.readText("config.json");
    if (text === null)
      throw new BertError("ERR_FILE", `${file}: the settings of ${MODULES_FILE}'s ${type} must be there`);
    return parseJson(text, file, "ERR_CHECKPOINT");
  };
  switch (type) {
    case "Pooling":
      return pooling(await config());
    case "Dense": {
      const settings = await config();
      return withWeights(inside, (weights) => dense(settings, path, weights));
    }
    case "LayerNorm": {
      const size = (await config()).get("dimension").asInteger({ min: 1 });
      return withWeights(inside, async (weights) => ({
        type,
        weight: await tensor(weights, path, "norm.weight", [size]),
        bias: await tensor(weights, path, "norm.bias", [size]),
      }));
    }
    case "Normalize": {
      const text = await inside.readText("config.json"); // earlier versions write none
      if (text !== null) ofSentences(parseJson(text, file, "ERR_CHECKPOINT"));
      return { type };
    }
    case "Dropout":
      await inside.readText("config.json"); // so that it is noted
      return null;
    default:
      throw unknownModule(type);
  }
}

/** The modules that are read. */
const KNOWN = "Transformer, Pooling, Dense, LayerNorm, Normalize and Dropout";

function unknownModule(type: string): BertError {
  return new BertError(
    "ERR_CHECKPOINT",
    `${MODULES_FILE}: a module must be one of ${KNOWN}, got ${quote(type)}; pipeline("feature-extraction") gives the encoder's vectors without it`,
  );
}

/** The flags of earlier versions and what they stand for, in the order in which the library puts vectors end to end. */
const POOLING_FLAGS: Readonly<Record<string, SentencePooling>> = {
  pooling_mode_cls_token: "cls",
  pooling_mode_max_tokens: "max",
  pooling_mode_mean_tokens: "mean",
  pooling_mode_mean_sqrt_len_tokens: "mean_sqrt_len_tokens",
  pooling_mode_weightedmean_tokens: "weightedmean",
  pooling_mode_lasttoken: "lasttoken",
};

/** `pooling_mode`, a name or a list of them, else the flags; mean where all of these are off. */
function pooling(config: Json): SentenceModule {
  const mode = config.get("pooling_mode");
  const listed = mode.isArray ? mode.items() : [mode];
  const flags = Object.entries(POOLING_FLAGS).filter(([flag]) =>
    config.get(flag).or(false, (value) => value.asBoolean()),
  );
  const modes = !mode.isMissing
    ? listed.map((name) => name.asChoice(SENTENCE_POOLINGS))
    : flags.length > 0
      ? flags.map(([, name]) => name)
      : (["mean"] as const);
  if (modes.length === 0) throw mode.error("at least one name");
  return { type: "Pooling", modes, includePrompt: config.get("include_prompt").or(true, (value) => value.asBoolean()) };
}

async function dense(config: Json, path: string, weights: Weights): Promise<SentenceModule> {
  ofSentences(config);
  const [I, O] = ["in_features", "out_features"].map((name) => config.get(name).asInteger({ min: 1 }));
  const hasBias = config.get("bias").or(true, (value) => value.asBoolean());
  const isResidual = config.get("use_residual").or(false, (value) => value.asBoolean());
  const name = config.get("activation_function");
  const activationFunction = name.or("torch.nn.modules.activation.Tanh", (value) => value.asString());
  const activation = torchActivation(activationFunction);
  if (activation === null) throw name.error("a class of torch.nn that can be made without arguments");
  const ofActivation = "activation_function.weight";
  const weight = await tensor(weights, path, "linear.weight", [O, I]);
  const size = activation(new Float64Array(O), null).length;
  if (size !== O && O % 2 === 1) throw config.get("out_features").error("an even number, as GLU takes halves");
  if (size !== O && isResidual) throw config.get("use_residual").error("false, as GLU gives half as many numbers");
  return {
    type: "Dense",
    inFeatures: I,
    outFeatures: O,
    size,
    weight,
    bias: hasBias ? await tensor(weights, path, "linear.bias", [O]) : null,
    activation,
    activationFunction,
    activationWeight: weights.tensors.has(ofActivation) ? await tensor(weights, path, ofActivation, [1]) : null,
    residual: !isResidual ? null : I === O ? "input" : await tensor(weights, path, "residual.weight", [O, I]),
  };
}

/** Checks that a module works on texts' vectors, not on those of their tokens. */
function ofSentences(config: Json): void {
  for (const name of ["module_input_name", "module_output_name"]) {
    const value = config.get(name);
    if (value.or("sentence_embedding", (given) => given.asString()) !== "sentence_embedding") {
      throw value.error('"sentence_embedding"');
    }
  }
}

async function tensor(weights: Weights, path: string, name: string, shape: readonly number[]): Promise<Float32Array> {
  const found = weights.tensors.get(name);
  const where = `${path}: tensor ${quote(name)}`;
  if (!found) {
    const names = listed(Array.from(weights.tensors.keys(), quote));
    throw new BertError("ERR_CHECKPOINT", `${where} must be there, there are only ${names}`);
  }
  if (found.shape.join() !== shape.join()) {
    throw new BertError(
      "ERR_CHECKPOINT",
      `${where} must be [${shape.join(", ")}] by config.json, is [${found.shape.join(", ")}]`,
    );
  }
  const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
  await weights.readInto(name, data);
  if (!data.every(Number.isFinite))
    throw new BertError("ERR_CHECKPOINT", `${where} must be finite numbers, has others`);
  return data;
}
