import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { readText } from "../disk/files.ts";
import { BertError } from "../errors.ts";
import { shardsOf } from "../hub/modelFiles.ts";
import { MODULES_FILE } from "../hub/sentenceFiles.ts";
import { filesToOpen, isIndex } from "../hub/wantedFiles.ts";
import { CONFIG_FILES } from "../load/bundledFiles.ts";
import { TOKENIZER_FILES } from "../tokenizer/tokenizerFiles.ts";

/** The files that the server has, on disk, by the path that they are asked for by. */
export type ServedFiles = ReadonlyMap<string, string>;

/**
 * The files of the explorer's page: `/` is index.html. Folders in it are left out.
 *
 * @throws BertError ERR_FILE it is not there
 */
export async function pageFiles(folder: string): Promise<ServedFiles> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  if (!names.includes("index.html"))
    throw new BertError("ERR_FILE", `explore: ${folder} must hold the page, index.html; npm run build writes it`);
  return new Map([
    ["/", join(folder, "index.html")],
    ...names.map((name) => [`/${name}`, join(folder, name)] as const),
  ]);
}

/**
 * The files of a model that a page asks for, as far as they are there, under `/model/`: those that `loadBert` opens, by
 * their names, and no others.
 *
 * @throws BertError ERR_FILE one is a link that leads out of the folder; ERR_CHECKPOINT modules.json or an index
 *   cannot be read
 */
export async function modelFiles(folder: string): Promise<ServedFiles> {
  const root = await realpath(folder);
  const files = new Map<string, string>();
  const take = async (name: string): Promise<boolean> => {
    const path = join(folder, name);
    const isThere = await stat(path).then((stats) => stats.isFile(), () => false); // biome-ignore format: one line
    if (!isThere) return false;
    expectInside(await realpath(path), path, root);
    files.set(new URL(`/model/${name}`, "http://localhost").pathname, path); // as browsers write it
    return true;
  };
  const listing = (await take(MODULES_FILE)) ? await readText(join(folder, MODULES_FILE)) : null;
  const wanted = filesToOpen({ config: CONFIG_FILES, optional: TOKENIZER_FILES, weights: true }, listing);
  for (const name of [...wanted.config, ...wanted.optional, ...wanted.either.flat()]) await take(name);
  for (const name of wanted.weights) {
    if (!(await take(name))) continue;
    if (isIndex(name)) for (const shard of await shardsOf(join(folder, name), name)) await take(shard);
    break; // the first that is there is read
  }
  return files;
}

/** A link may lead to a file of the same folder, or from a snapshot in the hub's cache to that model's blobs. */
function expectInside(target: string, path: string, root: string): void {
  const blobs = /[\\/]snapshots[\\/][^\\/]+$/.test(root) ? [join(dirname(dirname(root)), "blobs") + sep] : [];
  if ([root + sep, ...blobs].some((folder) => target.startsWith(folder))) return;
  throw new BertError("ERR_FILE", `explore: ${path} must be in the model's folder, is a link to ${target}`);
}
