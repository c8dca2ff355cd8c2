import { open } from "node:fs/promises";
import { join } from "node:path";
import { openWeights } from "../../src/load/weightFiles.ts";

/**
 * The weights of all graphs are in one file beside them; the name is the one that transformers.js looks for. Inside the
 * model file, ONNX Runtime would copy them instead of mapping them: a process then needs twice the time to its first
 * answer (0.9 s for 0.45 s, 2 cores of a Zen 4 EPYC).
 */
export const DATA_FILE = "model.onnx_data";

/** ONNX's recommendation for external data, so that it can be mapped into memory on every system. */
const ALIGNMENT = 65536;

/** Where a weight is in the data file. */
export interface StoredWeight {
  readonly shape: readonly number[];
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Writes a BERT checkpoint's weights as ONNX graphs want them: matrices of linear layers as [inputs, outputs], which is
 * what exporters store, and besides each layer's query, key and value side by side, as com.microsoft.Attention takes
 * them: `bert.encoder.layer.0.attention.self.qkv.weight` [H, 3H] and `.bias` [3H].
 *
 * @returns the index of what was written, by the checkpoint's names
 */
export async function writeWeightsFile(checkpoint: string, folder: string): Promise<Map<string, StoredWeight>> {
  const weights = await openWeights(checkpoint);
  const file = await open(join(folder, DATA_FILE), "w");
  const stored = new Map<string, StoredWeight>();
  let end = 0;
  const write = async (name: string, shape: readonly number[], data: Float32Array): Promise<void> => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    await file.write(data, 0, data.byteLength, offset);
    end = offset + data.byteLength;
    stored.set(name, { shape, offset, bytes: data.byteLength });
  };
  /** A tensor in the layout of the data file. */
  const read = async (name: string): Promise<Matrix> => {
    const { shape } = weights.tensors.get(name)!;
    const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
    await weights.readInto(name, data);
    return isLinear(name, shape) ? transposed({ shape, data }) : { shape, data };
  };
  try {
    for (const name of weights.tensors.keys()) {
      const { shape, data } = await read(name);
      await write(name, shape, data);
      if (!name.includes("attention.self.query.")) continue;
      const three = ["query", "key", "value"].map((part) => read(name.replace("query", part)));
      const qkv = sideBySide(await Promise.all(three));
      await write(name.replace("query", "qkv"), qkv.shape, qkv.data);
    }
  } finally {
    await file.close();
    await weights.close();
  }
  return stored;
}

interface Matrix {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function isLinear(name: string, shape: readonly number[]): boolean {
  return shape.length === 2 && !name.includes("embeddings");
}

function transposed({ shape: [rows, columns], data }: Matrix): Matrix {
  const out = new Float32Array(data.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = data[r * columns + c];
  return { shape: [columns, rows], data: out };
}

/** Matrices of one shape [R, C], or vectors [C], as one [R, C · n]. */
function sideBySide(parts: readonly Matrix[]): Matrix {
  const columns = parts[0].shape.at(-1)!;
  const rows = parts[0].data.length / columns;
  const width = columns * parts.length;
  const data = new Float32Array(rows * width);
  parts.forEach((part, n) => {
    for (let r = 0; r < rows; r++) {
      data.set(part.data.subarray(r * columns, (r + 1) * columns), r * width + n * columns);
    }
  });
  return { shape: [...parts[0].shape.slice(0, -1), width], data };
}
