import type { TensorToWrite } from "../../src/safetensors/index.ts";

/** The fields of config.json that decide the shapes of a BERT checkpoint. */
export interface SyntheticConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly intermediate_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
}

/** Every parameter of Hugging Face's BertForPreTraining with its shape, but for the tied decoder. */
export function preTrainingShapes(config: SyntheticConfig): Map<string, readonly number[]> {
  const { hidden_size: H, intermediate_size: I, vocab_size: V } = config;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, outputs: number, inputs: number) =>
    shapes.set(`${name}.weight`, [outputs, inputs]).set(`${name}.bias`, [outputs]);
  const layerNorm = (name: string) => shapes.set(`${name}.LayerNorm.weight`, [H]).set(`${name}.LayerNorm.bias`, [H]);

  shapes.set("bert.embeddings.word_embeddings.weight", [V, H]);
  shapes.set("bert.embeddings.position_embeddings.weight", [config.max_position_embeddings, H]);
  shapes.set("bert.embeddings.token_type_embeddings.weight", [config.type_vocab_size, H]);
  layerNorm("bert.embeddings");
  for (let n = 0; n < config.num_hidden_layers; n++) {
    const layer = `bert.encoder.layer.${n}`;
    for (const projection of ["query", "key", "value"]) linear(`${layer}.attention.self.${projection}`, H, H);
    linear(`${layer}.attention.output.dense`, H, H);
    layerNorm(`${layer}.attention.output`);
    linear(`${layer}.intermediate.dense`, I, H);
    linear(`${layer}.output.dense`, H, I);
    layerNorm(`${layer}.output`);
  }
  linear("bert.pooler.dense", H, H);
  shapes.set("cls.predictions.bias", [V]);
  linear("cls.predictions.transform.dense", H, H);
  layerNorm("cls.predictions.transform");
  linear("cls.seq_relationship", 2, H);
  return shapes;
}

/** The elements of one tensor: a function of its name and their index alone. The rule is in test/reference/README.md. */
export function syntheticWeights(name: string, length: number): Float32Array {
  const start = fnv1a32(name);
  const [offset, scale] = rangeOf(name);
  const weights = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    let x = (Math.imul(i, 0x9e3779b1) + start) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    const u = ((x ^ (x >>> 16)) >>> 0) * 2 ** -31 - 1; // [-1, 1)
    weights[i] = offset + scale * u;
  }
  return weights;
}

/** The checkpoint as `saveSafetensors` takes it; each tensor is computed when its turn to be written comes. */
export function* syntheticCheckpoint(config: SyntheticConfig): Generator<[string, TensorToWrite]> {
  for (const [name, shape] of preTrainingShapes(config)) {
    const length = shape.reduce((product, n) => product * n, 1);
    yield [name, { dtype: "F32", shape, data: () => syntheticWeights(name, length) }];
  }
}

function fnv1a32(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}

function rangeOf(name: string): [offset: number, scale: number] {
  if (name.endsWith("LayerNorm.weight")) return [1, 0.2];
  if (name.endsWith("bias")) return [0, 0.1];
  if (/query|key|embeddings/.test(name)) return [0, 0.2];
  if (/value|attention\.output/.test(name)) return [0, 0.04];
  return [0, 0.08];
}
