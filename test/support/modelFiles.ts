import { openAsBlob } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { readSafetensors } from "../../src/safetensors/index.ts";
import { head } from "../cli/run.ts";
import { checkpoint, stateDict, tensor } from "../pytorch/write.ts";
import { reference } from "./reference.ts";
import { sentenceFolder } from "./sentenceFolders.ts";

/** The files of a folder as a page gets them of its user: each a Blob on the disk, by its name inside the folder. */
export async function filesOf(folder: string): Promise<Map<string, Blob>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = new Map<string, Blob>();
  for (const path of paths) files.set(path.slice(folder.length + 1).replaceAll(sep, "/"), await openAsBlob(path));
  return files;
}

/** The files of the tiny model's weights in two. */
export const SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;

/** Folders with models, each by what writes it. */
export type WriteModel = (folder: string) => Promise<void>;

const pytorchShards = join(import.meta.dirname, "..", "pytorch", "reference", "sharded");

/** Copies what is in a folder. */
export const copied =
  (from: string): WriteModel =>
  (folder) =>
    cp(from, folder, { recursive: true });

/** The tiny model without a vocabulary, with some of its files. */
export const tiny =
  (names: readonly string[]): WriteModel =>
  async (folder) => {
    for (const name of ["config.json", ...names]) await cp(reference(`tiny/${name}`), join(folder, name));
  };

export const inShards: WriteModel = tiny([...SHARDS, "model.safetensors.index.json"]);

export const inPytorchShards: WriteModel = async (folder) => {
  await tiny([])(folder);
  await copied(pytorchShards)(folder);
};

/** A masked language model with its weights as `torch.save` writes them. */
export const inPytorchModelBin: WriteModel = async (folder) => {
  await copied(head("mlm"))(folder);
  const file = readSafetensors(await readFile(join(folder, "model.safetensors")));
  const tensors = Array.from(file.tensors, ([name, { shape }], n) => ({ name, shape, key: `w${n}` }));
  const pickle = stateDict(
    Object.fromEntries(
      tensors.map(({ name, shape, key }) => {
        const stride = shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
        return [name, tensor({ key, length: file.toFloat32(name).length, shape, stride })];
      }),
    ),
  );
  await writeFile(join(folder, "pytorch_model.bin"), checkpoint(pickle, tensors.map(({ name, key }) => ({ name: `a/data/${key}`, content: file.bytes(name) })))); // biome-ignore format: one line
  await rm(join(folder, "model.safetensors"));
};

/** The folder of a form of sentence-transformers. */
export const ofSentences =
  (form: string): WriteModel =>
  async (folder) => {
    const root = await mkdtemp(join(tmpdir(), "plainbert-form-"));
    await cp(await sentenceFolder(root, form), folder, { recursive: true });
    await rm(root, { recursive: true });
  };
