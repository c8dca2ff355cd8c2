import { parseJson } from "../json.ts";

/** Lists the modules of a folder that sentence-transformers has saved. */
export const MODULES_FILE = "modules.json";

/** Prompts and the function that compares vectors. */
export const SETTINGS_FILE = "config_sentence_transformers.json";

/** How the transformer is given texts; named by the kind of model in earlier versions. The first one counts. */
export const TRANSFORMER_FILES: readonly string[] = [
  "bert",
  "roberta",
  "distilbert",
  "camembert",
  "albert",
  "xlm-roberta",
  "xlnet",
].map((kind) => `sentence_${kind}_config.json`);

/** A module of `modules.json`. */
export interface ListedModule {
  /** The last word of its Python class. */
  readonly type: string;
  /** Its folder within the model's, "" for that itself. */
  readonly path: string;
}

/** A file system takes no longer name. */
const LONGEST_PATH = 255;

/**
 * Reads modules.json, `[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, …]`.
 * The package path before a type's last word differs between versions.
 *
 * @returns them in order; the first should be a transformer
 * @throws BertError ERR_CHECKPOINT no such list, or a path that leads out of the folder
 */
export function readModules(text: string): readonly [ListedModule, ...ListedModule[]] {
  const json = parseJson(text, MODULES_FILE, "ERR_CHECKPOINT");
  const [first, ...others] = json.items().map((module) => {
    const path = module.get("path").or("", (value) => value.asString());
    const inside = path.replace(/\/$/, "");
    const isInside =
      inside.length <= LONGEST_PATH &&
      (inside === "" || inside.split("/").every((part) => /^[^\\:\0]+$/.test(part) && !/^\.\.?$/.test(part)));
    if (!isInside) throw module.get("path").error("a folder inside the model's");
    return { type: module.get("type").asString().split(".").at(-1) as string, path: inside };
  });
  if (!first) throw json.error("a list of at least one module");
  return [first, ...others];
}

/** Whether a module is the transformer of a model that makes vectors; BERT is what version 0.2 called it. */
export function isTransformer({ type }: ListedModule): boolean {
  return type === "Transformer" || type === "BERT";
}

/**
 * The folder within the model's that config.json and the weights are in: "", unless modules.json begins with a
 * transformer elsewhere. Other libraries' first modules, such as MLMTransformer, may be in folders too.
 */
export function transformerPath(listing: string | null): string {
  const [first] = listing === null ? [] : readModules(listing);
  return first && /(Transformer|BERT)$/.test(first.type) ? first.path : "";
}

/** A file or folder inside a module's folder; "" is that itself. */
export function fileIn(path: string, file: string): string {
  return path === "" || file === "" ? `${path}${file}` : `${path}/${file}`;
}
