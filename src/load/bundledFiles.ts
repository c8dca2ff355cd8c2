import { urlInFolder } from "../tensor/threads/platform.ts";

/** Hugging Face's name of the configuration, and Google's. */
export const CONFIG_FILES = ["config.json", "bert_config.json"] as const;

/**
 * Where a file of the small model is that comes with the package; null if it has no such file.
 *
 * @param assets the folder with copies of its files, where they are not where the package has them
 * @throws TypeError there is no such URL: a bundler has left `import.meta.url` empty
 */
export function bundledFile(name: string, assets?: string | URL): URL | null {
  if (assets === undefined) return ownFile(name);
  return BUNDLED_FILES.includes(name) ? urlInFolder(assets, name) : null;
}

const BUNDLED_FILES: readonly string[] = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"];

/**
 * Each is named in the form that bundlers look for, and returned: the tracing of Next.js does not see it as the body of
 * an arrow function.
 */
function ownFile(name: string): URL | null {
  switch (name) {
    case "config.json":
      return new URL("../../weights/config.json", import.meta.url);
    case "model.safetensors":
      return new URL("../../weights/model.safetensors", import.meta.url);
    case "tokenizer_config.json":
      return new URL("../../weights/tokenizer_config.json", import.meta.url);
    case "vocab.txt":
      return new URL("../../weights/vocab.txt", import.meta.url);
    default:
      return null;
  }
}
