import { fileURLToPath } from "node:url";
import { BertError } from "../errors.ts";
import { messageOf } from "../realm.ts";
import { openSafetensors } from "../tensor/safetensorsReader.ts";
import { type ModelFolder, openSingle, readText } from "./files.ts";

/** Where a model's files are, by their names in a model's folder. They need not lie in one folder, nor be called so there. */
export type NamedFiles = Readonly<Record<string, () => URL>>;

/** The small model that comes with the package, whose files a bundler may have put anywhere; reads nothing yet. */
export function openNamedFiles(files: NamedFiles): ModelFolder {
  return {
    path: "the small model that comes with plainbert",
    readText: async (name) => (Object.hasOwn(files, name) ? found(files, name, readText) : null),
    openWeights: () => found(files, "model.safetensors", (path) => openSingle(path, openSafetensors)),
  };
}

/** @throws BertError ERR_FILE it is not there, saying what to do */
async function found<T>(files: NamedFiles, name: string, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(fileURLToPath(files[name]()));
  } catch (cause) {
    if (cause instanceof BertError && cause.code !== "ERR_FILE") throw cause;
    throw new BertError(
      "ERR_FILE",
      `loadBert: the small model's ${name} must be where the package has it, got ${messageOf(cause)} (where a bundler leaves it behind, the option assets names a folder with copies of plainbert/weights/*)`,
      { cause },
    );
  }
}
