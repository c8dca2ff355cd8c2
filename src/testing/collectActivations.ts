import { BertError, listed, quote } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import type { TapInfo } from "../model/taps.ts";
import { hint } from "../options.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { encodeWithin, expectOptions, expectText, flagOf, wrongArgument } from "../pipelines/arguments.ts";
import { inTurns, type Parts } from "../pipelines/turns.ts";
import { has } from "../realm.ts";
import type { TensorToWrite } from "../safetensors/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Encoding } from "../tokenizer/index.ts";

/** What `collectActivations` looks at. */
export interface ActivationsOptions {
  /** The second text of a pair. */
  readonly textPair?: string;
  /** Cut what is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
  /**
   * Names in `bert.taps`, where `*` stands for any characters: `["bert.encoder.layer.*.output", "bert.pooler"]`.
   * Default: all of them.
   */
  readonly taps?: readonly string[];
  /** Stops between two layers; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a model makes of a text, step by step: the two arguments of `writeSafetensors`. */
export interface Activations {
  /**
   * `input_ids` and `token_type_ids`, I64 [1, T], then the taps in the order of the forward pass, F32, with the shapes
   * that `bert.taps` tells and B = 1.
   */
  readonly tensors: ReadonlyMap<string, TensorToWrite>;
  /**
   * `format`, which is "plainbert activations"; the model's `fingerprint`, `architecture`, `backend` and `dtype`;
   * `text`, of a pair also `text_pair`; `truncated`, "true" or "false".
   */
  readonly metadata: ReadonlyMap<string, string>;
}

const WHERE = "collectActivations";

/**
 * Computes a text, and keeps what each step of the model returns, under the names of `bert.taps`, which are those of
 * PyTorch's modules. So the steps of another engine, or of another version, are compared with these one by one
 * (`compareTensors`). Backend `plain` gives the same bits on every machine.
 *
 * @throws BertError ERR_INPUT no model or no text, one that is too long, or a name in `taps` that no tap has;
 *   ERR_VOCABULARY the model has no tokenizer; ERR_BACKEND after `dispose`
 * @example
 * const bert = await loadBert(undefined, { backend: "plain" });
 * const { tensors, metadata } = await collectActivations(bert, "The door is open.", { taps: ["*.layer.0.*"] });
 * const bytes = writeSafetensors(tensors, metadata);
 */
export function collectActivations(bert: Bert, text: string, options: ActivationsOptions = {}): Promise<Activations> {
  if (!has(bert, "taps") || !has(bert, "answer"))
    return Promise.reject(wrongArgument(WHERE, "bert", "a model from loadBert", bert));
  return bert.answer(async () => {
    expectOptions(WHERE, options, ["textPair", "truncation", "taps"]);
    const { taps = ["*"], signal } = options;
    const names = matchingNames(bert.taps, taps);
    const { encoding, truncated } = await inTurns(encodeText(bert, text, options), signal);
    const output = await bert.forward([encoding], { taps: names, ...(signal && { signal }) });
    const seen = output.taps as ReadonlyMap<string, Tensor>;
    return {
      tensors: new Map([
        ["input_ids", integers(encoding.inputIds)],
        ["token_type_ids", integers(encoding.tokenTypeIds)],
        ...names.map((name) => [name, seen.get(name) as Tensor] as const),
      ]),
      metadata: new Map([
        ["format", "plainbert activations"],
        ["fingerprint", bert.fingerprint],
        ["architecture", bert.config.architecture],
        ["backend", bert.backend.name],
        ["dtype", bert.dtype],
        ["text", text],
        ...(options.textPair === undefined ? [] : [["text_pair", options.textPair] as const]),
        ["truncated", String(truncated)],
      ]),
    };
  });
}

/** The tokens of a text or a pair, and whether they are fewer than it has. */
function* encodeText(
  bert: Bert,
  text: string,
  options: ActivationsOptions,
): Parts<{ readonly encoding: Encoding; readonly truncated: boolean }> {
  const first = expectText(WHERE, "text", text);
  const second = options.textPair === undefined ? undefined : expectText(WHERE, "textPair", options.textPair);
  const truncation = flagOf(WHERE, "truncation", options.truncation);
  const limit = tokenLimit(bert);
  const pair = second && { textPair: second };
  const encoding = yield* encodeWithin(WHERE, bert.tokenizer, first, { ...pair, truncation, limit });
  if (encoding.length < limit) return { encoding, truncated: false };
  const whole = yield* bert.tokenizer.countInParts(text, second && { textPair: second.text });
  return { encoding, truncated: whole > encoding.length };
}

/** I64 [1, T], as PyTorch has ids. */
function integers(ids: readonly number[]): TensorToWrite {
  return { shape: [1, ids.length], data: BigInt64Array.from(ids, BigInt) };
}

/**
 * The names of the taps that one of the patterns matches, in the order of the forward pass.
 *
 * @throws BertError ERR_INPUT a pattern that matches none
 */
function matchingNames(taps: readonly TapInfo[], patterns: readonly string[]): string[] {
  const expected = "names in bert.taps, with * for any characters";
  if (!Array.isArray(patterns) || patterns.some((pattern) => typeof pattern !== "string"))
    throw wrongArgument(WHERE, "taps", `a list of ${expected}`, patterns);
  const names = taps.map(({ name }) => name);
  const lost = patterns.filter((pattern) => !names.some((name) => matches(name, pattern)));
  if (lost.length === 0) return names.filter((name) => patterns.some((pattern) => matches(name, pattern)));
  const meant = lost.length === 1 ? hint(lost[0], names) : "";
  throw new BertError("ERR_INPUT", `${WHERE}: taps must be ${expected}, got ${listed(lost.map(quote))}${meant}`);
}

/**
 * Whether a name has a pattern: what stands between the stars, each found as early as it can be; a regular expression
 * would try all places, which takes long for many stars.
 */
function matches(name: string, pattern: string): boolean {
  const parts = pattern.split("*");
  if (parts.length === 1) return name === pattern;
  const [first, last] = [parts[0], parts[parts.length - 1]];
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  let end = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, end);
    if (found < 0) return false;
    end = found + part.length;
  }
  return end <= name.length - last.length;
}
