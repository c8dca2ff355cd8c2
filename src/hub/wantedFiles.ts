/** Which files a model has, in Node and in a browser. */
import {
  fileIn,
  MODULES_FILE,
  readModules,
  SETTINGS_FILE,
  TRANSFORMER_FILES,
  transformerPath,
} from "./sentenceFiles.ts";

/** Which of a model's files are to be opened or downloaded. */
export interface WantedFiles {
  /** The model must have one of these; the first that it has is taken. */
  readonly config: readonly string[];
  /** Of these, all that the model has. */
  readonly optional: readonly string[];
  /** Whether the weights belong to them. */
  readonly weights: boolean;
  /** Whether all that is there is checked against the hub's hashes, large weights too. Default false. */
  readonly hashed?: boolean;
}

/** What holds a folder's weights, the first that is there. */
export const WEIGHTS: readonly string[] = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
];

/** Which files are wanted, once it is known whether sentence-transformers has saved the model. */
export interface FilesToOpen {
  /** The model must have one of these; the first that it has is taken. */
  readonly config: readonly string[];
  /** Of these, all that the model has. */
  readonly optional: readonly string[];
  /** Of each of these, the first that the model has, if it has any. */
  readonly either: readonly (readonly string[])[];
  /** The model must have one of these, if there are any; the first that it has is taken. */
  readonly weights: readonly string[];
}

/**
 * What is wanted of a model with this modules.json: those of its transformer, in whichever folder it is, and those of
 * the other modules.
 *
 * @param listing the text of modules.json; null: the model has none
 * @throws BertError ERR_CHECKPOINT as `readModules`
 */
export function filesToOpen({ config, optional, weights }: WantedFiles, listing: string | null): FilesToOpen {
  const path = transformerPath(listing);
  const modules = listing === null ? [] : readModules(listing).slice(1);
  const ofModules = listing === null || !weights ? [] : modules;
  const inside = (folder: string, files: readonly string[]) => files.map((file) => fileIn(folder, file));
  return {
    config: inside(path, config),
    optional: [
      ...inside(path, optional),
      ...(listing === null ? [] : [MODULES_FILE, SETTINGS_FILE]),
      ...ofModules.map((module) => fileIn(module.path, "config.json")),
    ],
    either: [
      ...(listing === null ? [] : [inside(path, TRANSFORMER_FILES)]),
      ...ofModules
        .filter(({ type }) => WITH_WEIGHTS.includes(type))
        .map((module) => inside(module.path, MODULE_WEIGHTS)),
    ],
    weights: weights ? inside(path, WEIGHTS) : [],
  };
}

/** The modules that have weights. */
const WITH_WEIGHTS = ["Dense", "LayerNorm"];
/** What these are in. */
const MODULE_WEIGHTS = ["model.safetensors", "pytorch_model.bin"];

/** Whether a file lists the files that a model's weights are in, as they are several. */
export function isIndex(file: string): boolean {
  return file.endsWith(".index.json");
}

/** 4 MiB take 4 ms to hash in Node, 20 in a browser; BERT-base's 440 MB would take 0.4 and 2 seconds of each start. */
const LARGE = 1 << 22;

/** Whether a file that is kept is hashed each time it is used: all but large weights. */
export function isAlwaysHashed(file: string, bytes: number): boolean {
  return bytes <= LARGE || !/\.(safetensors|bin)$/.test(file);
}
