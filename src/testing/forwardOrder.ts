/**
 * The parts of names in the order in which a forward pass comes to them: ids, embeddings, layers, pooler, heads; in a
 * layer attention, intermediate, output; of parameters weight before bias. No part stands in two places of that order.
 */
const ORDER: readonly string[] = [
  ...["input_ids", "token_type_ids", "attention_mask"],
  ...["bert", "distilbert", "embeddings", "word_embeddings", "position_embeddings", "token_type_embeddings"],
  ...["encoder", "transformer", "layer", "attention", "self", "query", "key", "value", "q_lin", "k_lin", "v_lin"],
  ...["probs", "context", "out_lin", "sa_layer_norm", "ffn", "lin1", "intermediate", "output"],
  ...["dense", "vocab_transform", "intermediate_act_fn", "activation", "lin2", "output_layer_norm"],
  ...["transform_act_fn", "LayerNorm", "pooler", "pre_classifier", "dropout", "cls", "predictions", "transform"],
  ...["vocab_layer_norm", "vocab_projector", "decoder", "seq_relationship", "classifier", "qa_outputs"],
  ...["weight", "weight_scale", "bias"],
];

const PLACES: ReadonlyMap<string, number> = new Map(ORDER.map((part, place) => [part, place]));

/**
 * Compares two names of tensors, for `sort`: the forward pass computes the first before the second. What a module
 * returns comes after all that is computed within it; names that are not BERT's come last, by their characters.
 *
 * @example
 * ["bert.encoder.layer.0", "bert.encoder.layer.0.output.dense", "bert.embeddings"].sort(byForwardOrder);
 * // ["bert.embeddings", "bert.encoder.layer.0.output.dense", "bert.encoder.layer.0"]
 */
export function byForwardOrder(a: string, b: string): number {
  const [partsA, partsB] = [a.split("."), b.split(".")];
  for (let i = 0; i < partsA.length && i < partsB.length; i++) {
    if (partsA[i] !== partsB[i]) return byPart(partsA[i], partsB[i]);
  }
  return partsB.length - partsA.length; // one is a module of the other, and has the longer name
}

function byPart(a: string, b: string): number {
  if (isNumber(a) && isNumber(b) && Number(a) !== Number(b)) return Number(a) - Number(b);
  const [placeA, placeB] = [a, b].map((part) => PLACES.get(part) ?? ORDER.length);
  return placeA - placeB || (a < b ? -1 : 1);
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part);
}
