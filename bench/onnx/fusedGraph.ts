import type { BertConfig } from "../../src/model/config.ts";
import type { GraphBuilder } from "./graphBuilder.ts";
import type { GraphInputs } from "./plainGraph.ts";

// ONNX Runtime's own operators for transformers, of the domain com.microsoft:
// https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md

/** [B, T] ids → [B, T, H] in one operator. */
export function fusedEmbeddings(g: GraphBuilder, { inputIds, tokenTypeIds }: GraphInputs, c: BertConfig): string {
  const weights = ["word_embeddings", "position_embeddings", "token_type_embeddings"].map((name) =>
    g.weight(`bert.embeddings.${name}.weight`),
  );
  const norm = ["weight", "bias"].map((part) => g.weight(`bert.embeddings.LayerNorm.${part}`));
  return g.node(
    "com.microsoft.EmbedLayerNormalization",
    [int32(g, inputIds), int32(g, tokenTypeIds), ...weights, ...norm],
    {
      epsilon: { float: c.layerNormEps },
    },
    2,
  ); // the second would be the number of tokens of each sequence
}

/** The attention mask as com.microsoft.Attention takes it: [B, T] of 32-bit integers. */
export function fusedMask(g: GraphBuilder, { attentionMask }: GraphInputs): string {
  return int32(g, attentionMask);
}

/** One Transformer block in six operators. */
export function fusedLayer(g: GraphBuilder, layer: string, x: string, mask: string, c: BertConfig): string {
  const weight = (name: string) => g.weight(`${layer}.${name}`);
  /** Adds the linear layer's bias and the residual, then LayerNorm. */
  const addAndNorm = (product: string, residual: string, name: string) =>
    g.node(
      "com.microsoft.SkipLayerNormalization",
      [
        product,
        residual,
        weight(`${name}.LayerNorm.weight`),
        weight(`${name}.LayerNorm.bias`),
        weight(`${name}.dense.bias`),
      ],
      { epsilon: { float: c.layerNormEps } },
    );
  const context = g.node(
    "com.microsoft.Attention",
    [x, weight("attention.self.qkv.weight"), weight("attention.self.qkv.bias"), mask],
    { num_heads: { int: c.numAttentionHeads } },
  );
  const attention = g.node("MatMul", [context, weight("attention.output.dense.weight")]);
  const attended = addAndNorm(attention, x, "attention.output");
  const inner = g.node("MatMul", [attended, weight("intermediate.dense.weight")]);
  const active = g.node("com.microsoft.BiasGelu", [inner, weight("intermediate.dense.bias")]); // erf form
  return addAndNorm(g.node("MatMul", [active, weight("output.dense.weight")]), attended, "output");
}

function int32(g: GraphBuilder, value: string): string {
  return g.node("Cast", [value], { to: { int: 6 } });
}
