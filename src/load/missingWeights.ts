import { readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { fileError, isLink, orFileError } from "../disk/files.ts";
import { type BertError, listed, quote } from "../errors.ts";
import { WEIGHTS } from "../hub/wantedFiles.ts";
import { ADAPTER, IS_ADAPTER } from "./modelFolder.ts";

const WHERE = "openWeights";

/** Weights of other names or formats: of TensorFlow, Flax, ONNX, adapters, training checkpoints. */
const OTHERS = /\.(safetensors|bin|pt|pth|h5|msgpack|onnx|gguf|ckpt|ckpt\.index)$/;
/** One of the files that `save_pretrained` splits weights into, and the name of what lists them. */
const SHARD = /^(model|pytorch_model)-\d{5}-of-\d{5}(\.safetensors|\.bin)$/;
/** Where folders for transformers.js have their weights. */
const ONNX = "onnx";

/** The error for a folder without weights that are read, which says what is there in their place. */
export async function missingWeights(folder: string): Promise<BertError> {
  const names = (await orFileError(WHERE, folder, readdir(folder))).sort();
  for (const name of WEIGHTS) {
    const broken = await brokenLink(join(folder, name));
    if (broken) return broken;
  }
  const shards = names.filter((name) => SHARD.test(name));
  if (shards.length > 0) {
    const index = shards[0].replace(SHARD, "$1$2.index.json");
    const must = `must hold ${index} beside ${listed(shards.map(quote))}: it lists which tensor is in which of them`;
    return fileError(WHERE, folder, must);
  }
  if (names.includes(ADAPTER)) return fileError(WHERE, folder, IS_ADAPTER);
  const inOnnx = names.includes(ONNX) ? await readdir(join(folder, ONNX)).catch(() => []) : [];
  const others = [...names, ...inOnnx.sort().map((name) => `${ONNX}/${name}`)].filter((name) => OTHERS.test(name));
  const has = others.length > 0 ? `; it has ${listed(others.map(quote))}, which is not read` : "";
  return fileError(WHERE, folder, `must hold ${WEIGHTS.slice(0, -1).join(", ")} or ${WEIGHTS.at(-1)}${has}`);
}

/** The error for a link to a file that is not there, as in a cache that was copied in part; null: it is none. */
export async function brokenLink(path: string): Promise<BertError | null> {
  if (!(await isLink(path))) return null;
  const target = await orFileError("openFile", path, readlink(path));
  return fileError("openFile", path, `is a broken link, to ${target}`);
}
