import type { BertConfig } from "../../src/model/config.ts";
import type { GraphBuilder } from "./graphBuilder.ts";

/** The three inputs that exporters give a BERT graph, whole numbers [B, T]. */
export interface GraphInputs {
  readonly inputIds: string;
  readonly attentionMask: string;
  readonly tokenTypeIds: string;
}

/** [B, T] ids → [B, T, H], the sum of three embeddings through LayerNorm, in operators of ONNX's own set. */
export function plainEmbeddings(g: GraphBuilder, { inputIds, tokenTypeIds }: GraphInputs, c: BertConfig): string {
  const table = (name: string) => g.weight(`bert.embeddings.${name}_embeddings.weight`);
  const T = g.node("Slice", [g.node("Shape", [inputIds]), g.ints(1), g.ints(2)]);
  const positions = g.node("Slice", [table("position"), g.ints(0), T, g.ints(0)]); // [T, H]
  const words = g.node("Gather", [table("word"), inputIds]);
  const types = g.node("Gather", [table("token_type"), tokenTypeIds]);
  return layerNorm(g, "bert.embeddings", g.node("Add", [g.node("Add", [words, types]), positions]), c);
}

/** The attention mask as a term of the scores, [B, 1, 1, T]: 0 for a token, the most negative float for padding. */
export function plainMask(g: GraphBuilder, { attentionMask }: GraphInputs): string {
  const isToken = g.node("Cast", [g.node("Unsqueeze", [attentionMask, g.ints(1, 2)])], { to: { int: 1 } });
  return g.node("Mul", [g.node("Sub", [g.float(1), isToken]), g.float(-3.4028234663852886e38)]);
}

/**
 * One Transformer block. The pattern is the one that ONNX Runtime's own optimiser looks for, and may fuse.
 *
 * @param linearLayer the nodes of x W + b
 */
export function plainLayer(
  g: GraphBuilder,
  layer: string,
  x: string,
  mask: string,
  c: BertConfig,
  linearLayer: (name: string, x: string) => string = (name, x) => linear(g, name, x),
): string {
  const D = c.hiddenSize / c.numAttentionHeads;
  const heads = (part: string, ...order: number[]) => {
    const projected = linearLayer(`${layer}.attention.self.${part}`, x);
    const split = g.node("Reshape", [projected, g.ints(0, 0, c.numAttentionHeads, D)]); // [B, T, A, D]
    return g.node("Transpose", [split], { perm: { ints: order } });
  };
  const scores = g.node("MatMul", [heads("query", 0, 2, 1, 3), heads("key", 0, 2, 3, 1)]); // [B, A, T, T]
  const masked = g.node("Add", [g.node("Div", [scores, g.float(Math.sqrt(D))]), mask]);
  const probs = g.node("Softmax", [masked], { axis: { int: -1 } });
  const context = g.node("MatMul", [probs, heads("value", 0, 2, 1, 3)]); // [B, A, T, D]
  const joined = g.node("Transpose", [context], { perm: { ints: [0, 2, 1, 3] } });
  const attention = linearLayer(
    `${layer}.attention.output.dense`,
    g.node("Reshape", [joined, g.ints(0, 0, c.hiddenSize)]),
  );
  const attended = layerNorm(g, `${layer}.attention.output`, g.node("Add", [attention, x]), c);
  const inner = g.node("Gelu", [linearLayer(`${layer}.intermediate.dense`, attended)]); // erf form
  const outer = linearLayer(`${layer}.output.dense`, inner);
  return layerNorm(g, `${layer}.output`, g.node("Add", [outer, attended]), c);
}

/** LayerNormalization over the last axis with the weights `name`.LayerNorm. */
export function layerNorm(g: GraphBuilder, name: string, x: string, c: BertConfig): string {
  const weights = [g.weight(`${name}.LayerNorm.weight`), g.weight(`${name}.LayerNorm.bias`)];
  return g.node("LayerNormalization", [x, ...weights], { axis: { int: -1 }, epsilon: { float: c.layerNormEps } });
}

/** x W + b with the weights `name`.weight [inputs, outputs] and `name`.bias. */
export function linear(g: GraphBuilder, name: string, x: string): string {
  return g.node("Add", [g.node("MatMul", [x, g.weight(`${name}.weight`)]), g.weight(`${name}.bias`)]);
}
