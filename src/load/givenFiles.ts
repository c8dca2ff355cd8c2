import { BertError, quote, shown } from "../errors.ts";
import { isA } from "../realm.ts";
import { BlobFolder } from "./blobFolder.ts";
import { GIVEN_FOLDER } from "./modelFolder.ts";

/**
 * The files of a model's folder, each by its name inside that folder, with `/` between folders: "config.json",
 * "model.safetensors", "1_Pooling/config.json". A `File`, as a page gets it of its user, is a `Blob`; `openAsBlob` of
 * `node:fs` makes one of a file on disk. There may be more files than the model's. Weights are read piece by piece, at
 * most 8 MiB at a time: what is on a disk stays there.
 *
 * @example
 * // input is <input type="file" webkitdirectory>: names begin with the folder's own, which must be taken off
 * const files = Array.from(input.files ?? [], (file) => {
 *   const [, ...inside] = file.webkitRelativePath.split("/"); // "my-model/config.json" becomes "config.json"
 *   return [inside.join("/"), file] as const;
 * });
 * const bert = await loadBert(new Map(files));
 */
export type ModelFiles = ReadonlyMap<string, Blob>;

/**
 * What is to be opened: a folder of the files that were given; a name, which is checked where it is looked up.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT no Map, one without files, or one whose names or values cannot be those of files
 */
export function modelToOpen(where: string, model: string | ModelFiles | undefined): string | BlobFolder | undefined {
  if (typeof model !== "object" || model === null) return model;
  const wrong = (sentence: string) => new BertError("ERR_INPUT", `${where}: ${sentence}`);
  if (!isA(model, "Map"))
    throw wrong(`the model must be a folder, a model's id on the hub or a Map of its files, got ${shown(model)}`);
  const files = new Map<string, readonly Blob[]>();
  for (const [name, file] of model as ReadonlyMap<unknown, unknown>) {
    if (typeof name !== "string") throw wrong(`the name of a file must be a string, got ${shown(name)}`);
    if (!isA(file, "Blob") && !isA(file, "File")) throw wrong(`${quote(name)} must be a Blob, got ${shown(file)}`);
    files.set(name, [file]);
  }
  if (files.size === 0) throw wrong("the model must be a Map of at least one file, got none");
  const names = [...files.keys()];
  if (names.every((name) => name.includes("/")))
    throw wrong(
      `names of files must be those inside the model's folder, such as "config.json", got ${quote(names[0])}`,
    );
  return new BlobFolder(GIVEN_FOLDER, files);
}
