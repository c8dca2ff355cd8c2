import { fileURLToPath } from "node:url";
import { readText } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { messageOf } from "../realm.ts";
import { openSafetensors, type Weights } from "../safetensors/safetensorsReader.ts";
import { bundledFolder, leftBehind, type ModelFolder, type NamedFiles } from "./modelFolder.ts";
import { openSingle } from "./weightFiles.ts";

/** A model that comes with the package, whose files a bundler may have put anywhere; reads nothing yet. */
export function openNamedFiles(files: NamedFiles): ModelFolder {
  const folder: ModelFolder = {
    path: bundledFolder(files),
    readText: (name) => found(files, name, readText),
    openWeights: () =>
      found(files, "model.safetensors", (path) => openSingle(path, openSafetensors)) as Promise<Weights>,
    inside: (name) =>
      name === "" ? folder : openNamedFiles({ ...files, urlOf: (file) => files.urlOf(`${name}/${file}`) }),
  };
  return folder;
}

/** @throws BertError ERR_FILE it is not there, saying what to do */
async function found<T>(files: NamedFiles, name: string, read: (path: string) => Promise<T>): Promise<T | null> {
  try {
    const url = files.urlOf(name);
    return url && (await read(fileURLToPath(url)));
  } catch (cause) {
    if (cause instanceof BertError && cause.code !== "ERR_FILE") throw cause;
    throw leftBehind(files, name, messageOf(cause), cause);
  }
}
