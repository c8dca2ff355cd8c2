import { BertError, quote } from "../errors.ts";
import { parseJson } from "../json.ts";

/** Lists the modules of a folder that sentence-transformers has saved. */
export const MODULES_FILE = "modules.json";

/** Prompts and the function that compares vectors. */
export const SETTINGS_FILE = "config_sentence_transformers.json";

/** How the transformer is given texts; named by the kind of model in earlier versions. The first one counts. */
export const TRANSFORMER_FILES: readonly string[] = ["sentence_bert_config.json", "sentence_distilbert_config.json"];

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
 * @returns the transformer, then what comes after it, in order
 * @throws BertError ERR_CHECKPOINT no such list, a path that leads out of the folder, or it does not begin with a
 *   Transformer
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
  // BERT is what version 0.2 of the library called it.
  if (first.type === "Transformer" || first.type === "BERT") return [first, ...others];
  throw new BertError(
    "ERR_CHECKPOINT",
    `${MODULES_FILE}: the first module must be a Transformer, got ${quote(first.type)}`,
  );
}

/** The folder within the model's that config.json and the weights are in; "" if there is no modules.json. */
export function transformerPath(listing: string | null): string {
  return listing === null ? "" : readModules(listing)[0].path;
}

/** A file or folder inside a module's folder; "" is that itself. */
export function fileIn(path: string, file: string): string {
  return path === "" || file === "" ? `${path}${file}` : `${path}/${file}`;
}
