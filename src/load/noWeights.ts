import { type BertError, fileError, listed, quote } from "../errors.ts";
import { WEIGHTS } from "../hub/wantedFiles.ts";
import { ADAPTER, IS_ADAPTER } from "./modelFolder.ts";

/** The function that errors about a folder's weights name. */
export const OPEN_WEIGHTS = "openWeights";
/** Where folders for transformers.js have their weights. */
export const ONNX = "onnx";

/** Weights of other names or formats: of TensorFlow, Flax, ONNX, adapters, training checkpoints. */
const OTHERS = /\.(safetensors|bin|pt|pth|h5|msgpack|onnx|gguf|ckpt|ckpt\.index)$/;
/** One of the files that `save_pretrained` splits weights into, and the name of what lists them. */
const SHARD = /^(model|pytorch_model)-\d{5}-of-\d{5}(\.safetensors|\.bin)$/;

/**
 * The error for a folder that has none of `WEIGHTS`.
 *
 * @param names  what it has instead
 * @param inOnnx what its folder `ONNX` has
 */
export function noWeights(folder: string, names: readonly string[], inOnnx: readonly string[]): BertError {
  const sorted = [...names].sort();
  const shards = sorted.filter((name) => SHARD.test(name));
  if (shards.length > 0) {
    const index = shards[0].replace(SHARD, "$1$2.index.json");
    const must = `must hold ${index} beside ${listed(shards.map(quote))}: it lists which tensor is in which of them`;
    return fileError(OPEN_WEIGHTS, folder, must);
  }
  if (names.includes(ADAPTER)) return fileError(OPEN_WEIGHTS, folder, IS_ADAPTER);
  const nested = [...inOnnx].sort().map((name) => `${ONNX}/${name}`);
  const others = [...sorted, ...nested].filter((name) => OTHERS.test(name));
  const has = others.length > 0 ? `; it has ${listed(others.map(quote))}, which is not read` : "";
  return fileError(OPEN_WEIGHTS, folder, `must hold ${WEIGHTS.slice(0, -1).join(", ")} or ${WEIGHTS.at(-1)}${has}`);
}
