import { scoped, type Tap } from "../layers/pass.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { HEADS } from "./architectures.ts";
import { owned, unpack } from "./batch.ts";
import { bert } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { HeadOutput, TapListener } from "./forward.ts";
import type { ForwardRequest } from "./forwardRequest.ts";
import { headOutputs, rowsInPass } from "./headOutputs.ts";
import { type JoinedBatch, joinBatches, joined, rowsOf } from "./joinedBatch.ts";
import type { ModelParams } from "./params.ts";
import { readRows } from "./readRows.ts";
import { collectingTap, resultTaps, type TapInfo } from "./taps.ts";

/** A model as one forward pass needs it. */
export interface ForwardModel {
  readonly config: BertConfig;
  readonly tree: ModelParams;
  readonly taps: ReadonlyMap<string, TapInfo>;
  readonly kernels: Backend;
}

/**
 * One forward pass, from ids to outputs. It pauses after each layer, and frees what it has allocated when it ends,
 * whether by itself or by `return()`.
 *
 * @param requests of which each two can share a pass; what each gets is the same, to the bit, as alone
 * @param listener sees every tap, of a pass for a single request
 * @returns        an output for each request
 */
export function* forwardPass(
  { config, tree, taps, kernels }: ForwardModel,
  requests: readonly ForwardRequest[],
  listener?: TapListener,
): Generator<void, HeadOutput[]> {
  const batch = joinBatches(requests.map((request) => request.batch));
  const kept = requests.map(() => new Map<string, Tensor>());
  const tap = joinedTap(
    requests.map((request, i) =>
      collectingTap({ config, taps }, request.batch, listenersFor(request.options, config, kept[i], listener)),
    ),
    batch,
  );
  const k = kernels.scope();
  try {
    const tokens = tap ? null : tokensRead(requests, batch, config); // taps are of all rows
    const read = readRows(batch, tokens, tree.bert.pooler !== null);
    const headMask = requests[0].options.headMask ?? null;
    const pass = { k, config, offsets: batch.offsets, read, tap, headMask, training: null };
    const encoded = yield* bert({ ...pass, tap: scoped(tap, "bert") }, tree.bert, batch);
    const logits = headOutputs(pass, tree.heads, encoded, batch, requests);
    const { offsets } = read ?? batch;
    const { hiddenStates, attentions } = resultTaps(config);
    return requests.map(({ batch: own, options }, i) => {
      const [first, end] = [batch.sequences[i], batch.sequences[i + 1]];
      const keptAt = (name: string) => kept[i].get(name) as Tensor;
      return {
        ...(options.lastHiddenState !== false && {
          lastHiddenState: unpack(rowsOf(encoded.sequence, offsets[first], offsets[end]), own),
        }),
        ...(encoded.pooled && taps.has("bert.pooler") && { poolerOutput: owned(rowsOf(encoded.pooled, first, end)) }),
        ...logits[i],
        ...(options.hiddenStates && { hiddenStates: hiddenStates.map(keptAt) }),
        ...(options.attentions && { attentions: attentions.map(keptAt) }),
        ...(options.taps && { taps: new Map(options.taps.map((name) => [name, keptAt(name)])) }),
      };
    });
  } finally {
    k.release();
  }
}

/** The packed rows of tokens that heads or callers read; null if all. */
function tokensRead(requests: readonly ForwardRequest[], batch: JoinedBatch, c: BertConfig): Int32Array | null {
  const reads = HEADS[c.architecture].map((head) => head.reads);
  if (reads.includes("tokens")) return null;
  const lists = requests.map(({ listed, options: { lastHiddenState } }) => {
    if (lastHiddenState !== false) return null;
    return reads.includes("listed tokens") ? listed : new Int32Array(0);
  });
  return lists.every((list) => list === null) ? null : joined(lists.map((list, i) => rowsInPass(list, batch, i)));
}

/** Shows each request's tap what is of its own rows. */
function joinedTap(taps: readonly (Tap | null)[], { rows }: JoinedBatch): Tap | null {
  if (taps.length === 1 || taps.every((tap) => tap === null)) return taps[0];
  return {
    wants: (name) => taps.some((tap) => tap?.wants(name)),
    see(name, tensor) {
      for (const [i, tap] of taps.entries()) {
        if (tap?.wants(name)) tap.see(name, rowsOf(tensor, rows[i], rows[i + 1]));
      }
    },
  };
}

/** Hidden states and attentions are tapped like everything else. */
function listenersFor(
  options: ForwardRequest["options"],
  config: BertConfig,
  kept: Map<string, Tensor>,
  listener: TapListener | undefined,
): Parameters<typeof collectingTap>[2] {
  const { hiddenStates, attentions } = resultTaps(config);
  const results = [...(options.hiddenStates ? hiddenStates : []), ...(options.attentions ? attentions : [])];
  const names = new Set([...(options.taps ?? []), ...results]);
  return [
    ...(names.size > 0 ? [{ names, see: (name: string, tensor: Tensor) => void kept.set(name, tensor) }] : []),
    ...(listener ? [{ names: "all" as const, see: listener }] : []),
  ];
}
