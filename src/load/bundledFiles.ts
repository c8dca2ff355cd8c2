import { urlInFolder } from "../tensor/threads/platform.ts";
import type { NamedFiles } from "./modelFolder.ts";

/** Hugging Face's name of the configuration, and Google's. */
export const CONFIG_FILES = ["config.json", "bert_config.json"] as const;

/** The models that come with the package: one that was pretrained, with its heads, and one that makes vectors. */
export type BundledModel = "pretrained" | "embeddings";

/**
 * The files of a model that comes with the package.
 *
 * @param assets the folder with copies of the files, where they are not where the package has them
 */
export function bundledModel(model: BundledModel, assets?: string | URL): NamedFiles {
  const { called, folder, files, ownFile } = MODELS[model];
  return {
    called,
    urlOf(name) {
      if (assets === undefined) return ownFile(name);
      return files.includes(name) ? urlInFolder(assets, folder + name) : null;
    },
  };
}

/** Whether a path is that of the folder in which a model came with the package. */
export function isBundledFolder(model: BundledModel, path: string): boolean {
  try {
    const { protocol, pathname } = new URL(".", MODELS[model].ownFile("config.json") as URL);
    const own = decodeURIComponent(pathname).replace(/^\/(?=[A-Z]:)/i, ""); // of Windows: /C:/…
    return protocol === "file:" && own === `${path.replaceAll("\\", "/").replace(/\/+$/, "")}/`;
  } catch {
    return false; // a bundler has left no address of its own
  }
}

/** A model that comes with the package. */
interface Bundled {
  /** What messages call it. */
  readonly called: string;
  /** Its folder in `weights`. */
  readonly folder: string;
  readonly files: readonly string[];
  /** @throws TypeError there is no such URL: a bundler has left `import.meta.url` empty */
  ownFile(name: string): URL | null;
}

const MODELS: Readonly<Record<BundledModel, Bundled>> = {
  pretrained: {
    called: "the small model",
    folder: "",
    files: ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"],
    ownFile: pretrainedFile,
  },
  embeddings: {
    called: "the small embedding model",
    folder: "embeddings/",
    files: [
      ...["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt", "modules.json"],
      ...["1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"],
    ],
    ownFile: embeddingsFile,
  },
};

/**
 * Each is named in the form that bundlers look for, and returned: the tracing of Next.js does not see it as the body of
 * an arrow function.
 */
function pretrainedFile(name: string): URL | null {
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

/** In the same form. */
function embeddingsFile(name: string): URL | null {
  switch (name) {
    case "config.json":
      return new URL("../../weights/embeddings/config.json", import.meta.url);
    case "model.safetensors":
      return new URL("../../weights/embeddings/model.safetensors", import.meta.url);
    case "tokenizer_config.json":
      return new URL("../../weights/embeddings/tokenizer_config.json", import.meta.url);
    case "vocab.txt":
      return new URL("../../weights/embeddings/vocab.txt", import.meta.url);
    case "modules.json":
      return new URL("../../weights/embeddings/modules.json", import.meta.url);
    case "1_Pooling/config.json":
      return new URL("../../weights/embeddings/1_Pooling/config.json", import.meta.url);
    case "2_Dense/config.json":
      return new URL("../../weights/embeddings/2_Dense/config.json", import.meta.url);
    case "2_Dense/model.safetensors":
      return new URL("../../weights/embeddings/2_Dense/model.safetensors", import.meta.url);
    default:
      return null;
  }
}
