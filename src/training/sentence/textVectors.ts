import type { SentenceModule, SentenceModules } from "../../load/sentenceModules.ts";
import { sentenceVector } from "../../load/sentenceVector.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import { batchesInOrder } from "../data/batches.ts";
import { type EncodedSentence, hiddenStateOf } from "./encodeSentences.ts";

/** How texts become vectors. */
export interface TextVectorOptions {
  /** What the folder says. */
  readonly sentence: SentenceModules;
  /** The modules with the weights that they have now. Default: those of the folder. */
  readonly modules?: readonly SentenceModule[] | undefined;
  /** Sequences in a forward pass; their number changes no bit. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
  /** Called after each pass: so many texts of so many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * The vectors of texts, as `pipeline("embeddings")` makes them but not rounded.
 *
 * @param texts [n]
 * @returns     [n][D]
 */
export async function textVectors(
  model: BertModel,
  texts: readonly EncodedSentence[],
  { sentence, modules = sentence.modules, batchSize, signal, onProgress }: TextVectorOptions,
): Promise<Float64Array[]> {
  const { hiddenSize: H, numHiddenLayers } = model.config;
  const state = hiddenStateOf(sentence, numHiddenLayers);
  const vectors: Float64Array[] = [];
  let done = 0;
  for (const indices of batchesInOrder(
    texts.map(({ sequence }) => sequence.inputIds.length),
    { batchSize },
  )) {
    const { lastHiddenState, hiddenStates } = await model.forward(
      indices.map((i) => texts[i].sequence),
      { ...(state !== null && { hiddenStates: true }), ...(signal && { signal }) },
    );
    const { data, shape } = state === null ? lastHiddenState : hiddenStates![state]; // [B, T, H]
    for (const [b, i] of indices.entries()) {
      const from = b * shape[1] * H;
      const tokens = data.subarray(from, from + texts[i].sequence.inputIds.length * H);
      const vector = sentenceVector({ modules }, tokens, H, texts[i].promptLength);
      vectors[i] = vector.subarray(0, sentence.truncateDim ?? vector.length);
    }
    done += indices.length;
    onProgress?.(done, texts.length);
  }
  return vectors;
}
