import type { Bert } from "../load/loadBert.ts";
import { type CallOptions, expectOptions, expectText, expectTexts, wrongArgument } from "./arguments.ts";
import { type FeatureExtractionOptions, featureExtraction } from "./featureExtraction.ts";
import { type Pooling, TEXT_POOLINGS } from "./pooling.ts";
import { type Answers, type InputStream, isStream, oneByOne } from "./stream.ts";

/** Options of a call. */
export interface SentenceSimilarityOptions extends CallOptions, Pick<FeatureExtractionOptions, "truncation"> {
  /** How the vectors of a sentence's tokens become one. Default "mean". */
  readonly pooling?: Exclude<Pooling, "none">;
}

/** Named as in Hugging Face's task of this name. */
export interface SentenceSimilarityInput {
  readonly source_sentence: string;
  readonly sentences: readonly string[];
}

/** What `pipeline("sentence-similarity")` gives. */
export interface SentenceSimilarity {
  /**
   * How similar each sentence is to the first one: the cosine of their vectors, −1 to 1. An array of inputs gives an
   * array of results. A stream of any length is answered one input after the other; leaving the loop closes it.
   *
   * @returns a number for each of `sentences`, in their order
   * @throws BertError ERR_INPUT a text that is empty, no string or too long for the model, or another wrong argument;
   *   of a stream after the results before. What the stream throws
   * @example
   * await similarity({ source_sentence: "The door is open.", sentences: ["The window is open.", "He read."] });
   */
  <Input extends SentenceSimilarityInput | readonly SentenceSimilarityInput[] | InputStream<SentenceSimilarityInput>>(
    inputs: Input,
    options?: SentenceSimilarityOptions,
  ): Answers<Input, SentenceSimilarityInput, number[]>;
}

const TASK = "sentence-similarity";

export function sentenceSimilarity(bert: Bert): SentenceSimilarity {
  const extract = featureExtraction(bert);

  async function answer(inputs: readonly string[][], options: SentenceSimilarityOptions): Promise<number[][]> {
    expectOptions(TASK, options, ["pooling", "truncation"]);
    const { pooling = "mean", ...others } = options;
    if (!TEXT_POOLINGS.includes(pooling)) {
      throw wrongArgument(TASK, "pooling", `one of ${TEXT_POOLINGS.join(", ")}`, pooling);
    }
    const { data, dims } = await extract(inputs.flat(), { ...others, pooling, normalize: true });
    const H = dims[1];
    let source = 0; // the row of the source sentence; those of its sentences follow
    return inputs.map(({ length }) => {
      const cosines = Array.from({ length: length - 1 }, (_, i) => {
        let cosine = 0;
        for (let h = 0; h < H; h++) cosine += data[source * H + h] * data[(source + 1 + i) * H + h];
        return cosine;
      });
      source += length;
      return cosines;
    });
  }

  async function run(input: unknown, options: SentenceSimilarityOptions = {}): Promise<unknown> {
    if (!Array.isArray(input)) return (await answer([textsOf(input, "")], options))[0];
    if (input.length === 0) throw wrongArgument(TASK, "inputs", "at least one input", input);
    return answer(
      Array.from(input, (one, i) => textsOf(one, `inputs[${i}]`)),
      options,
    );
  }

  return ((input: unknown, options: SentenceSimilarityOptions = {}) => {
    if (!isStream(input)) return run(input, options);
    return oneByOne(input, async (one, i) => (await answer([textsOf(one, `inputs[${i}]`)], options))[0]);
  }) as SentenceSimilarity;
}

/** The source sentence, then the others. */
function textsOf(input: unknown, name: string): string[] {
  if (
    typeof input !== "object" ||
    input === null ||
    !("source_sentence" in input && "sentences" in input && Array.isArray(input.sentences))
  ) {
    throw wrongArgument(TASK, name || "input", "{ source_sentence, sentences: […] }", input);
  }
  const prefix = name && `${name}.`;
  const source = expectText(TASK, `${prefix}source_sentence`, input.source_sentence);
  return [source, ...expectTexts(TASK, input.sentences)].map(({ text }) => text);
}
