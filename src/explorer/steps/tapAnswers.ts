/** What the worker tells of one tap: its numbers, or what one of them is computed from. */
import type { BertModel, BertTokenizer, HeadOutput, Tensor } from "../../index.ts";
import { type ExplorerRequest, inputOf, outputsOf } from "../explorerResult.ts";
import { type Step, stepsOf } from "./modelSteps.ts";
import { type Operands, operandsOf, operandTaps } from "./operands.ts";

/** Which tap of which text is looked at; with a place, what the number there is computed from. */
export interface TapRequest {
  readonly request: ExplorerRequest;
  readonly tap: string;
  /** Row and column; of attention probabilities head, query and key. */
  readonly place: readonly number[] | null;
}

/** All numbers of a tap. */
export interface TapNumbers {
  readonly tap: string;
  /** As PyTorch has it: B is 1. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** √Σx² */
  readonly norm: number;
  /** The positions of the tokens that its rows are of. */
  readonly positions: readonly number[];
}

/** What a number is computed from. */
export interface TapTerms {
  readonly operands: Operands;
  /** The number itself. */
  readonly value: number;
  /** What its column stands for: a piece of the vocabulary, a class; null where it has no name. */
  readonly column: string | null;
}

/** @throws BertError as `encode` and `forward` */
export function tapNumbers(model: BertModel, tokenizer: BertTokenizer, { request, tap }: TapRequest): TapNumbers {
  const pass = passOf(model, tokenizer, request, [tap]);
  const { data, shape } = pass.tap(tap);
  const { kind, shape: sizes } = stepOf(model, tap);
  const ofSequence = sizes.includes("T") ? pass.tokens.map((_, t) => t) : [0];
  const positions = kind.startsWith("gap") ? pass.read : ofSequence;
  return { tap, shape, data, ...statisticsOf(data), positions };
}

/** @throws BertError as `encode` and `forward`; RangeError the tap has no such place */
export function tapTerms(model: BertModel, tokenizer: BertTokenizer, { request, tap, place }: TapRequest): TapTerms {
  const step = stepOf(model, tap);
  const pass = passOf(model, tokenizer, request, [tap, ...operandTaps(step)]);
  const { parameters } = model;
  const at = place ?? [];
  const value = numberAt(pass.tap(tap), at);
  const source = {
    ...pass,
    parameter: (name: string) => parameters.get(name) as Tensor,
    heads: model.config.numAttentionHeads,
    epsilon: model.config.layerNormEps,
  };
  return { operands: operandsOf(step, at, source), value, column: columnName(step, at[1], model, tokenizer) };
}

const stepOf = (model: BertModel, tap: string): Step => stepsOf(model).find(({ names }) => names.includes(tap)) as Step;

/** A forward pass with some of its taps; the masked-language-model head reads the gaps, or all where there is none. */
function passOf(model: BertModel, tokenizer: BertTokenizer, request: ExplorerRequest, taps: readonly string[]) {
  const { tokens, positions, sequence } = inputOf(model, tokenizer, request);
  const read = positions.length > 0 ? positions : tokens.map((_, t) => t);
  const readsGaps = outputsOf(model.config.architecture).gaps !== undefined;
  const output: HeadOutput = model.forwardSync([sequence], { taps, ...(readsGaps && { maskedLmPositions: [read] }) });
  return { tokens, read, tap: (name: string) => output.taps?.get(name) as Tensor };
}

function numberAt({ data, shape }: Tensor, place: readonly number[]): number {
  const sizes = shape.slice(-Math.max(place.length, 2));
  const isThere = place.length === (shape.length === 4 ? 3 : 2) && place.every((one, axis) => one < (sizes[axis] ?? 0));
  if (!isThere) throw new RangeError(`The tap must have the place ${place.join()}, has ${sizes.join(" × ")}.`);
  return data[place.reduce((index, one, axis) => index * sizes[axis] + one, 0)];
}

function columnName({ kind }: Step, column: number, { config }: BertModel, tokenizer: BertTokenizer): string | null {
  if (kind === "gapLogits") return tokenizer.idToToken(column) ?? null;
  if (kind === "nextSentence") return ["it follows", "it does not follow"][column];
  if (kind === "span") return ["an answer starts here", "an answer ends here"][column];
  return kind === "classifier" ? (config.labels[column] ?? null) : null;
}

/** The smallest, the largest, the mean, and √Σx² of a tap's numbers. */
export function statisticsOf(data: Float32Array): Pick<TapNumbers, "min" | "max" | "mean" | "norm"> {
  let [min, max, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (const x of data) {
    if (x < min) min = x;
    if (x > max) max = x;
    sum += x;
    squares += x * x;
  }
  return { min, max, mean: sum / data.length, norm: Math.sqrt(squares) };
}
