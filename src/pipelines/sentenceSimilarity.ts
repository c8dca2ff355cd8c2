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
import { vectorsOf } from "./featureExtraction.ts";
import type { FeatureTensor } from "./featureTensor.ts";
import { type Pooling, TEXT_POOLINGS } from "./pooling.ts";
import { SIMILARITIES } from "./similarities.ts";
import { type Answers, type InputStream, isStream, oneByOne } from "./stream.ts";
import { type EmbeddingOptions, embeddingsOf } from "./textEmbeddings.ts";

/** Options of a call. */
export interface SentenceSimilarityOptions
  extends CallOptions,
    Pick<EmbeddingOptions, "prompt" | "prompt_name" | "truncation"> {
  /**
   * How the vectors of a sentence's tokens become one, and their cosines are taken, as `pipeline("feature-extraction")`
   * has it. Default: all as the model's folder says, as `pipeline("embeddings")` has it.
   */
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
   * How similar each sentence is to the first one, by the function that the model's folder names: the cosine of their
   * vectors, −1 to 1, their dot product, or minus their Euclidean or Manhattan distance. The cosine, where it names
   * none. An array of inputs gives an array of results. A stream of any length is answered one input after the other;
   * leaving the loop closes it.
   *
   * @returns a number for each of `sentences`, in their order; none for none
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
  /** The numbers of all texts, and the function that compares them. */
  async function vectors(texts: readonly NamedText[], options: SentenceSimilarityOptions) {
    expectOptions(TASK, options, ["pooling", "prompt", "prompt_name", "truncation"]);
    const { pooling, prompt, prompt_name, ...others } = options;
    if (pooling === undefined) {
      const given = {
        ...others,
        ...(prompt !== undefined && { prompt }),
        ...(prompt_name !== undefined && { prompt_name }),
      };
      return { vectors: await embeddingsOf(bert, TASK, texts, given), alike: SIMILARITIES[bert.sentence.similarity] };
    }
    expectChoice(TASK, "pooling", pooling, TEXT_POOLINGS);
    for (const [name, value] of Object.entries({ prompt, prompt_name })) {
      if (value !== undefined) throw wrongArgument(TASK, name, "left out beside pooling", value);
    }
    return { vectors: await vectorsOf(bert, TASK, texts, { ...others, pooling }), alike: SIMILARITIES.cosine };
  }

  async function answer(inputs: readonly NamedText[][], options: SentenceSimilarityOptions): Promise<number[][]> {
    const { vectors: found, alike } = await vectors(inputs.flat(), options);
    const { data, dims } = found as FeatureTensor<number[][]>;
    const row = (i: number) => data.subarray(i * dims[1], (i + 1) * dims[1]);
    let source = 0; // the row of the source sentence; those of its sentences follow
    return inputs.map(({ length }) => {
      const scores = Array.from({ length: length - 1 }, (_, i) => alike(row(source), row(source + 1 + i)));
      source += length;
      return scores;
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
  if (fields.sentences.length === 0) return [source];
  return [source, ...expectTexts(TASK, fields.sentences, `${prefix}sentences`)];
}
