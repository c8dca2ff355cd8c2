import { BertError } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import { expectChoice } from "../options.ts";
import { sigmoid } from "../tensor/kernels/transcendental.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { answerAll, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectClass,
  expectCount,
  expectFields,
  expectOptions,
  expectText,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { expectEach } from "./faults.ts";
import { softmax, topK } from "./scores.ts";
import { type Answers, type InputStream, sized, withStreams } from "./stream.ts";

/** How logits become scores; "default" goes by the model's config.json. */
const FUNCTIONS = ["default", "softmax", "sigmoid", "none"] as const;

/**
 * Options of a call, named as in Hugging Face. What an array of texts gives follows from `top_k`, and its type from
 * that one's.
 */
export interface TextClassificationOptions<K extends number | null = number | null> extends CallOptions {
  /** How many labels, the best first; null: all of them. Default 1. */
  readonly top_k?: K;
  /**
   * Default: "none" if config.json's `problem_type` is "regression", "sigmoid" if it is "multi_label_classification" or
   * there is one label only, else "softmax".
   */
  readonly function_to_apply?: (typeof FUNCTIONS)[number];
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

/** A label with its score: a probability, or the number itself of a regression. */
export interface Classification {
  readonly label: string;
  readonly score: number;
}

/** A text, or two that the model sees together. */
export type ClassificationInput = string | { readonly text: string; readonly text_pair?: string };

/** A single label is no list in the answers of an array. */
type Classified<Input, K extends number | null> = Input extends readonly unknown[]
  ? Answers<Input, never, K extends 1 ? Classification : Classification[]>
  : Answers<Input, ClassificationInput, Classification[]>;

/** What `pipeline("text-classification", model)` gives. */
export interface TextClassification {
  /**
   * The labels of a text, best first; of equal ones the first in config.json comes first. An array of texts gives the
   * best label of each, or with another `top_k` than 1 a list for each. A text's scores are the same, to the bit, alone
   * and among others.
   *
   * A stream of any length is answered text by text and in order, each as the text alone. Several are computed at once;
   * while the caller handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts that are no strings or too long for the model, all of an array's that are, before
   *   anything is computed; or another wrong argument; of a stream after the results of the texts before. What the
   *   stream throws
   * @example
   * await classify("A touching story."); // [{ label: "positive", score: 0.99… }]
   * await classify(["A touching story.", "Dull."], { top_k: null });
   * for await (const [{ label }] of classify(lines)) console.log(label);
   */
  <
    Input extends ClassificationInput | readonly ClassificationInput[] | InputStream<ClassificationInput>,
    K extends number | null = 1,
  >(
    texts: Input,
    options?: TextClassificationOptions<K>,
  ): Classified<Input, K>;
}

const TASK = "text-classification";

/** @throws BertError ERR_INPUT the model has no sequence classifier */
export function textClassification(bert: Bert): TextClassification {
  const { tokenizer, config } = bert;
  expectClass(TASK, config, "BertForSequenceClassification");
  const { labels } = config;

  function prepare(options: TextClassificationOptions) {
    expectOptions(TASK, options, ["top_k", "function_to_apply", "truncation"]);
    const { top_k = 1, function_to_apply = "default" } = options;
    const count = top_k === null ? labels.length : expectCount(TASK, "top_k", top_k, ", or null for all labels");
    expectChoice(TASK, "function_to_apply", function_to_apply, FUNCTIONS);
    const scoresOf = scoreFunction(bert, function_to_apply);
    const truncation = flagOf(TASK, "truncation", options.truncation);
    const limit = tokenLimit(bert);
    return {
      encode: ({ text, textPair }: Texts) =>
        encodeWithin(TASK, tokenizer, text, { ...(textPair && { textPair }), truncation, limit }),

      async compute(batch: readonly Encoding[], signal?: AbortSignal): Promise<Classification[][]> {
        const { logits } = await bert.forward(batch, { lastHiddenState: false, ...(signal && { signal }) });
        const N = labels.length;
        return batch.map((_, b) => {
          const scores = scoresOf(logits!.data.subarray(b * N, (b + 1) * N));
          return topK(scores, count).map((i) => ({ label: labels[i], score: scores[i] }));
        });
      },
    };
  }

  async function run(input: unknown, options: TextClassificationOptions = {}): Promise<unknown> {
    const steps = prepare(options);
    if (!Array.isArray(input)) return (await answerAll([textsOf(input, "")], steps, options.signal))[0];
    if (input.length === 0) throw wrongArgument(TASK, "texts", "at least one text", input);
    const texts = expectEach(input, (item, i) => textsOf(item, `texts[${i}]`));
    const answers = await answerAll(texts, steps, options.signal);
    return options.top_k === undefined || options.top_k === 1 ? answers.map(([best]) => best) : answers;
  }

  return withStreams(TASK, run, (options: TextClassificationOptions) => {
    const { encode, compute } = prepare(options);
    return {
      *encode(item, i) {
        return sized(yield* encode(textsOf(item, `texts[${i}]`)));
      },
      compute,
    };
  }) as TextClassification;
}

/** The function that makes scores of a text's logits; "default" goes by the model's config.json. */
export function scoreFunction(bert: Bert, name: (typeof FUNCTIONS)[number]): (logits: Float32Array) => Float64Array {
  return SCORES[name === "default" ? functionOf(bert) : name];
}

/** The function that transformers' TextClassificationPipeline chooses for a model. */
function functionOf({ config: { problemType, labels } }: Bert): keyof typeof SCORES {
  if (problemType === "regression") return "none";
  return problemType === "multi_label_classification" || labels.length === 1 ? "sigmoid" : "softmax";
}

/** The functions that make scores of a text's logits. */
const SCORES: Readonly<Record<"softmax" | "sigmoid" | "none", (logits: Float32Array) => Float64Array>> = {
  softmax: (logits) => softmax(TASK, logits),
  sigmoid: (logits) => Float64Array.from(finite(logits), sigmoid),
  none: (logits) => Float64Array.from(finite(logits)),
};

function finite(logits: Float32Array): Float32Array {
  if (logits.every(Number.isFinite)) return logits;
  throw new BertError("ERR_CHECKPOINT", `${TASK}: the model's logits must be finite numbers, got others`);
}

/** What is classified, with its names in messages. */
interface Texts {
  readonly text: NamedText;
  readonly textPair?: NamedText;
}

function textsOf(input: unknown, name: string): Texts {
  if (typeof input !== "object" || input === null) return { text: expectText(TASK, name || "text", input) };
  const expected = "a string or { text, text_pair }";
  const fields = expectFields(TASK, name || "text", input, expected, ["text"], ["text_pair"]);
  const prefix = name === "" ? "" : `${name}.`;
  const text = expectText(TASK, `${prefix}text`, fields.text);
  const { text_pair } = fields;
  if (text_pair === undefined || text_pair === null || text_pair === "") return { text }; // as in Python
  return { text, textPair: expectText(TASK, `${prefix}text_pair`, text_pair) };
}
