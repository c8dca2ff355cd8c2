import { BertError, listed, quote, shown } from "./errors.ts";
import { classOf } from "./realm.ts";

/** Every name of a type of options, so that the compiler asks for a new one here too. */
export type OptionNames<Options> = { readonly [name in keyof Required<Options>]: true };

/** What other libraries call an option, a field or a value of ours. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  output_hidden_states: "hiddenStates",
  output_attentions: "attentions",
  text_pair: "textPair",
  fp32: "float32",
  fp16: "float16",
  bf16: "bfloat16",
  q8: "int8",
  batch_size: "batchSize",
  per_device_train_batch_size: "batchSize",
  per_device_eval_batch_size: "evalBatchSize",
  max_seq_length: "maxLength",
  doc_stride: "docStride",
  quantized: "dtype",
  torch_dtype: "dtype",
  device: "backend",
  num_threads: "threads",
  use_auth_token: "token",
  accessToken: "token",
  topk: "top_k",
  normalize_embeddings: "normalize",
  epochs: "numTrainEpochs",
  lr: "learningRate",
  tokens: "words",
  ner_tags: "tags",
  answer_start: "start",
};

/**
 * Checks that options are an object and have no other names than these, so that none is silently without effect.
 *
 * @param where the function that errors name
 * @throws BertError ERR_INPUT naming the unknown option, and the nearest known one
 * @example
 * expectKnownOptions("loadBert", { dtyp: "int8" }, { dtype: true, threads: true });
 * // BertError: loadBert: unknown option "dtyp"; did you mean "dtype"?
 */
export function expectKnownOptions(where: string, options: unknown, names: Readonly<Record<string, true>>): void {
  expectObject(where, options);
  expectKnownNames(where, "option", options, Object.keys(names));
}

/** @throws BertError ERR_INPUT options that are no object of names and values, such as an array or a Map */
export function expectObject(where: string, options: unknown): asserts options is object {
  if (classOf(options) === "Object") return;
  throw new BertError("ERR_INPUT", `${where}: options must be an object, got ${shown(options)}`);
}

/** Checks the path of a file or a folder. @throws BertError ERR_INPUT it is no string, or empty */
export function expectPath(where: string, name: string, path: unknown): void {
  if (typeof path === "string" && path !== "") return;
  throw new BertError("ERR_INPUT", `${where}: ${name} must be a path, got ${shown(path)}`);
}

/** Checks the option `signal` of a function. @throws BertError ERR_INPUT it is no AbortSignal */
export function expectSignal(where: string, signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.throwIfAborted === "function") return;
  throw new BertError("ERR_INPUT", `${where}: signal must be an AbortSignal, got ${shown(signal)}`);
}

/**
 * Checks that an object has no other names than these.
 *
 * @param what what one of its names is: "option", "field"
 * @throws BertError ERR_INPUT naming the unknown one, and the nearest known one
 */
export function expectKnownNames(where: string, what: string, object: object, known: readonly string[]): void {
  for (const name of Object.keys(object)) {
    if (!known.includes(name)) throw unknownName(where, what, name, known);
  }
}

/**
 * ERR_INPUT: `loadBert: unknown option "dtyp"; did you mean "dtype"?`. Where none is near, it tells what is known, the
 * nearest first.
 */
export function unknownName(where: string, what: string, name: string, known: readonly string[]): BertError {
  const meant = meantBy(name, known);
  if (known.length === 0) {
    return new BertError("ERR_INPUT", `${where}: unknown ${what} ${quote(name)}; it has no ${what}s`);
  }
  const help =
    meant === null ? `known are ${listed(byNearness(name, known).map(quote))}` : `did you mean ${quote(meant)}?`;
  return new BertError("ERR_INPUT", `${where}: unknown ${what} ${quote(name)}; ${help}`);
}

/** The name that a user who typed `word` may have meant: what other libraries' word is called here, or the nearest. */
function meantBy(word: string, names: readonly string[]): string | null {
  const own = Object.hasOwn(ELSEWHERE, word) ? ELSEWHERE[word] : null;
  return own !== null && names.includes(own) ? own : nearest(word, names);
}

/**
 * `; did you mean "fill-mask"?`, to follow a value that is none of some names; empty where none is near.
 *
 * @example
 * `dtype must be one of ${names.join(", ")}, got ${shown(dtype)}${hint(dtype, names)}`
 */
export function hint(value: unknown, names: readonly string[]): string {
  const meant = typeof value === "string" ? meantBy(value, names) : null;
  return meant === null ? "" : `; did you mean ${quote(meant)}?`;
}

/**
 * Checks that a value is one of some names.
 *
 * @param where the function that errors name
 * @param name  what the value is
 * @throws BertError ERR_INPUT it is none, saying which one was meant
 * @example
 * expectChoice("loadBert", "dtype", "q8", ["float32", "int8"]);
 * // BertError: loadBert: dtype must be one of float32, int8, got "q8"; did you mean "int8"?
 */
export function expectChoice<const Choice extends string>(
  where: string,
  name: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  if (choices.includes(value as Choice)) return value as Choice;
  const expected = `one of ${choices.join(", ")}`;
  throw new BertError("ERR_INPUT", `${where}: ${name} must be ${expected}, got ${shown(value)}${hint(value, choices)}`);
}

/** The name that a user who typed `word` may have meant: at most a third of it is wrong; null: none is so near. */
export function nearest(word: string, names: readonly string[]): string | null {
  const [first] = byNearness(word, names);
  return first !== undefined && edits(word, first) <= Math.max(1, Math.floor(word.length / 3)) ? first : null;
}

/** The names, the nearest first; of equally near ones in their order. */
function byNearness(word: string, names: readonly string[]): string[] {
  const distances = new Map(names.map((name) => [name, edits(word, name)]));
  return [...names].sort((a, b) => distances.get(a)! - distances.get(b)!);
}

/**
 * How many characters must be inserted, removed, replaced or exchanged with the next one to make one name the other
 * (Damerau 1964, no part edited twice), where capitals, `_` and `-` do not count: `topK` is `top_k`.
 */
function edits(name: string, other: string): number {
  const [a, b] = [name, other].map((text) => text.slice(0, 100).toLowerCase().replace(/[_-]/g, ""));
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const [row, before] = [[i], rows[i - 1]];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          before[j] + 1,
          row[j - 1] + 1,
          before[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
          exchanged ? rows[i - 2][j - 2] + 1 : Infinity,
        ),
      );
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
