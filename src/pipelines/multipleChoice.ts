import type { Bert } from "../load/loadBert.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { batchesOf, encodeAll, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectClass,
  expectFields,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  wrongArgument,
} from "./arguments.ts";
import { softmax, topK } from "./scores.ts";
import { type Answers, type InputStream, isStream, oneByOne } from "./stream.ts";
import { inTurns, type Parts } from "./turns.ts";

/** Options of a call. */
export interface MultipleChoiceOptions extends CallOptions {
  /**
   * Cut a pair that is too long for the model, from the end of the longer text, instead of refusing it. Default false.
   */
  readonly truncation?: boolean;
}

/** One of the choices with its probability among them. */
export interface Choice {
  readonly choice: string;
  /** The choice's place in the list of choices. */
  readonly index: number;
  readonly score: number;
}

/** A text with the texts that may go on with it. */
export interface TextAndChoices {
  readonly text: string;
  readonly choices: readonly string[];
}

/** What `pipeline("multiple-choice", model)` gives. */
export interface MultipleChoice {
  /**
   * Which of several texts goes on best with the first, or answers it: the softmax over one logit for each pair (Devlin
   * et al. 2019, §4.4). An array gives an array of results, each the same, to the bit, as the text with its choices
   * alone gives. A stream of any length is answered one after the other; leaving the loop closes it.
   *
   * @returns all choices, best first
   * @throws BertError ERR_INPUT texts that are no strings or pairs too long for the model, all of an array's that are,
   *   before anything is computed; or another wrong argument; of a stream after the results before. What the stream
   *   throws
   * @example
   * const [best] = await choose("She went to the door.", ["It was locked.", "The sea is red."]);
   * best; // { choice: "It was locked.", index: 0, score: 0.97… }
   */
  <Input extends string | readonly TextAndChoices[] | InputStream<TextAndChoices>>(
    text: Input,
    ...rest: Input extends string
      ? [choices: readonly string[], options?: MultipleChoiceOptions]
      : [options?: MultipleChoiceOptions]
  ): Answers<Input, string, Choice[]>;
}

const TASK = "multiple-choice";

interface EncodedItem {
  readonly choices: readonly string[];
  readonly pairs: readonly Encoding[];
}

/** @throws BertError ERR_INPUT the model has no multiple-choice head */
export function multipleChoice(bert: Bert): MultipleChoice {
  const { tokenizer, config } = bert;
  expectClass(TASK, config, "BertForMultipleChoice");

  /** @param name of the item in messages; "" for the arguments of a call */
  function* encode(item: unknown, name: string, truncation: boolean): Parts<EncodedItem> {
    const { text, choices } = expectFields(TASK, name, item, "{ text, choices }", ["text", "choices"]);
    const prefix = name && `${name}.`;
    if (!Array.isArray(choices)) throw wrongArgument(TASK, `${prefix}choices`, "an array of texts", choices);
    const first = expectText(TASK, `${prefix}text`, text);
    const limit = tokenLimit(bert);
    const pairs: Encoding[] = [];
    for (const textPair of expectTexts(TASK, choices, `${prefix}choices`)) {
      pairs.push(yield* encodeWithin(TASK, tokenizer, first, { textPair, truncation, limit }));
    }
    return { choices, pairs };
  }

  /** Pairs of all items in passes that have room for them; a pair's logit does not depend on its neighbours. */
  async function answer(items: readonly EncodedItem[], signal: AbortSignal | undefined): Promise<Choice[][]> {
    const logits: number[] = [];
    const all = items.flatMap(({ pairs }) => pairs);
    for (const batch of batchesOf(all, ({ length }) => length)) {
      const output = await bert.forward(batch, { lastHiddenState: false, ...(signal && { signal }) });
      logits.push(...output.logits!.data); // [1, choices of this batch]
    }
    let at = 0;
    return items.map(({ choices }) => {
      const scores = softmax(TASK, Float32Array.from(logits.slice(at, at + choices.length)));
      at += choices.length;
      return topK(scores, scores.length).map((index) => ({ choice: choices[index], index, score: scores[index] }));
    });
  }

  function truncationOf(options: MultipleChoiceOptions): boolean {
    expectOptions(TASK, options, ["truncation"]);
    return flagOf(TASK, "truncation", options.truncation);
  }

  async function run(first: unknown, ...rest: unknown[]): Promise<unknown> {
    const isList = Array.isArray(first);
    const items: unknown[] = isList ? Array.from(first) : [{ text: first, choices: rest.shift() }];
    const options = (rest[0] === undefined ? {} : rest[0]) as MultipleChoiceOptions;
    const truncation = truncationOf(options);
    if (items.length === 0) throw wrongArgument(TASK, "items", "at least one { text, choices }", first);
    const named = items.map((item, i) => ({ item, name: isList ? `items[${i}]` : "" }));
    const encoded = await encodeAll(named, ({ item, name }) => encode(item, name, truncation), options.signal);
    const answers = await answer(encoded, options.signal);
    return isList ? answers : answers[0];
  }

  return ((first: unknown, ...rest: unknown[]) => {
    if (!isStream(first)) return run(first, ...rest);
    const options = (rest[0] === undefined ? {} : rest[0]) as MultipleChoiceOptions;
    return oneByOne(first, async (item, i) => {
      const encoded = await inTurns(encode(item, `items[${i}]`, truncationOf(options)), options.signal);
      return (await answer([encoded], options.signal))[0];
    });
  }) as MultipleChoice;
}
