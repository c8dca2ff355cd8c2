/** Pieces of the vocabulary, lower-case. */
export const VOCABULARY = 24_000;

/** Bits of the fraction that published matrices keep, of bfloat16's seven. */
export const FRACTION_BITS = 2;

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/** The sentences of a text, a paragraph in each line. */
export function* sentencesOf(text) {
  for (const paragraph of text.split("\n"))
    for (const { segment } of segmenter.segment(paragraph)) if (segment.trim() !== "") yield segment.trim();
}

/** The first and the second half of a sentence, by words. */
export function halvesOf(sentence) {
  const words = sentence.split(/\s+/);
  const middle = Math.ceil(words.length / 2);
  return [words.slice(0, middle).join(" "), words.slice(middle).join(" ")];
}

/** So many of a list, in an order that follows from the random numbers. It reorders the list. */
export function draw(list, count, random) {
  const n = Math.min(count, list.length);
  for (let i = 0; i < n; i++) {
    const j = i + random(list.length - i);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list.slice(0, n);
}

/** The student: a BERT of 3 layers without dropout. */
export const CONFIG = {
  architectures: ["BertModel"],
  model_type: "bert",
  hidden_size: 256,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  intermediate_size: 1024,
  max_position_embeddings: 256,
  type_vocab_size: 2,
  hidden_act: "gelu",
  hidden_dropout_prob: 0,
  attention_probs_dropout_prob: 0,
  initializer_range: 0.05,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
  dtype: "float32",
};

/** The command's options. The loss is 1 − cos for a text, as of unit vectors 1/E ‖u − t‖² is 2/E (1 − cos), plus that of similarities. */
export const DISTILLATION = {
  "--vector-loss-weight": 192,
  "--similarity-loss-weight": 10,
  "--max-steps": 6500,
  "--batch-size": 256,
  "--learning-rate": 1e-3,
  "--warmup-ratio": 0.05,
  "--adam-beta2": 0.98,
  "--logging-steps": 20,
  "--eval-steps": 500,
  "--save-steps": 250,
};
