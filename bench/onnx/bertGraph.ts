import type { BertConfig } from "../../src/model/config.ts";
import { fusedEmbeddings, fusedLayer, fusedMask } from "./fusedGraph.ts";
import { GraphBuilder } from "./graphBuilder.ts";
import { layerNorm, linear, plainEmbeddings, plainLayer, plainMask } from "./plainGraph.ts";
import type { StoredWeight } from "./weightsFile.ts";

/** `plain`: operators of ONNX itself; `fused`: ONNX Runtime's own operators for transformers. */
export type GraphStyle = "plain" | "fused";

/** `encoder` gives `last_hidden_state` [B, T, H]; `maskedLm` gives `logits` [B, T, V]. */
export type GraphHead = "encoder" | "maskedLm";

/** BERT as an ONNX model file, whose weights are in the data file beside it. */
export function bertGraph(
  weights: ReadonlyMap<string, StoredWeight>,
  c: BertConfig,
  style: GraphStyle,
  head: GraphHead,
): Uint8Array {
  const g = new GraphBuilder(weights);
  const ids = (name: string) => g.input(name, "INT64", ["batch", "sequence"]);
  const inputs = {
    inputIds: ids("input_ids"),
    attentionMask: ids("attention_mask"),
    tokenTypeIds: ids("token_type_ids"),
  };
  const [embeddings, maskOf, layer] =
    style === "plain" ? [plainEmbeddings, plainMask, plainLayer] : [fusedEmbeddings, fusedMask, fusedLayer];
  let x = embeddings(g, inputs, c);
  const mask = maskOf(g, inputs);
  for (let n = 0; n < c.numHiddenLayers; n++) x = layer(g, `bert.encoder.layer.${n}`, x, mask, c);
  if (head === "encoder") g.output(x, "last_hidden_state", ["batch", "sequence", c.hiddenSize]);
  else g.output(maskedLmHead(g, x, c), "logits", ["batch", "sequence", c.vocabSize]);
  return g.encode();
}

/** Dense, GELU, LayerNorm, and the decoder, whose matrix is the word embeddings. */
function maskedLmHead(g: GraphBuilder, x: string, c: BertConfig): string {
  const dense = g.node("Gelu", [linear(g, "cls.predictions.transform.dense", x)]);
  const normed = layerNorm(g, "cls.predictions.transform", dense, c);
  // Of a constant: ONNX Runtime transposes it once, when the graph is loaded.
  const decoder = g.node("Transpose", [g.weight("bert.embeddings.word_embeddings.weight")], { perm: { ints: [1, 0] } });
  return g.node("Add", [g.node("MatMul", [normed, decoder]), g.weight("cls.predictions.bias")]);
}
