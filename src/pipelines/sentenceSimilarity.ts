import type { Bert } from "../load/loadBert.ts";
import { expectChoice } from "../options.ts";
import {
  type CallOptions,
  expectFields,
  expectOptions,
  expectText,
  expectTexts,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { expectEach } from "./faults.ts";
import { type FeatureExtractionOptions, vectorsOf } from "./featureExtraction.ts";
import type { FeatureTensor } from "./featureTensor.ts";
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
   * @throws BertError ERR_INPUT texts that are no strings or too long for the model, all of an array's that are, before
   *   anything is computed; or another wrong argument; of a stream after the results before. What the stream throws
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
  async function answer(inputs: readonly NamedText[][], options: SentenceSimilarityOptions): Promise<number[][]> {
    expectOptions(TASK, options, ["pooling", "truncation"]);
    const { pooling = "mean", ...others } = options;
    expectChoice(TASK, "pooling", pooling, TEXT_POOLINGS);
    const settings = { ...others, pooling, normalize: true };
    const { data, dims } = (await vectorsOf(bert, TASK, inputs.flat(), settings)) as FeatureTensor<number[][]>;
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
      expectEach(input, (one, i) => textsOf(one, `inputs[${i}]`)),
      options,
    );
  }

  return ((input: unknown, options: SentenceSimilarityOptions = {}) => {
    if (!isStream(input)) return run(input, options);
    return oneByOne(input, async (one, i) => (await answer([textsOf(one, `inputs[${i}]`)], options))[0]);
  }) as SentenceSimilarity;
}

/** The source sentence, then the others. */
function textsOf(input: unknown, name: string): NamedText[] {
  const expected = "{ source_sentence, sentences: […] }";
  const fields = expectFields(TASK, name || "input", input, expected, ["source_sentence", "sentences"]);
  if (!Array.isArray(fields.sentences)) throw wrongArgument(TASK, name || "input", expected, input);
  const prefix = name && `${name}.`;
  const source = expectText(TASK, `${prefix}source_sentence`, fields.source_sentence);
  return [source, ...expectTexts(TASK, fields.sentences, `${prefix}sentences`)];
}
