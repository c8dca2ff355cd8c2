import { existsSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import { openWeights } from "../../src/load/weightFiles.ts";
import type { BertConfig } from "../../src/model/config.ts";
import { encodeWeight } from "../../src/tensor/storage.ts";
import { type Int8Weight, sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { GraphBuilder } from "./graphBuilder.ts";
import { plainEmbeddings, plainLayer, plainMask } from "./plainGraph.ts";

/** Tensors by the checkpoint's names: matrices of linear layers as int8, as plainbert holds them, the rest in float32. */
type Weights = ReadonlyMap<string, Tensor | Int8Weight>;

/**
 * Writes the encoder as a graph for ONNX Runtime whose linear layers are its `com.microsoft.DynamicQuantizeMatMul`: the weight int8
 * with a scale for each column, the activations 8 bits with one scale and zero point for the whole batch. The same integers and
 * scales as plainbert's. All weights are inside the file, 170 MB.
 */
export async function prepareInt8(checkpoint: string, c: BertConfig, path: string): Promise<void> {
  if (existsSync(path)) return;
  const g = new Int8GraphBuilder(await readEncoder(checkpoint));
  const ids = (name: string) => g.input(name, "INT64", ["batch", "sequence"]);
  const inputs = {
    inputIds: ids("input_ids"),
    attentionMask: ids("attention_mask"),
    tokenTypeIds: ids("token_type_ids"),
  };
  let x = plainEmbeddings(g, inputs, c);
  const mask = plainMask(g, inputs);
  for (let n = 0; n < c.numHiddenLayers; n++) {
    x = plainLayer(g, `bert.encoder.layer.${n}`, x, mask, c, (name, input) => g.int8Linear(name, input));
  }
  g.output(x, "last_hidden_state", ["batch", "sequence", c.hiddenSize]);
  await writeFile(`${path}.partial`, g.encode());
  await rename(`${path}.partial`, path); // so that a file with the right name is whole
}

class Int8GraphBuilder extends GraphBuilder {
  private readonly tensors: Weights;

  constructor(tensors: Weights) {
    super(new Map());
    this.tensors = tensors;
  }

  override weight(name: string): string {
    const { data, shape } = this.tensors.get(name) as Tensor;
    return this.tensor(name, "FLOAT", shape, data);
  }

  int8Linear(name: string, x: string): string {
    const { data, scale, shape } = this.tensors.get(`${name}.weight`) as Int8Weight;
    const [O, I] = shape;
    const columns = new Int8Array(data.length); // [I, O]
    for (let o = 0; o < O; o++) for (let i = 0; i < I; i++) columns[i * O + o] = data[o * I + i];
    return this.node("com.microsoft.DynamicQuantizeMatMul", [
      x,
      this.tensor(`${name}.weight`, "INT8", [I, O], columns),
      this.tensor(`${name}.weight_scale`, "FLOAT", [O], scale),
      this.tensor(`${name}.weight_zero_point`, "INT8", [O], new Int8Array(O)),
      this.weight(`${name}.bias`),
    ]);
  }
}

async function readEncoder(checkpoint: string): Promise<Weights> {
  const weights = await openWeights(checkpoint);
  const read = new Map<string, Tensor | Int8Weight>();
  try {
    for (const [name, { shape }] of weights.tensors) {
      if (!/^bert\.(embeddings|encoder)\./.test(name)) continue;
      const data = new Float32Array(sizeOf(shape));
      await weights.readInto(name, data);
      const isLinear = shape.length === 2 && !name.includes("embeddings");
      read.set(name, isLinear ? (encodeWeight("int8", data, [shape[0], shape[1]]) as Int8Weight) : { data, shape });
    }
  } finally {
    await weights.close();
  }
  return read;
}
