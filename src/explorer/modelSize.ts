/** How large a model is, by its configuration. */
import type { BertConfig } from "../index.ts";

/** Layers of more weights take too long to compute with every key: BERT-base's have 85 million, the small model's 3. */
const MOST_WEIGHTS = 20_000_000;

/** The weights of the layers, without those of embeddings and heads. */
function weightsOfLayers({ numHiddenLayers: L, hiddenSize: H, intermediateSize: I }: BertConfig): number {
  return L * (4 * H * H + 2 * H * I);
}

/** Whether a text is computed when Enter is pressed, and not while it is typed. */
export const isLarge = (config: BertConfig): boolean => weightsOfLayers(config) > MOST_WEIGHTS;

/** How many numbers the model has, about: vectors and heads other than the one that predicts are left out. */
export function parametersOf(config: BertConfig): number {
  const { hiddenSize: H, vocabSize, maxPositionEmbeddings, typeVocabSize } = config;
  return weightsOfLayers(config) + H * (vocabSize + maxPositionEmbeddings + typeVocabSize) + 2 * H * H;
}
