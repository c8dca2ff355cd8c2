import { urlInFolder } from "../tensor/threads/platform.ts";

/** Hugging Face's name of the configuration, and Google's. */
export const CONFIG_FILES = ["config.json", "bert_config.json"] as const;

/**
 * The files of the small model that comes with the package. Each is named in the form that bundlers and file tracing look for, and
 * asked for when it is needed: where a bundler has left `import.meta.url` empty, that alone fails.
 */
const BUNDLED: Readonly<Record<string, () => URL>> = {
  "config.json": () => new URL("../../weights/config.json", import.meta.url),
  "model.safetensors": () => new URL("../../weights/model.safetensors", import.meta.url),
  "tokenizer_config.json": () => new URL("../../weights/tokenizer_config.json", import.meta.url),
  "vocab.txt": () => new URL("../../weights/vocab.txt", import.meta.url),
};

/**
 * Where each file of the small model is that comes with the package.
 *
 * @param assets the folder with copies of them, where they are not where the package has them
 */
export function bundledModel(assets?: string | URL): Readonly<Record<string, () => URL>> {
  if (assets === undefined) return BUNDLED;
  return Object.fromEntries(Object.keys(BUNDLED).map((name) => [name, () => urlInFolder(assets, name)]));
}
