/** The taps of a layer by what they are, whatever the family of models calls them. */
import type { TapInfo } from "../../index.ts";

/** The names of a layer's taps, [T, H] each of a sequence. */
export interface LayerTaps {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  /** What attention adds to the layer's input, before LayerNorm. */
  readonly attention: string;
  /** Their sum after LayerNorm. */
  readonly attended: string;
  /** What the feed-forward network adds to that, before LayerNorm. */
  readonly feedForward: string;
}

/** What they are called in BERT and in DistilBERT, behind the layer's name. */
const NAMES: Readonly<Record<keyof LayerTaps, readonly string[]>> = {
  query: ["attention.self.query", "attention.q_lin"],
  key: ["attention.self.key", "attention.k_lin"],
  value: ["attention.self.value", "attention.v_lin"],
  attention: ["attention.output.dense", "attention.out_lin"],
  attended: ["attention.output.LayerNorm", "sa_layer_norm"],
  feedForward: ["output.dense", "ffn.lin2"],
};

/** The names of the taps that are the embeddings and the output of each layer, L + 1 of them. */
export function stateTaps(taps: readonly TapInfo[]): string[] {
  return taps.map(({ name }) => name).filter((name) => /^\w+\.embeddings$|\.layer\.\d+$/.test(name));
}

/** The taps of each layer. */
export function layerTaps(taps: readonly TapInfo[]): LayerTaps[] {
  const all = new Set(taps.map(({ name }) => name));
  const [, ...layers] = stateTaps(taps);
  return layers.map((layer) => {
    const named = Object.entries(NAMES).map(([what, names]) => {
      const found = names.map((name) => `${layer}.${name}`).find((name) => all.has(name));
      return [what, found];
    });
    return Object.fromEntries(named) as LayerTaps;
  });
}
