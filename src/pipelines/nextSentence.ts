import type { Bert } from "../load/loadBert.ts";
import { classOf } from "../realm.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { answerAll, tokenLimit, withoutDecoder } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectClass,
  expectFields,
  expectOptions,
  expectText,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { expectEach } from "./faults.ts";
import { softmax } from "./scores.ts";
import { type Answers, type InputStream, sized, withStreams } from "./stream.ts";

/** Options of a call. What it gives follows from `top_k`, and its type from that one's. */
export interface NextSentenceOptions<K extends 1 | null = 1 | null> extends CallOptions {
  /** 1, the default: the likelier label. null: both, likelier first. */
  readonly top_k?: K;
  /**
   * Cut a pair that is too long for the model, from the end of the longer text, instead of refusing it. Default false.
   */
  readonly truncation?: boolean;
}

/** A label with its probability. */
export interface NextSentencePrediction {
  readonly label: "IsNext" | "NotNext";
  readonly score: number;
}

/** Two texts, of which the second may follow the first. */
export type TextPair =
  | { readonly text: string; readonly text_pair: string }
  | readonly [text: string, text_pair: string];

/** One pair as an object; an array of two texts would be an array of pairs. */
type NamedPair = Extract<TextPair, { readonly text: string }>;

/** What `pipeline("next-sentence-prediction")` gives. */
export interface NextSentence {
  /**
   * Whether the second text is likely to follow the first. An array of pairs gives an array of results, each the same,
   * to the bit, as the pair alone gives.
   *
   * A stream of any length is answered pair by pair and in order. Several are computed at once; while the caller
   * handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts that are no strings or pairs too long for the model, all of an array's that are,
   *   before anything is computed; or another wrong argument; of a stream after the results of the pairs before. What
   *   the stream throws
   * @example
   * await isNext("She went to the door.", "It was locked."); // { label: "IsNext", score: 0.67… }
   * await isNext({ text: "She went to the door.", text_pair: "It was locked." }); // the same
   * await isNext([["She went to the door.", "It was locked."]], { top_k: null });
   * for await (const { label } of isNext(pairs())) console.log(label);
   */
  <Input extends string | NamedPair | readonly TextPair[] | InputStream<TextPair>, K extends 1 | null = 1>(
    text: Input,
    ...rest: Input extends string
      ? [text_pair: string, options?: NextSentenceOptions<K>]
      : [options?: NextSentenceOptions<K>]
  ): Answers<Input, string | NamedPair, K extends 1 ? NextSentencePrediction : NextSentencePrediction[]>;
}

const TASK = "next-sentence-prediction";

/**
 * The labels in the order of the logits: class 0 is "the second text follows the first", with Google's weights and
 * Hugging Face's.
 */
const LABELS = ["IsNext", "NotNext"] as const;

/** @throws BertError ERR_INPUT the model has no next-sentence head */
export function nextSentence(bert: Bert): NextSentence {
  const { tokenizer, config } = bert;
  expectClass(TASK, config, "BertForNextSentencePrediction", "BertForPreTraining");

  function prepare(options: NextSentenceOptions) {
    expectOptions(TASK, options, ["top_k", "truncation"]);
    const { top_k = 1 } = options;
    if (top_k !== 1 && top_k !== null) throw wrongArgument(TASK, "top_k", "1 or null, which gives both labels", top_k);
    const truncation = flagOf(TASK, "truncation", options.truncation);
    const limit = tokenLimit(bert);
    return {
      // An empty second text is none, as for Python's tokenizer; a blank one is one
      encode: ([text, textPair]: readonly [NamedText, NamedText]) =>
        encodeWithin(TASK, tokenizer, text, { ...(textPair.text !== "" && { textPair }), truncation, limit }),

      async compute(batch: readonly Encoding[], signal?: AbortSignal): Promise<Answer[]> {
        const output = await bert.forward(batch, {
          lastHiddenState: false,
          ...withoutDecoder(bert, batch.length),
          ...(signal && { signal }),
        });
        const { data } = (output.seqRelationshipLogits ?? output.logits)!; // [B, 2]
        return batch.map((_, b) => {
          const scores = softmax(TASK, data.subarray(2 * b, 2 * b + 2));
          const both = LABELS.map((label, i) => ({ label, score: scores[i] })).sort((x, y) => y.score - x.score);
          return top_k === null ? both : both[0];
        });
      },
    };
  }

  async function run(first: unknown, ...rest: unknown[]): Promise<Answer | Answer[]> {
    const isList = Array.isArray(first);
    const isPair = classOf(first) === "Object";
    const one = () => (isPair ? pairOf(first, "pair") : pairOf({ text: first, text_pair: rest.shift() }, ""));
    const pairs = isList ? pairsOf(first) : [one()];
    const options = (rest[0] === undefined ? {} : rest[0]) as NextSentenceOptions;
    const results = await answerAll(pairs, prepare(options), options.signal);
    return isList ? results : results[0];
  }

  return withStreams(TASK, run, (options: NextSentenceOptions) => {
    const { encode, compute } = prepare(options);
    return {
      *encode(pair, i) {
        return sized(yield* encode(pairOf(pair, `pairs[${i}]`)));
      },
      compute,
    };
  }) as NextSentence;
}

/** An answer: for `top_k` 1 the likelier label, for null both. */
type Answer = NextSentencePrediction | NextSentencePrediction[];

function pairsOf(list: readonly unknown[]): [NamedText, NamedText][] {
  if (list.length === 0) throw wrongArgument(TASK, "pairs", "at least one pair", list);
  return expectEach(list, (pair, i) => pairOf(pair, `pairs[${i}]`));
}

function pairOf(pair: unknown, name: string): [NamedText, NamedText] {
  if (Array.isArray(pair) && pair.length === 2) {
    return [expectText(TASK, `${name}[0]`, pair[0]), expectText(TASK, `${name}[1]`, pair[1])];
  }
  const fields = expectFields(TASK, name, pair, "{ text, text_pair } or [text, text_pair]", ["text", "text_pair"]);
  const prefix = name === "" ? "" : `${name}.`;
  return [expectText(TASK, `${prefix}text`, fields.text), expectText(TASK, `${prefix}text_pair`, fields.text_pair)];
}
