import { BertError, listed, shown } from "../errors.ts";
import type { Tap } from "../layers/pass.ts";

import { HEADS } from "./architectures.ts";
import { type Batch, owned, unpack } from "./batch.ts";
import type { BertConfig } from "./config.ts";
import { FAMILIES, ownName } from "./family.ts";
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
  const add = (shape: TapInfo["shape"], places: readonly string[]) => {
    for (const place of places) for (const name of namesOf(c, place)) taps.push({ name, shape });
  };
  const tokens = (size: number, ...places: string[]) => add(["B", "T", size], places);
  const sequences = (size: number, ...places: string[]) => add(["B", size], places);

  tokens(H, "bert.embeddings.word_embeddings");
  if (p.bert.embeddings.token_type_embeddings) tokens(H, "bert.embeddings.token_type_embeddings");
  tokens(H, "bert.embeddings.LayerNorm");
  for (let n = 0; n < c.numHiddenLayers; n++) {
    const layer = `bert.encoder.layer.${n}`;
    const self = `${layer}.attention.self`;
    tokens(H, `${self}.query`, `${self}.key`, `${self}.value`);
    add(["B", A, "T", "T"], [`${self}.probs`]);
    tokens(H, self, `${layer}.attention.output.dense`, `${layer}.attention.output.LayerNorm`);
    tokens(I, `${layer}.intermediate.dense`, `${layer}.intermediate.intermediate_act_fn`);
    tokens(H, `${layer}.output.dense`, `${layer}.output.LayerNorm`);
  }
  if (p.bert.pooler) sequences(H, "bert.pooler.dense", "bert.pooler.activation");
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
 * @param place a module of BERT that a layer shows the result of
 * @returns its name in the model's family, then those of the modules around it that end there
 */
function namesOf(c: BertConfig, place: string): string[] {
  const names: string[] = [];
  for (let name = ownName(c.modelType, place); name; ) {
    names.push(name);
    const [, ending, enclosing = ending] = FAMILIES[c.modelType].lastModule.exec(name) ?? [];
    name = enclosing ?? "";
  }
  return names;
}

/** The taps that are the results `hiddenStates` and `attentions`: L + 1 and L of them. */
export function resultTaps(c: BertConfig): Readonly<Record<"hiddenStates" | "attentions", readonly string[]>> {
  const layers = Array.from({ length: c.numHiddenLayers }, (_, n) => `bert.encoder.layer.${n}`);
  return {
    hiddenStates: ["bert.embeddings", ...layers].map((name) => ownName(c.modelType, name)),
    attentions: layers.map((name) => ownName(c.modelType, `${name}.attention.self.probs`)),
  };
}

/**
 * A tap for one forward pass, which turns packed rows into [B, T, …].
 *
 * @param listeners who wants which names
 * @returns null if no listener wants any name: then the layers need not even build names
 */
export function collectingTap(
  { config, taps }: { readonly config: BertConfig; readonly taps: ReadonlyMap<string, TapInfo> },
  batch: Batch,
  listeners: readonly { readonly names: ReadonlySet<string> | "all"; readonly see: TapListener }[],
): Tap | null {
  if (listeners.length === 0) return null;
  const wanting = (name: string) => listeners.filter(({ names }) => names === "all" || names.has(name));
  return {
    wants: (place) => namesOf(config, place).some((name) => wanting(name).length > 0),
    see(place, tensor) {
      for (const name of namesOf(config, place)) {
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
