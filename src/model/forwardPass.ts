import { BertError } from "../errors.ts";
import { scoped } from "../layers/pass.ts";
import { expectKnownOptions, type OptionNames } from "../options.ts";
import type { Backend } from "../tensor/backend.ts";
import { formatShape, type Tensor } from "../tensor/tensor.ts";
import { HEADS } from "./architectures.ts";
import { type Batch, type BatchInput, owned, packBatch, rowsAt, type SequenceInput, unpack } from "./batch.ts";
import { bert } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { ForwardOptions, HeadOutput, TapListener } from "./forward.ts";
import { headOutputs } from "./headOutputs.ts";
import type { ModelParams } from "./params.ts";
import { readRows } from "./readRows.ts";
import { collectingTap, expectTaps, type TapInfo } from "./taps.ts";

/** A batch and what is wanted of it, in arrays of numbers and strings alone: it can be posted to another thread. */
export interface ForwardRequest {
  readonly batch: Batch;
  readonly options: Omit<ForwardOptions, "tap" | "signal">;
}

/** A model as one forward pass needs it. */
export interface ForwardModel {
  readonly config: BertConfig;
  readonly tree: ModelParams;
  readonly taps: ReadonlyMap<string, TapInfo>;
  readonly kernels: Backend;
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
  model: Pick<ForwardModel, "config" | "taps">,
): ForwardRequest {
  expectKnownOptions("forward", given, FORWARD_OPTIONS);
  const { tap: _tap, signal: _signal, headMask, maskedLmPositions, taps, ...flags } = given;
  expectHeadMask(headMask, model.config);
  expectTaps(taps ?? [], model.taps);
  const lists = (rows: readonly ArrayLike<number>[]) => Array.from(rows, (row) => Array.from(row));
  return {
    batch: packBatch(input, model.config),
    options: {
      ...flags,
      ...(taps && { taps: [...taps] }),
      ...(headMask && { headMask: lists(headMask) }),
      ...(maskedLmPositions && { maskedLmPositions: lists(maskedLmPositions) }),
    },
  };
}

/**
 * One forward pass, from ids to output. It pauses after each layer, and frees what it has allocated when it ends,
 * whether by itself or by `return()`.
 *
 * @param listener sees every tap
 */
export function* forwardPass(
  { config, tree, taps, kernels }: ForwardModel,
  { batch, options }: ForwardRequest,
  listener?: TapListener,
): Generator<void, HeadOutput> {
  const kept = new Map<string, Tensor>();
  const tap = collectingTap(taps, batch, listenersFor(options, config, kept, listener));
  const k = kernels.scope();
  try {
    const leavesOut = options.lastHiddenState === false && tap === null; // taps are of all rows
    const read = leavesOut ? readRows(batch, tokensRead(options, batch, config), tree.bert.pooler !== null) : null;
    const pass = { k, config, offsets: batch.offsets, read, tap, headMask: options.headMask ?? null, training: null };
    const encoded = yield* bert({ ...pass, tap: scoped(tap, "bert") }, tree.bert, batch);
    const keptAt = (name: string) => kept.get(name) as Tensor;
    const layers = layerNames(config);
    return {
      ...(options.lastHiddenState !== false && { lastHiddenState: unpack(encoded.sequence, batch) }),
      ...(encoded.pooled && { poolerOutput: owned(encoded.pooled) }),
      ...headOutputs(pass, tree.heads, encoded, batch, options),
      ...(options.hiddenStates && { hiddenStates: ["bert.embeddings", ...layers].map(keptAt) }),
      ...(options.attentions && { attentions: layers.map((name) => keptAt(`${name}${PROBS}`)) }),
      ...(options.taps && { taps: new Map(options.taps.map((name) => [name, keptAt(name)])) }),
    };
  } finally {
    k.release();
  }
}

/**
 * The rows of tokens that the heads read; null if all. @throws BertError ERR_INPUT maskedLmPositions that do not fit
 */
function tokensRead({ maskedLmPositions: positions }: ForwardOptions, batch: Batch, c: BertConfig): Int32Array | null {
  const reads = HEADS[c.architecture].map((head) => head.reads);
  if (reads.includes("tokens")) return null;
  if (!reads.includes("listed tokens")) return new Int32Array(0);
  return positions ? rowsAt(positions, batch) : null;
}

/** Hidden states and attentions are tapped like everything else. */
function listenersFor(
  options: ForwardRequest["options"],
  config: BertConfig,
  kept: Map<string, Tensor>,
  listener: TapListener | undefined,
): Parameters<typeof collectingTap>[2] {
  const names = new Set(options.taps);
  if (options.hiddenStates) for (const name of ["bert.embeddings", ...layerNames(config)]) names.add(name);
  if (options.attentions) for (const name of layerNames(config)) names.add(`${name}${PROBS}`);
  return [
    ...(names.size > 0 ? [{ names, see: (name: string, tensor: Tensor) => void kept.set(name, tensor) }] : []),
    ...(listener ? [{ names: "all" as const, see: listener }] : []),
  ];
}

const PROBS = ".attention.self.probs";

function layerNames(c: BertConfig): string[] {
  return Array.from({ length: c.numHiddenLayers }, (_, n) => `bert.encoder.layer.${n}`);
}

function expectHeadMask(headMask: ForwardOptions["headMask"], c: BertConfig): void {
  if (headMask === undefined) return;
  const { numHiddenLayers: L, numAttentionHeads: A } = c;
  const fits =
    headMask.length === L && headMask.every((row) => row.length === A && Array.from(row).every(Number.isFinite));
  if (fits) return;
  throw new BertError("ERR_INPUT", `forward: headMask must be finite numbers [L,A] = ${formatShape([L, A])}`);
}
