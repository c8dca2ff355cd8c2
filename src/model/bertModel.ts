/// <reference lib="esnext.disposable" preserve="true" />
import { BertError } from "../errors.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend, BackendInfo } from "../tensor/backend.ts";
import { formatShape, type Tensor } from "../tensor/tensor.ts";
import { type Batch, type BatchInput, owned, packBatch, type SequenceInput, unpack } from "./batch.ts";
import { bert } from "./bert.ts";
import { type LoadedParams, loadParams, type WeightSource } from "./checkpoint.ts";
import type { BertConfig } from "./config.ts";
import type { BertOutput, ForwardOptions } from "./forward.ts";
import { headOutputs, mlmHead } from "./heads.ts";
import { collectingTap, expectTaps, listTaps, type TapInfo } from "./taps.ts";

/** How long `forward` computes before it gives the event loop a turn, in milliseconds. */
const TURN_MS = 5;

/** BERT with the heads of its architecture: token ids in, hidden states and logits out. */
export class BertModel {
  readonly config: BertConfig;
  /** What computes, and why. */
  readonly backend: BackendInfo;
  /** Every place that `forward` can be looked into, in order. */
  readonly taps: readonly TapInfo[];
  private readonly tapsByName: ReadonlyMap<string, TapInfo>;
  private loaded: { readonly params: LoadedParams; readonly kernels: Backend } | null;

  constructor(config: BertConfig, params: LoadedParams, backend: Backend) {
    this.config = config;
    this.backend = backend.info;
    this.loaded = { params, kernels: backend };
    this.taps = listTaps(config, params.tree);
    this.tapsByName = new Map(this.taps.map((info) => [info.name, info]));
  }

  /**
   * Reads the weights that `config.architecture` needs.
   *
   * @throws BertError ERR_CHECKPOINT listing every tensor that is missing, left over or has another shape
   */
  static async load(weights: WeightSource, config: BertConfig, backend: Backend): Promise<BertModel> {
    return new BertModel(config, await loadParams(weights, config, backend), backend);
  }

  /**
   * The model's tensors by their names in the checkpoint, row by row. To be read only: a tensor's `data` may be the one in
   * use or, where the backend keeps another layout, a copy that is made each time it is asked for.
   */
  get parameters(): ReadonlyMap<string, Tensor> {
    const { params, kernels } = this.inUse;
    const inRows = (tensor: Tensor): Tensor => ({
      shape: tensor.shape,
      get data() {
        return kernels.unpackWeight(tensor);
      },
    });
    return new Map(Array.from(params.byName, ([name, tensor]) => [name, inRows(tensor)]));
  }

  private get inUse(): { readonly params: LoadedParams; readonly kernels: Backend } {
    if (this.loaded) return this.loaded;
    throw new BertError("ERR_BACKEND", "bert: the model must not be used after dispose()");
  }

  /**
   * Runs the model on a batch: a list of sequences of any lengths, such as `tokenizer.encodeBatch` returns, or
   * `{ inputIds, attentionMask, … }` of [B, T]. A sequence's result does not depend, by a single bit, on the others.
   *
   * Between layers the event loop gets a turn and `options.signal` is looked at; it rejects with the signal's reason.
   *
   * @throws BertError ERR_INPUT an input or option that does not fit the model; ERR_BACKEND after `dispose`
   * @example
   * const { lastHiddenState } = await bert.forward(tokenizer.encodeBatch(["A text.", ["a question", "its context"]]));
   */
  async forward(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions = {}): Promise<BertOutput> {
    const steps = this.steps(input, options);
    let turn = performance.now();
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        const step = steps.next();
        if (step.done) return step.value;
        if (performance.now() - turn > TURN_MS) {
          await new Promise((resume) => setTimeout(resume));
          turn = performance.now();
        }
      }
    } finally {
      steps.return(undefined as never); // frees what an aborted pass has allocated
    }
  }

  /** As `forward`, without giving way: for scripts and tests. */
  forwardSync(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions = {}): BertOutput {
    const steps = this.steps(input, options);
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        const step = steps.next();
        if (step.done) return step.value;
      }
    } finally {
      steps.return(undefined as never);
    }
  }

  /**
   * The masked-language-model head alone, on any hidden states: those of an inner layer show what the model would
   * predict if it stopped there.
   *
   * @param rows [M, H]
   * @returns [M, V]
   * @throws BertError ERR_INPUT the model has no such head; ERR_SHAPE rows of another size
   */
  predictMasked(rows: Tensor): Tensor {
    const { params, kernels } = this.inUse;
    const head = params.tree.cls.predictions;
    if (!head) {
      throw new BertError(
        "ERR_INPUT",
        `predictMasked: the model must have a masked-language-model head, is ${this.config.architecture}`,
      );
    }
    const [M, H] = rows.shape;
    if (rows.shape.length !== 2 || H !== this.config.hiddenSize || rows.data.length !== M * H) {
      throw new BertError(
        "ERR_SHAPE",
        `predictMasked: rows must be [M,H] = [M,${this.config.hiddenSize}], got ${formatShape(rows.shape)} with ${rows.data.length} numbers`,
      );
    }
    const k = kernels.scope();
    try {
      const input = k.zeros([M, H]);
      input.data.set(rows.data);
      return owned(mlmHead(k, head, input, this.config));
    } finally {
      k.release();
    }
  }

  /** Frees the weights. The model cannot be used afterwards; a second call does nothing. */
  async dispose(): Promise<void> {
    this.loaded = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  private *steps(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions): Generator<void, BertOutput> {
    const { params, kernels } = this.inUse;
    const { config } = this;
    expectHeadMask(options.headMask, config);
    const batch = packBatch(input, config);
    const kept = new Map<string, Tensor>();
    const tap = this.tapFor(batch, options, kept);

    const k = kernels.scope();
    try {
      const encoded = yield* bert(k, params.tree.bert, batch, config, options.headMask, scoped(tap, "bert"));
      const L = config.numHiddenLayers;
      const keptAt = (name: string) => kept.get(name) as Tensor;
      return {
        lastHiddenState: unpack(encoded.sequence, batch),
        ...(encoded.pooled && { poolerOutput: owned(encoded.pooled) }),
        ...headOutputs(k, params.tree, encoded, batch, config, options, tap),
        ...(options.hiddenStates && { hiddenStates: ["bert.embeddings", ...layerNames(L)].map(keptAt) }),
        ...(options.attentions && { attentions: layerNames(L).map((name) => keptAt(`${name}${PROBS}`)) }),
        ...(options.taps && { taps: new Map(options.taps.map((name) => [name, keptAt(name)])) }),
      };
    } finally {
      k.release();
    }
  }

  /** Hidden states and attentions are tapped like everything else. */
  private tapFor(batch: Batch, options: ForwardOptions, kept: Map<string, Tensor>): Tap | undefined {
    expectTaps(options.taps ?? [], this.tapsByName);
    const layers = layerNames(this.config.numHiddenLayers);
    const names = new Set(options.taps);
    if (options.hiddenStates) for (const name of ["bert.embeddings", ...layers]) names.add(name);
    if (options.attentions) for (const name of layers) names.add(`${name}${PROBS}`);
    const listeners = [];
    if (names.size > 0) listeners.push({ names, see: (name: string, tensor: Tensor) => void kept.set(name, tensor) });
    if (options.tap) listeners.push({ names: "all" as const, see: options.tap });
    return collectingTap(this.tapsByName, batch, listeners);
  }
}

const PROBS = ".attention.self.probs";

function layerNames(L: number): string[] {
  return Array.from({ length: L }, (_, n) => `bert.encoder.layer.${n}`);
}

function expectHeadMask(headMask: ForwardOptions["headMask"], c: BertConfig): void {
  if (headMask === undefined) return;
  const { numHiddenLayers: L, numAttentionHeads: A } = c;
  const fits =
    headMask.length === L && headMask.every((row) => row.length === A && Array.from(row).every(Number.isFinite));
  if (fits) return;
  throw new BertError("ERR_INPUT", `forward: headMask must be finite numbers [L,A] = ${formatShape([L, A])}`);
}
