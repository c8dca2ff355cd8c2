import { BertError } from "../errors.ts";
import { scoped } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import { formatShape, type Tensor } from "../tensor/tensor.ts";
import { type Batch, type BatchInput, owned, packBatch, type SequenceInput, unpack } from "./batch.ts";
import { bert } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { ForwardOptions, HeadOutput } from "./forward.ts";
import { headOutputs } from "./heads.ts";
import type { ModelParams } from "./params.ts";
import { rowsToRead } from "./readRows.ts";
import { collectingTap, expectTaps, type TapInfo, type TapListener } from "./taps.ts";

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

/** @throws BertError ERR_INPUT an input or option that does not fit the model */
export function forwardRequest(
  input: readonly SequenceInput[] | BatchInput,
  { tap: _tap, signal: _signal, headMask, maskedLmPositions, taps, ...flags }: ForwardOptions,
  model: Pick<ForwardModel, "config" | "taps">,
): ForwardRequest {
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
 * One forward pass, from ids to output. It pauses after each layer, and frees what it has allocated when it ends, whether
 * by itself or by `return()`.
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
    const pruned = options.lastHiddenState === false && tap === undefined; // taps are of all rows
    const read = pruned ? rowsToRead(options, batch, tree, config) : null;
    const encoded = yield* bert(k, tree.bert, batch, config, read, options.headMask, scoped(tap, "bert"));
    const keptAt = (name: string) => kept.get(name) as Tensor;
    const layers = layerNames(config);
    return {
      ...(options.lastHiddenState !== false && { lastHiddenState: unpack(encoded.sequence, batch) }),
      ...(encoded.pooled && { poolerOutput: owned(encoded.pooled) }),
      ...headOutputs(k, tree, encoded, batch, read, config, options, tap),
      ...(options.hiddenStates && { hiddenStates: ["bert.embeddings", ...layers].map(keptAt) }),
      ...(options.attentions && { attentions: layers.map((name) => keptAt(`${name}${PROBS}`)) }),
      ...(options.taps && { taps: new Map(options.taps.map((name) => [name, keptAt(name)])) }),
    };
  } finally {
    k.release();
  }
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
