import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openWeights } from "../../src/load/weightFiles.ts";
import { type BertConfig, parseConfig } from "../../src/model/config.ts";
import { BASE } from "../onnx/modelFolder.ts";
import { type Engine, pad } from "./engine.ts";
import { PEERS, requirePeer } from "./peers.ts";

/** What the bench uses of @tensorflow/tfjs-core. */
interface TensorFlow {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: Float32Array | Int32Array, shape: readonly number[], type?: "int32"): TfTensor;
  tidy<T>(compute: () => T): T;
  gather(table: TfTensor, ids: TfTensor): TfTensor;
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  moments(x: TfTensor, axis: number, keepDims: boolean): { mean: TfTensor; variance: TfTensor };
  erf(x: TfTensor): TfTensor;
  rsqrt(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  add(a: TfTensor, b: TfTensor | number): TfTensor;
  sub(a: TfTensor, b: TfTensor | number): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, order: readonly number[]): TfTensor;
  slice(x: TfTensor, begin: readonly number[], size: readonly number[]): TfTensor;
  readonly fused: { matMul(o: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor };
}
interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
interface TensorFlowWasm {
  setWasmPaths(folder: string): void;
  setThreadsCount(threads: number): void;
}

/** TensorFlow.js has no BERT: the encoder written in its operators, on its WebAssembly backend. */
export async function tensorflow(threads: number): Promise<Engine> {
  const tf = requirePeer<TensorFlow>("@tensorflow/tfjs-core");
  const wasm = requirePeer<TensorFlowWasm>("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(join(PEERS, "node_modules", "@tensorflow", "tfjs-backend-wasm", "dist", "/"));
  wasm.setThreadsCount(threads);
  if (!(await tf.setBackend("wasm"))) throw new Error("tensorflow: its WebAssembly backend could not be loaded");
  await tf.ready();
  const config = parseConfig(await readFile(join(BASE.path, "config.json"), "utf8"));
  const weights = await readWeights(tf);
  return {
    name: "tfjs wasm",
    library: "tfjs",
    async encode(sequences) {
      const batch = pad(sequences);
      const ids = tf.tensor(batch.inputIds, [batch.inputIds.length], "int32");
      const mask = tf.tensor(
        Float32Array.from(batch.attentionMask, (keep) => (keep ? 0 : -1e9)),
        [batch.shape[0], 1, 1, batch.shape[1]],
      );
      const x = tf.tidy(() => encoder(tf, weights, ids, mask, batch.shape, config));
      const data = await x.data();
      for (const tensor of [ids, mask, x]) tensor.dispose();
      return data;
    },
    async dispose() {
      for (const weight of weights.values()) weight.dispose();
    },
  };
}

async function readWeights(tf: TensorFlow): Promise<Map<string, TfTensor>> {
  const file = await openWeights(join(BASE.path, "model.safetensors"));
  const weights = new Map<string, TfTensor>();
  try {
    for (const [name, { shape }] of file.tensors) {
      if (!/^bert\.(embeddings|encoder)/.test(name)) continue;
      const data = new Float32Array(shape.reduce((product, n) => product * n, 1));
      await file.readInto(name, data);
      const tensor = tf.tensor(data, shape);
      // Matrices as [inputs, outputs]: fused.matMul with transposeB forgets the bias on this backend (4.22.0).
      const isLinear = shape.length === 2 && !name.includes("embeddings");
      weights.set(name, isLinear ? tf.transpose(tensor, [1, 0]) : tensor);
      if (isLinear) tensor.dispose();
    }
  } finally {
    await file.close();
  }
  return weights;
}

/** ids [B · T], mask [B, 1, 1, T] → [B · T, H] */
function encoder(
  tf: TensorFlow,
  weights: ReadonlyMap<string, TfTensor>,
  ids: TfTensor,
  mask: TfTensor,
  [B, T]: readonly [number, number],
  c: BertConfig,
): TfTensor {
  const { add, mul, reshape, transpose } = tf;
  const { hiddenSize: H, numAttentionHeads: A } = c;
  const D = H / A;
  const weight = (name: string) => weights.get(name)!;
  const linear = (name: string, a: TfTensor) =>
    tf.fused.matMul({ a, b: weight(`${name}.weight`), bias: weight(`${name}.bias`) });
  const layerNorm = (name: string, x: TfTensor) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const standard = mul(tf.sub(x, mean), tf.rsqrt(add(variance, c.layerNormEps)));
    return add(mul(standard, weight(`${name}.LayerNorm.weight`)), weight(`${name}.LayerNorm.bias`));
  };
  const gelu = (x: TfTensor) => mul(mul(x, 0.5), add(tf.erf(mul(x, Math.SQRT1_2)), 1));
  const table = (name: string) => weight(`bert.embeddings.${name}_embeddings.weight`);

  const words = reshape(tf.gather(table("word"), ids), [B, T, H]);
  const typed = add(words, tf.slice(table("token_type"), [0, 0], [1, H]));
  const sum = add(typed, tf.slice(table("position"), [0, 0], [T, H]));
  let x = layerNorm("bert.embeddings", reshape(sum, [B * T, H]));
  for (let n = 0; n < c.numHiddenLayers; n++) {
    const layer = `bert.encoder.layer.${n}`;
    x = tf.tidy(() => {
      const heads = (part: string) =>
        transpose(reshape(linear(`${layer}.attention.self.${part}`, x), [B, T, A, D]), [0, 2, 1, 3]);
      const scores = mul(tf.matMul(heads("query"), heads("key"), false, true), 1 / Math.sqrt(D)); // [B, A, T, T]
      const context = tf.matMul(tf.softmax(add(scores, mask)), heads("value")); // [B, A, T, D]
      const joined = reshape(transpose(context, [0, 2, 1, 3]), [B * T, H]);
      const attention = linear(`${layer}.attention.output.dense`, joined);
      const attended = layerNorm(`${layer}.attention.output`, add(attention, x));
      const inner = gelu(linear(`${layer}.intermediate.dense`, attended));
      return layerNorm(`${layer}.output`, add(linear(`${layer}.output.dense`, inner), attended));
    });
  }
  return x;
}
