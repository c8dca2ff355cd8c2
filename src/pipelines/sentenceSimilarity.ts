import { type CallOptions, expectOptions, expectText, expectTexts, wrongArgument } from "./arguments.ts";
import { type FeatureExtractionOptions, featureExtraction } from "./featureExtraction.ts";
import type { Bert } from "./load.ts";
import { type Pooling, TEXT_POOLINGS } from "./pooling.ts";

export interface SentenceSimilarityOptions extends CallOptions, Pick<FeatureExtractionOptions, "truncation"> {
  /** How the vectors of a sentence's tokens become one. Default "mean". */
  readonly pooling?: Exclude<Pooling, "none">;
}

/** Named as in Hugging Face's task of this name. */
export interface SentenceSimilarityInput {
  readonly source_sentence: string;
  readonly sentences: readonly string[];
}

/**
 * How similar each sentence is to the first one: the cosine of their vectors, −1 to 1.
 *
 * @returns a number for each of `sentences`, in their order
 * @throws BertError ERR_INPUT a text that is empty, no string or too long for the model, or another wrong argument
 * @example
 * await similarity({ source_sentence: "The door is open.", sentences: ["The window is open.", "He read."] });
 */
export type SentenceSimilarity = (
  input: SentenceSimilarityInput,
  options?: SentenceSimilarityOptions,
) => Promise<number[]>;

const TASK = "sentence-similarity";

export function sentenceSimilarity(bert: Bert): SentenceSimilarity {
  const extract = featureExtraction(bert);
  return async (input, options = {}) => {
    expectOptions(TASK, options, ["pooling", "truncation"]);
    const { pooling = "mean", ...others } = options;
    if (!TEXT_POOLINGS.includes(pooling)) {
      throw wrongArgument(TASK, "pooling", `one of ${TEXT_POOLINGS.join(", ")}`, pooling);
    }
    if (typeof input !== "object" || input === null || !Array.isArray(input.sentences)) {
      throw wrongArgument(TASK, "input", "{ source_sentence, sentences: […] }", input);
    }
    const source = expectText(TASK, "source_sentence", input.source_sentence);
    const texts = [source, ...expectTexts(TASK, input.sentences)].map(({ text }) => text);
    const { data, dims } = await extract(texts, { ...others, pooling, normalize: true });
    const H = dims[1];
    return input.sentences.map((_, i) => {
      let cosine = 0;
      for (let h = 0; h < H; h++) cosine += data[h] * data[(i + 1) * H + h];
      return cosine;
    });
  };
}
