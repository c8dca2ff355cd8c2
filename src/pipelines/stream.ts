import { classOf } from "../realm.ts";
import { type Sized, streamed } from "../runtime/streamed.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { type CallOptions, expectCallOptions } from "./arguments.ts";
import { inTurns, type Parts } from "./turns.ts";

/**
 * Any number of inputs, such as a generator or the lines of a file; strings and arrays, which have a length, are none.
 */
export type InputStream<Input> = AsyncIterable<Input> | (Iterable<Input> & { readonly length?: never });

/**
 * What a call gives: the answer for one input, a list of answers for an array of them, a generator of answers for a
 * stream. One signature with this type, in place of an overload for each, lets the compiler say which argument or
 * option is wrong, and editors offer every value of an option.
 *
 * @typeParam One what a single input is
 */
export type Answers<Input, One, Answer> =
  IsAny<Input> extends true
    ? Promise<Answer>
    : Input extends One
      ? Promise<Answer>
      : Input extends readonly unknown[]
        ? Promise<Answer[]>
        : AsyncGenerator<Answer, void, undefined>;

/** A text, several, or a stream of them. */
export type Texts = string | readonly string[] | InputStream<string>;

/** Whether a type is `any`, which any condition takes both ways. */
export type IsAny<T> = 0 extends 1 & T ? true : false;

/** How the inputs of a stream are answered. */
export interface TextStreamSteps<Encoded> {
  /** @param i the input's index in the stream */
  encode(input: unknown, i: number): Parts<Sized<Encoded>>;
  compute(batch: readonly Encoded[], signal: AbortSignal): Promise<Iterable<unknown>>;
}

/**
 * A pipeline that takes streams too, and gives a generator of results for them.
 *
 * @param call    answers everything else
 * @param prepare checks the options; how a stream is answered, input by input. Arguments between the stream and the
 *   options, which come last, are handed on
 * @param between how many arguments there are between them
 */
export function withStreams<Options extends CallOptions, Encoded>(
  where: string,
  call: (first: unknown, ...rest: never[]) => Promise<unknown>,
  prepare: (options: Options, ...between: unknown[]) => TextStreamSteps<Encoded>,
  between = 0,
): (first: unknown, ...rest: unknown[]) => unknown {
  const steps = (options: Options, others: readonly unknown[]) => {
    expectCallOptions(where, options);
    const { encode, compute } = prepare(options, ...others);
    return {
      signal: options.signal,
      encode: (input: unknown, i: number, stop: AbortSignal) => inTurns(encode(input, i), stop),
      compute,
    };
  };
  return (first, ...rest) => {
    if (!isStream(first)) return call(first, ...(rest as never[]));
    const options = (rest[between] === undefined ? {} : rest[between]) as Options;
    return streamed(first, () => steps(options, rest.slice(0, between)));
  };
}

/** An encoding that costs what its tokens cost. */
export function sized(encoding: Encoding): Sized<Encoding> {
  return { encoded: encoding, tokens: encoding.length, length: encoding.length };
}

/**
 * Answers a stream input by input, for pipelines that compute much for each: a pass for every token or choice of it.
 */
export async function* oneByOne<Answer>(
  inputs: Iterable<unknown> | AsyncIterable<unknown>,
  answer: (input: unknown, i: number) => Promise<Answer>,
): AsyncGenerator<Answer, void, undefined> {
  let i = 0;
  for await (const input of inputs) yield await answer(input, i++);
}

export function isStream(input: unknown): input is Iterable<unknown> | AsyncIterable<unknown> {
  if (typeof input !== "object" || input === null || Array.isArray(input)) return false;
  if (ArrayBuffer.isView(input) || classOf(input) === "String") return false; // one text that is no string
  return Symbol.asyncIterator in input || Symbol.iterator in input;
}
