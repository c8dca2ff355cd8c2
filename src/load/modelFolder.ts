import { BertError } from "../errors.ts";
import { openPytorch } from "../pytorch/pytorchReader.ts";
import { openSafetensors, type RandomAccess, type Weights } from "../safetensors/safetensorsReader.ts";

/**
 * What reads a file's format, by its name, as Hugging Face's libraries tell them apart; of an index, what reads its
 * files.
 */
export function readerOf(file: string): (file: RandomAccess) => Promise<Weights> {
  return /\.(bin|pt|pth)(\.index\.json)?$/.test(file) ? openPytorch : openSafetensors;
}

/** A folder with a model, as Hugging Face's libraries save one. */
export interface ModelFolder {
  readonly path: string;
  /**
   * The text of a file in the folder, or null if there is no such file.
   *
   * @throws BertError ERR_FILE it is there but cannot be read, or is not UTF-8
   */
  readText(name: string): Promise<string | null>;
  /**
   * Opens `model.safetensors`, else the files that `model.safetensors.index.json` lists, else `pytorch_model.bin`, else
   * the files that `pytorch_model.bin.index.json` lists; errors as `openWeights`.
   */
  openWeights(): Promise<Weights>;
  /** true: it has no modules.json, but nobody has asked the hub whether the model has one. */
  readonly isUnasked?: boolean;
  /** A folder inside it, by its name there; "" is itself. It need not be there. */
  inside(name: string): ModelFolder;
}

/** A model's folder, to be released when it has been read. */
export interface OpenedModel {
  readonly folder: ModelFolder;
  /** Deletes what was put into a temporary folder, if the cache could not be written; nothing else. */
  release(): Promise<void>;
}

/** A model that comes with the package, whose files may be anywhere. */
export interface NamedFiles {
  /** What messages call the model. */
  readonly called: string;
  /** The address of a file, by the name that it has in a model's folder; null if the model has no such file. */
  urlOf(name: string): URL | null;
}

/** What peft's folders have in place of a model's config.json. */
export const ADAPTER = "adapter_config.json";
/** What messages say of such a folder. */
export const IS_ADAPTER =
  "is an adapter of peft, no model: merge it into its model in Python (merge_and_unload), and save that";

/** What messages call the folder of a model that comes with the package. */
export function bundledFolder({ called }: NamedFiles): string {
  return `${called} that comes with plainbert`;
}

/** What messages call a model's folder whose files a program has handed over. */
export const GIVEN_FOLDER = "the given folder";

/** The error for a file of such a model that is not where it should be, saying what to do. */
export function leftBehind({ called }: NamedFiles, name: string, got: string, cause?: unknown): BertError {
  return new BertError(
    "ERR_FILE",
    `loadBert: ${called}'s ${name} must be where the package has it, got ${got} (where a bundler leaves it behind, the option assets names a folder with copies of plainbert/weights/*)`,
    { cause },
  );
}
