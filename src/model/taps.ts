import { BertError, listed, shown } from "../errors.ts";
import type { Tap } from "../layers/pass.ts";

import { HEADS } from "./architectures.ts";
import { type Batch, owned, unpack } from "./batch.ts";
import type { BertConfig } from "./config.ts";
import type { TapListener } from "./forward.ts";
import type { ModelParams } from "./params.ts";

/** A place in the model that can be looked at. */
export interface TapInfo {
  /** PyTorch's module path, such as `bert.encoder.layer.0.attention.self.query`. */
  readonly name: string;
  /**
   * The sizes of what is seen there: numbers, and the letters of sizes that depend on the batch. B sequences of T
   * tokens, with zeros past a sequence's end; where `forward` was given `maskedLmPositions`, the taps of
   * cls.predictions have one row for each instead of [B, T].
   */
  readonly shape: readonly (number | "B" | "T")[];
}

/** Every tap of a model, in the order of the forward pass. */
export function listTaps(c: BertConfig, p: ModelParams): TapInfo[] {
  const { hiddenSize: H, intermediateSize: I, numAttentionHeads: A } = c;
  const taps: TapInfo[] = [];
  const tokens = (size: number, ...names: string[]) => {
    for (const name of names) taps.push({ name, shape: ["B", "T", size] });
  };
  const sequences = (size: number, ...names: string[]) => {
    for (const name of names) taps.push({ name, shape: ["B", size] });
  };

  const e = "bert.embeddings";
  tokens(H, `${e}.word_embeddings`, `${e}.token_type_embeddings`, `${e}.LayerNorm`, e);
  for (let n = 0; n < c.numHiddenLayers; n++) {
    const layer = `bert.encoder.layer.${n}`;
    const self = `${layer}.attention.self`;
    tokens(H, `${self}.query`, `${self}.key`, `${self}.value`);
    taps.push({ name: `${self}.probs`, shape: ["B", A, "T", "T"] });
    const output = `${layer}.attention.output`;
    tokens(H, self, `${output}.dense`, `${output}.LayerNorm`, output, `${layer}.attention`);
    const intermediate = `${layer}.intermediate`;
    tokens(I, `${intermediate}.dense`, `${intermediate}.intermediate_act_fn`, intermediate);
    tokens(H, `${layer}.output.dense`, `${layer}.output.LayerNorm`, `${layer}.output`, layer);
  }
  if (p.bert.pooler) sequences(H, "bert.pooler.dense", "bert.pooler.activation", "bert.pooler");
  for (const { name, reads, size, taps: within = () => [] } of HEADS[c.architecture]) {
    const list = reads === "pooled" ? sequences : tokens;
    for (const [tap, width] of within(c)) list(width, tap);
    list(size(c), name);
  }
  return taps;
}

/**
 * A PyTorch module may return its last submodule's result, so that one tensor has the names of both.
 *
 * @returns the name, then those of the modules around it that end there
 */
function* namesOf(name: string): Generator<string, void> {
  yield name;
  const [, ending, enclosing = ending] = LAST_MODULE.exec(name) ?? [];
  if (enclosing !== undefined) yield* namesOf(enclosing);
}

/** Matches a module whose result is its parent's too, and captures the parent. */
const LAST_MODULE = /^(.+)\.(?:LayerNorm|intermediate_act_fn|activation)$|^(.+\.(?:attention|layer\.\d+))\.output$/;

/**
 * A tap for one forward pass, which turns packed rows into [B, T, …].
 *
 * @param listeners who wants which names
 * @returns null if no listener wants any name: then the layers need not even build names
 */
export function collectingTap(
  taps: ReadonlyMap<string, TapInfo>,
  batch: Batch,
  listeners: readonly { readonly names: ReadonlySet<string> | "all"; readonly see: TapListener }[],
): Tap | null {
  if (listeners.length === 0) return null;
  const wanting = (name: string) => listeners.filter(({ names }) => names === "all" || names.has(name));
  return {
    wants: (place) => [...namesOf(place)].some((name) => wanting(name).length > 0),
    see(place, tensor) {
      for (const name of namesOf(place)) {
        const interested = wanting(name);
        if (interested.length === 0) continue;
        const perToken = taps.get(name)?.shape[1] === "T" && tensor.shape[0] === batch.padded.length;
        const copy = perToken ? unpack(tensor, batch) : owned(tensor);
        for (const { see } of interested) see(name, copy);
      }
    },
  };
}

/** @throws BertError ERR_INPUT naming those that the model does not have */
export function expectTaps(names: readonly string[], taps: ReadonlyMap<string, TapInfo>): void {
  const unknown = names.filter((name) => !taps.has(name));
  if (unknown.length === 0) return;
  throw new BertError(
    "ERR_INPUT",
    `forward: taps must be names listed in bert.taps, got ${listed(unknown.map(shown))}`,
  );
}
