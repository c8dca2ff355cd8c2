import {
  type CallOptions,
  encodeWithin,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  wrongArgument,
} from "./arguments.ts";
import { batchesOf, tokenLimit } from "./batches.ts";
import type { Bert } from "./load.ts";
import { softmax, topK } from "./scores.ts";

export interface MultipleChoiceOptions extends CallOptions {
  /** Cut a pair that is too long for the model, from the end of the longer text, instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

/** One of the choices with its probability among them. */
export interface Choice {
  readonly choice: string;
  /** Its place in the list of choices. */
  readonly index: number;
  readonly score: number;
}

/**
 * Which of several texts goes on best with the first, or answers it: the softmax over one logit for each pair (Devlin et al.
 * 2019, §4.4).
 *
 * @returns all choices, best first
 * @throws BertError ERR_INPUT a text that is empty or no string, a pair too long for the model, or another wrong argument
 * @example
 * const [best] = await choose("She went to the door.", ["It was locked.", "The sea is red."]);
 * best; // { choice: "It was locked.", index: 0, score: 0.97… }
 */
export type MultipleChoice = (
  text: string,
  choices: readonly string[],
  options?: MultipleChoiceOptions,
) => Promise<Choice[]>;

const TASK = "multiple-choice";

/** @throws BertError ERR_INPUT the model has no multiple-choice head */
export function multipleChoice(bert: Bert): MultipleChoice {
  const { tokenizer, config } = bert;
  if (config.architecture !== "BertForMultipleChoice") {
    throw wrongArgument(TASK, "model", "a BertForMultipleChoice", config.architecture);
  }
  return async (text, choices, options = {}) => {
    expectOptions(TASK, options, ["truncation"]);
    const truncation = flagOf(TASK, "truncation", options.truncation);
    if (!Array.isArray(choices)) throw wrongArgument(TASK, "choices", "an array of texts", choices);
    const first = expectText(TASK, "text", text);
    const seconds = expectTexts(TASK, choices).map(({ text }, i) => ({ name: `choices[${i}]`, text }));
    const limit = tokenLimit(bert);
    const pairs = seconds.map((textPair) => encodeWithin(TASK, tokenizer, first, { textPair, truncation, limit }));
    const logits: number[] = [];
    for (const batch of batchesOf(
      pairs,
      (pair) => pair,
      ({ length }) => length,
    )) {
      const output = await bert.forward(batch, {
        lastHiddenState: false,
        ...(options.signal && { signal: options.signal }),
      });
      logits.push(...output.logits!.data); // [1, choices of this batch]
    }
    const scores = softmax(TASK, Float32Array.from(logits));
    return topK(scores, scores.length).map((index) => ({ choice: choices[index], index, score: scores[index] }));
  };
}
