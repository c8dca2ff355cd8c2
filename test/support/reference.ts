import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openWeights } from "../../src/load/weightFiles.ts";
import type { BatchInput } from "../../src/model/batch.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { readSafetensors, type Safetensors } from "../../src/safetensors/index.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";

/** Path of a file of test/reference, whose README says what each is. */
export function reference(path: string): string {
  return fileURLToPath(new URL(`../reference/${path}`, import.meta.url));
}

export function referenceJson<T>(path: string): T {
  return JSON.parse(readFileSync(reference(path), "utf8")) as T;
}

export function referenceTensors(path: string): Safetensors {
  return readSafetensors(readFileSync(reference(path)));
}

/** inputs.json of a reference, as the model takes it. */
export function referenceInputs(path: string): Required<Omit<BatchInput, "positionIds">> {
  const json = referenceJson<Record<"input_ids" | "attention_mask" | "token_type_ids", number[][]>>(path);
  return { inputIds: json.input_ids, attentionMask: json.attention_mask, tokenTypeIds: json.token_type_ids };
}

/** Loads a checkpoint into a backend, `plain` if none is given. */
export async function loadModel(
  weightsPath: string,
  configText: string,
  changes: Partial<BertConfig> = {},
  backend: Backend = plain,
  dtype?: StorageType,
): Promise<BertModel> {
  const weights = await openWeights(weightsPath);
  try {
    return await BertModel.load(weights, { ...parseConfig(configText), ...changes }, backend, dtype);
  } finally {
    await weights.close();
  }
}

/** The tiny model: H=36, A=3, L=2, I=100, V=211. */
export function loadTiny(
  file = "model.safetensors",
  changes: Partial<BertConfig> = {},
  backend: Backend = plain,
  dtype?: StorageType,
): Promise<BertModel> {
  const config = readFileSync(reference("tiny/config.json"), "utf8");
  return loadModel(reference(`tiny/${file}`), config, changes, backend, dtype);
}

/** Picks the elements of a tensor [B, T, …] (or of attention probabilities [B, A, T, T]) that belong to real tokens. */
export function realTokens(shape: readonly number[], mask: readonly ArrayLike<number>[]): (index: number) => boolean {
  if (shape.length === 4) {
    const [, A, T] = shape;
    return (i) => {
      const b = Math.floor(i / (A * T * T));
      return mask[b][Math.floor(i / T) % T] === 1 && mask[b][i % T] === 1;
    };
  }
  const [, T, N = 1] = shape;
  return (i) => mask[Math.floor(i / (T * N))][Math.floor(i / N) % T] === 1;
}
