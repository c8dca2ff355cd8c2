import { BertError } from "../errors.ts";
import type { Tap } from "../layers/tap.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Batch, unpack } from "./batch.ts";
import type { BertConfig } from "./config.ts";
import type { ModelParams } from "./params.ts";

/** A place in the model that can be looked at. */
export interface TapInfo {
  /** PyTorch's module path, such as `bert.encoder.layer.0.attention.self.query`. */
  readonly name: string;
  /**
   * The sizes of what is seen there: numbers, and the letters of sizes that depend on the batch. B sequences of T
   * tokens, with zeros past a sequence's end; where `forward` was asked for `maskedLmPositions`, the taps of
   * cls.predictions have one row for each instead of [B, T].
   */
  readonly shape: readonly (number | "B" | "T")[];
}

/** Every tap of a model, in the order of the forward pass. */
export function listTaps(c: BertConfig, p: ModelParams): TapInfo[] {
  const { hiddenSize: H, intermediateSize: I, numAttentionHeads: A, vocabSize: V } = c;
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
  if (p.cls.predictions) {
    const t = "cls.predictions.transform";
    tokens(H, `${t}.dense`, `${t}.transform_act_fn`, `${t}.LayerNorm`, t);
    tokens(V, "cls.predictions.decoder", "cls.predictions");
  }
  if (p.cls.seq_relationship) sequences(2, "cls.seq_relationship");
  if (p.classifier) {
    if (c.architecture === "BertForTokenClassification") tokens(p.classifier.bias.shape[0], "classifier");
    else sequences(p.classifier.bias.shape[0], "classifier");
  }
  if (p.qa_outputs) tokens(2, "qa_outputs");
  return taps;
}

/** Where the tapped tensors go: shapes as in Hugging Face, always copies. */
export type TapListener = (name: string, tensor: Tensor) => void;

/**
 * A tap for one forward pass, which turns packed rows into [B, T, …].
 *
 * @param listeners who wants which names
 * @returns undefined if nobody wants anything, so that the layers need not even build names
 */
export function collectingTap(
  taps: ReadonlyMap<string, TapInfo>,
  batch: Batch,
  listeners: readonly { readonly names: ReadonlySet<string> | "all"; readonly see: TapListener }[],
): Tap | undefined {
  if (listeners.length === 0) return undefined;
  const wanting = (name: string) => listeners.filter(({ names }) => names === "all" || names.has(name));
  return {
    wants: (name) => wanting(name).length > 0,
    see(name, tensor) {
      const interested = wanting(name);
      if (interested.length === 0) return;
      const perToken = taps.get(name)?.shape[1] === "T" && tensor.shape[0] === batch.padded.length;
      const copy = perToken ? unpack(tensor, batch) : { data: new Float32Array(tensor.data), shape: [...tensor.shape] };
      for (const { see } of interested) see(name, copy);
    },
  };
}

/** @throws BertError ERR_INPUT naming those that the model does not have */
export function expectTaps(names: readonly string[], taps: ReadonlyMap<string, TapInfo>): void {
  const unknown = names.filter((name) => !taps.has(name));
  if (unknown.length === 0) return;
  throw new BertError("ERR_INPUT", `forward: taps must be names listed in bert.taps, got ${unknown.join(", ")}`);
}
