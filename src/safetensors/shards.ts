import { BertError, otherThanMeant, quote } from "../errors.ts";
import { JsonScanner } from "./jsonScanner.ts";
import { type HalfDecoder, openSafetensors, type RandomAccess, type Weights } from "./safetensorsReader.ts";

/** As many files as `huggingface_hub` splits a model into at most. */
const MAX_SHARDS = 10_000;

/**
 * What `model.safetensors.index.json` or `pytorch_model.bin.index.json` says: which file of the same folder holds which
 * tensor.
 */
export interface SafetensorsIndex {
  /** File by tensor name. */
  readonly weightMap: ReadonlyMap<string, string>;
  /** The files, each once, in ascending order. */
  readonly shards: readonly string[];
}

/**
 * Reads the index of a checkpoint in several files: `{"metadata": {…}, "weight_map": {"tensor": "file", …}}`. The
 * metadata (`total_size`) is not needed and not looked at. File names are relative, with `/` between folders, and
 * cannot lead out of the model's folder.
 *
 * @param where the file's name, for messages
 * @throws BertError ERR_CHECKPOINT not such JSON, equal keys, more than 10,000 files, or a name such as `../x`, `/x`,
 *   `C:x`, `a\b`
 */
export function parseSafetensorsIndex(json: string, where: string): SafetensorsIndex {
  const other = otherThanMeant(json);
  if (other !== null) throw new BertError("ERR_CHECKPOINT", `${where}: is no index of weights but ${other}`);
  const scanner = new JsonScanner(json, where);
  const weightMap = new Map<string, string>();
  let found = false;
  scanner.object("the index", (key) => {
    if (key !== "weight_map") return scanner.skip(quote(key));
    found = true;
    scanner.object("weight_map", (name) => {
      const file = scanner.string(`the file of tensor ${quote(name)}`);
      if (!isInside(file))
        scanner.fail(`tensor ${quote(name)}: file must be a name inside the model's folder, got ${quote(file)}`);
      weightMap.set(name, file);
    });
  });
  scanner.end();
  if (!found) scanner.fail("weight_map is required");
  const shards = [...new Set(weightMap.values())].sort();
  if (shards.length > MAX_SHARDS) scanner.fail(`at most ${MAX_SHARDS} files are possible, got ${shards.length}`);
  return { weightMap, shards };
}

/**
 * Whether a path stays in its folder on every system: backslashes and colons separate on some, NUL ends it on others.
 */
function isInside(path: string): boolean {
  return !/[\\:\0]/.test(path) && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/**
 * Opens all files of a checkpoint as one. As in Hugging Face's transformers, the files say which tensors there are:
 * one that the index does not list counts too. Where index and files contradict each other, which means
 * files of different checkpoints, it is an error.
 *
 * @param open opens a file of the index; what it opened is closed again if this fails
 * @param read the format of the files
 * @throws BertError ERR_CHECKPOINT a tensor is in two files, or not in the file that the index names; or as
 *   `openSafetensors`
 */
export async function openShards(
  index: SafetensorsIndex,
  open: (shard: string) => Promise<RandomAccess>,
  read: (file: RandomAccess) => Promise<Weights> = openSafetensors,
): Promise<Weights> {
  const opened: RandomAccess[] = [];
  const close = async () => {
    await Promise.all(opened.map((file) => file.close()));
  };
  try {
    const shards = new Map<string, Weights>();
    for (const name of index.shards) {
      const file = await open(name);
      opened.push(file);
      shards.set(name, await read(file));
    }
    return { ...unite(index, shards), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function unite(index: SafetensorsIndex, shards: ReadonlyMap<string, Weights>): Omit<Weights, "close"> {
  const tensors = new Map([...shards.values()].flatMap((shard) => [...shard.tensors]));
  const owners = new Map<string, Weights>();
  for (const shard of shards.values()) {
    for (const name of shard.tensors.keys()) {
      const other = owners.get(name);
      if (other)
        throw new BertError("ERR_CHECKPOINT", `${shard.files[0]}: tensor ${quote(name)} is in ${other.files[0]} too`);
      owners.set(name, shard);
    }
  }
  for (const [name, file] of index.weightMap) {
    const shard = shards.get(file)!;
    if (owners.get(name) !== shard)
      throw new BertError(
        "ERR_CHECKPOINT",
        `${shard.files[0]}: no tensor is named ${quote(name)}, but the index says so`,
      );
  }
  const files = [...shards.values()].flatMap((shard) => shard.files);
  const ownerOf = (name: string): Weights => {
    const owner = owners.get(name);
    if (owner) return owner;
    throw new BertError("ERR_CHECKPOINT", `${where}: no tensor is named ${quote(name)}`);
  };
  const where = `${files[0]} and ${files.length - 1} more`;
  return {
    tensors,
    // The first file's value wins
    metadata: new Map([...shards.values()].reverse().flatMap((shard) => [...shard.metadata])),
    files,
    readInto: async (name, target, decoder) => ownerOf(name).readInto(name, target, decoder),
    ...([...shards.values()].every(({ readPart }) => readPart) && {
      readPart: async (name: string, target: Float32Array, from: number, decoder?: HalfDecoder) =>
        ownerOf(name).readPart?.(name, target, from, decoder),
    }),
  };
}
