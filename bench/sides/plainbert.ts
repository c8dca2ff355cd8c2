import { type Bert, type LoadOptions, loadBert } from "../../src/load/loadBert.ts";
import type { Architecture } from "../../src/model/architectures.ts";
import type { BertConfig } from "../../src/model/config.ts";
import type { BackendInfo } from "../../src/tensor/backend.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import { STORAGE_TYPES } from "../../src/tensor/storage.ts";
import type { PackedWeight, StorageType } from "../../src/tensor/tensor.ts";
import type { BertTokenizer } from "../../src/tokenizer/index.ts";
import { BASE } from "../onnx/modelFolder.ts";
import type { Engine } from "./engine.ts";

/** plainbert's encoder, through its public interface. */
export async function plainbert(backend: string, threads: number, dtype: StorageType = "float32"): Promise<Engine> {
  const bert = await load(backend, threads, "BertModel", dtype);
  return {
    name: dtype === "float32" ? "plainbert" : `plainbert ${dtype}`,
    library: "plainbert",
    async encode(sequences) {
      const { lastHiddenState } = await bert.forward(sequences.map((inputIds) => ({ inputIds })));
      return lastHiddenState.data;
    },
    dispose: () => bert.dispose(),
  };
}

/** The encoder by storage type: float32 first, as the others are compared with it. */
export async function plainbertByStorage(backend: string, threads: number): Promise<Engine[]> {
  const engines: Engine[] = [];
  for (const dtype of STORAGE_TYPES) engines.push(await plainbert(backend, threads, dtype));
  return engines;
}

/** With the masked-language-model head: `encode` gives logits [B, T, V]. */
export async function plainbertMaskedLm(backend: string, threads: number): Promise<Engine> {
  const bert = await load(backend, threads, "BertForMaskedLM");
  return {
    name: "plainbert",
    library: "plainbert",
    async encode(sequences) {
      const { logits } = await bert.forward(sequences.map((inputIds) => ({ inputIds })));
      return logits!.data;
    },
    dispose: () => bert.dispose(),
  };
}

/** One weight of the encoder, [3072, 768], times 128 rows, by the kernel alone on the caller's thread. */
export function plainbertMatmul(): { readonly flops: number; readonly run: () => void } {
  const k = createSimdBackend({ threads: 1 });
  const [R, I, O] = [128, 768, 3072];
  const [y, x, weight, bias] = [k.zeros([R, O]), k.zeros([R, I]), k.zeros([O, I]), k.zeros([O])];
  for (const { data } of [x, weight]) for (let i = 0; i < data.length; i++) data[i] = ((i * 0.618) % 1) - 0.5;
  const packed = k.packWeight(weight) as PackedWeight;
  return { flops: 2 * R * I * O, run: () => k.linearStored(y.data, x.data, packed, bias.data, R) };
}

/** What the cases are made with, and what plainbert says that it computes with. */
export async function loadPlainbert(
  backend: string,
  threads: number,
): Promise<{ tokenizer: BertTokenizer; config: BertConfig; description: string }> {
  const bert = await load(backend, threads);
  const { tokenizer, config } = bert;
  const description = describeBackend(bert.backend);
  await bert.dispose();
  return { tokenizer, config, description };
}

/** What plainbert computes with, in a report. */
export function describeBackend({ name, width, reason }: BackendInfo): string {
  return `${name}, ${width} bits (${reason})`;
}

function load(
  backend: string,
  threads: number,
  architecture: Architecture = "BertModel",
  dtype: StorageType = "float32",
): Promise<Bert> {
  return loadBert(BASE.path, { backend, threads, architecture, dtype } as LoadOptions); // not every backend has threads
}
