import { BertError, shown } from "../errors.ts";
import { expectKnownOptions, expectSignal, type OptionNames } from "../options.ts";
import { formatShape } from "../tensor/tensor.ts";
import { HEADS } from "./architectures.ts";
import { type Batch, type BatchInput, packBatch, rowsAt, type SequenceInput } from "./batch.ts";
import type { BertConfig } from "./config.ts";
import type { ForwardOptions } from "./forward.ts";
import { partOf } from "./joinedBatch.ts";
import { expectTaps, type TapInfo } from "./taps.ts";

/** A batch and what is wanted of it, in arrays of numbers and strings alone: it can be posted to another thread. */
export interface ForwardRequest {
  readonly batch: Batch;
  /** The packed rows whose masked-language-model logits are wanted; null for all. */
  readonly listed: Int32Array | null;
  readonly options: Omit<ForwardOptions, "tap" | "signal" | "maskedLmPositions">;
}

const FORWARD_OPTIONS: OptionNames<ForwardOptions> = {
  lastHiddenState: true,
  hiddenStates: true,
  attentions: true,
  tap: true,
  taps: true,
  headMask: true,
  maskedLmPositions: true,
  numChoices: true,
  signal: true,
};

/** @throws BertError ERR_INPUT an input or option that does not fit the model */
export function forwardRequest(
  input: readonly SequenceInput[] | BatchInput,
  given: ForwardOptions,
  { config, taps: known }: { readonly config: BertConfig; readonly taps: ReadonlyMap<string, TapInfo> },
): ForwardRequest {
  expectKnownOptions("forward", given, FORWARD_OPTIONS);
  expectSignal("forward", given.signal);
  for (const name of ["lastHiddenState", "hiddenStates", "attentions"] as const) {
    if (given[name] === undefined || typeof given[name] === "boolean") continue;
    throw new BertError("ERR_INPUT", `forward: ${name} must be true or false, got ${shown(given[name])}`);
  }
  const { tap: _tap, signal: _signal, headMask, maskedLmPositions, taps, ...others } = given;
  expectHeadMask(headMask, config);
  expectTaps(taps ?? [], known);
  const batch = packBatch(input, config);
  expectNumChoices(others.numChoices, batch.B, config);
  return {
    batch,
    listed: maskedLmPositions ? listedRows(maskedLmPositions, batch, config) : null,
    options: {
      ...others,
      ...(taps && { taps: [...taps] }),
      ...(headMask && { headMask: Array.from(headMask, (row) => Array.from(row)) }),
    },
  };
}

/**
 * Whether requests can be computed in one pass: all but those that look into it, and those whose attention heads are
 * multiplied by different numbers.
 */
export function canShareAPass({ options: a }: ForwardRequest, { options: b }: ForwardRequest): boolean {
  return !looksInside(a) && !looksInside(b) && JSON.stringify(a.headMask) === JSON.stringify(b.headMask);
}

/** Whether a request's output is that of its parts, end to end. */
export function canBeSplit({ options }: ForwardRequest, { architecture }: BertConfig): boolean {
  return !looksInside(options) && !HEADS[architecture].some(({ joins }) => joins);
}

/** Hidden states are looked at from outside. */
function looksInside({ taps, attentions }: ForwardRequest["options"]): boolean {
  return taps !== undefined || attentions === true;
}

/** Sequences from … to − 1 of a request. */
export function partOfRequest({ batch, listed, options }: ForwardRequest, from: number, to: number): ForwardRequest {
  const [first, end] = [batch.offsets[from], batch.offsets[to]];
  return {
    batch: partOf(batch, from, to),
    listed: listed === null ? null : listed.filter((row) => row >= first && row < end).map((row) => row - first),
    options,
  };
}

function listedRows(positions: readonly ArrayLike<number>[], batch: Batch, { architecture }: BertConfig): Int32Array {
  if (HEADS[architecture].some(({ reads }) => reads === "listed tokens")) return rowsAt(positions, batch);
  throw new BertError(
    "ERR_INPUT",
    `forward: maskedLmPositions must be left out for ${architecture}, which has no masked-language-model head`,
  );
}

function expectNumChoices(numChoices: number | undefined, B: number, { architecture }: BertConfig): void {
  if (numChoices === undefined || !HEADS[architecture].some(({ joins }) => joins)) return;
  if (Number.isInteger(numChoices) && numChoices >= 1 && B % numChoices === 0) return;
  throw new BertError("ERR_INPUT", `forward: numChoices must divide the number of sequences, ${B}, got ${numChoices}`);
}

function expectHeadMask(headMask: ForwardOptions["headMask"], c: BertConfig): void {
  if (headMask === undefined) return;
  const { numHiddenLayers: L, numAttentionHeads: A } = c;
  const isRow = (row: ArrayLike<number> | null): boolean =>
    typeof row === "object" && row?.length === A && Array.from(row).every(Number.isFinite);
  if (Array.isArray(headMask) && headMask.length === L && Array.from(headMask).every(isRow)) return;
  const must = `finite numbers [L,A] = ${formatShape([L, A])}`;
  throw new BertError("ERR_INPUT", `forward: headMask must be ${must}, got ${shown(headMask)}`);
}
