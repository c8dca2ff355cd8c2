import { quote } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { answerAll, batchesOf, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectClass,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { faultOf } from "./faults.ts";
import { softmax, topK } from "./scores.ts";
import { type Answers, type Texts, withStreams } from "./stream.ts";
import type { Parts } from "./turns.ts";

/** Options of a call, named as in Hugging Face. */
export interface ZeroShotOptions extends CallOptions {
  /** The sentence that says of a text what a label means; {} is where the label goes. Default "This example is {}." */
  readonly hypothesis_template?: string;
  /**
   * Whether a text may have several labels: then each has a probability of its own, else they sum up to 1. Default
   * false.
   */
  readonly multi_label?: boolean;
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

/** Labels with their probabilities, likeliest first. */
export interface ZeroShotClassificationResult {
  readonly sequence: string;
  readonly labels: string[];
  readonly scores: number[];
}

/** What `pipeline("zero-shot-classification", model)` gives. */
export interface ZeroShotClassification {
  /**
   * Which of any labels fit a text, by a model that was trained on natural language inference: whether the text entails
   * "This example is LABEL." (Yin et al. 2019, arXiv 1909.00161). An array of texts gives an array of results, each the
   * same, to the bit, as the text alone gives.
   *
   * A stream of any length is answered text by text and in order. Several are computed at once; while the caller
   * handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @param labels a list, or a string with commas
   * @throws BertError ERR_INPUT texts that are empty, no strings or too long for the model, all of an array's that are,
   *   before anything is computed; labels that are no strings or leave a text no room; or another wrong argument; of a
   *   stream after the results of the texts before. What the stream throws
   * @example
   * const { labels } = await classify("The door is open.", ["house", "sea"]);
   * labels[0]; // "house"
   * for await (const { labels } of classify(lines, ["house", "sea"])) console.log(labels[0]);
   */
  <Input extends Texts>(
    texts: Input,
    labels: string | readonly string[],
    options?: ZeroShotOptions,
  ): Answers<Input, string, ZeroShotClassificationResult>;
}

const TASK = "zero-shot-classification";

/** A text with each hypothesis. */
interface EncodedText {
  readonly text: string;
  readonly pairs: readonly Encoding[];
  /** Tokens of all pairs together. */
  readonly length: number;
}

/** @throws BertError ERR_INPUT the model has no classifier of natural language inference */
export function zeroShotClassification(bert: Bert): ZeroShotClassification {
  const { tokenizer, config } = bert;
  const N = config.labels.length;
  expectClass(TASK, config, "BertForSequenceClassification");
  if (N < 2)
    throw faultOf(
      TASK,
      "model",
      `a ${config.architecture} with at least two labels`,
      `has one alone, ${quote(config.labels[0])}`,
    );
  // As transformers: the label that begins so, else the last; and the first label denies it, or the last if that is it.
  const named = config.labels.findIndex((label) => label.toLowerCase().startsWith("entail"));
  const entailment = named < 0 ? N - 1 : named;
  const contradiction = entailment === 0 ? N - 1 : 0;

  function prepare(candidates: unknown, options: ZeroShotOptions) {
    expectOptions(TASK, options, ["hypothesis_template", "multi_label", "truncation"]);
    const { hypothesis_template: template = "This example is {}." } = options;
    if (typeof template !== "string" || !template.includes("{}")) {
      throw wrongArgument(TASK, "hypothesis_template", "a string with {} for the label", template);
    }
    const labels = labelsOf(candidates);
    const hypotheses = labels.map(({ name, text }) => ({ name, text: template.replaceAll("{}", () => text) }));
    const each = flagOf(TASK, "multi_label", options.multi_label) || labels.length === 1;
    const truncation = flagOf(TASK, "truncation", options.truncation) && "only_first";
    const limit = tokenLimit(bert);

    function* encode(text: NamedText): Parts<EncodedText> {
      if (text.text === "") throw wrongArgument(TASK, text.name, "a text that is not empty", text.text); // as in Python
      const pairs: Encoding[] = [];
      for (const textPair of hypotheses) {
        pairs.push(yield* encodeWithin(TASK, tokenizer, text, { textPair, truncation, limit }));
      }
      return { text: text.text, pairs, length: pairs.reduce((sum, { length }) => sum + length, 0) };
    }

    /** @param logits for each label, [N] */
    function answer(sequence: string, logits: readonly Float32Array[]): ZeroShotClassificationResult {
      const scores = each
        ? Float64Array.from(logits, (of) => softmax(TASK, Float32Array.of(of[contradiction], of[entailment]))[1])
        : softmax(
            TASK,
            Float32Array.from(logits, (of) => of[entailment]),
          );
      const order = topK(scores, labels.length);
      return { sequence, labels: order.map((i) => labels[i].text), scores: order.map((i) => scores[i]) };
    }

    return {
      encode,
      async compute(batch: readonly EncodedText[], signal?: AbortSignal): Promise<ZeroShotClassificationResult[]> {
        const logits: Float32Array[] = [];
        const pairs = batch.flatMap((text) => text.pairs);
        for (const some of batchesOf(pairs, ({ length }) => length)) {
          const output = await bert.forward(some, { lastHiddenState: false, ...(signal && { signal }) });
          for (const b of some.keys()) logits.push(output.logits!.data.subarray(b * N, (b + 1) * N));
        }
        return batch.map(({ text }, i) => answer(text, logits.slice(i * labels.length, (i + 1) * labels.length)));
      },
    };
  }

  async function run(input: unknown, labels: unknown, options: ZeroShotOptions = {}): Promise<unknown> {
    const answers = await answerAll(expectTexts(TASK, input), prepare(labels, options), options.signal);
    return Array.isArray(input) ? answers : answers[0];
  }

  return withStreams(
    TASK,
    run,
    (options: ZeroShotOptions, labels: unknown) => {
      const { encode, compute } = prepare(labels, options);
      return {
        *encode(text, i) {
          const encoded = yield* encode(expectText(TASK, `texts[${i}]`, text));
          return { encoded, tokens: encoded.length, length: encoded.length };
        },
        compute,
      };
    },
    1,
  ) as ZeroShotClassification;
}

function labelsOf(candidates: unknown): NamedText[] {
  const list: unknown =
    typeof candidates === "string"
      ? candidates.split(",").flatMap((label) => (label.trim() === "" ? [] : [label.trim()]))
      : candidates;
  if (!Array.isArray(list) || list.length === 0) throw wrongArgument(TASK, "labels", "at least one label", candidates);
  return expectTexts(TASK, list, "labels");
}
