/// <reference lib="esnext.disposable" preserve="true" />
import { BertError } from "../errors.ts";
import { linear } from "../layers/linear.ts";
import { scoped, type Tap } from "../layers/tap.ts";
import type { Backend } from "../tensor/backend.ts";
import { formatShape, type Tensor } from "../tensor/tensor.ts";
import { type Batch, type BatchInput, packBatch, rowsAt, type SequenceInput, unpack } from "./batch.ts";
import { bert, type Encoded } from "./bert.ts";
import { type LoadedParams, loadParams, type WeightSource } from "./checkpoint.ts";
import type { BertConfig } from "./config.ts";
import { mlmHead } from "./heads.ts";
import { collectingTap, expectTaps, listTaps, type TapInfo, type TapListener } from "./taps.ts";

export interface ForwardOptions {
  /** Return `hiddenStates`: the embeddings and the output of each layer. */
  readonly hiddenStates?: boolean;
  /** Return `attentions`: each layer's probabilities. */
  readonly attentions?: boolean;
  /** Called with every intermediate result while it is computed, by its name in `bert.taps`; the tensor is a copy. */
  readonly tap?: TapListener;
  /** Return these intermediate results, by their names in `bert.taps`; only they are copied. */
  readonly taps?: readonly string[];
  /** [L, A]: what each attention head's output is multiplied by; 0 silences a head, 1 leaves it. */
  readonly headMask?: readonly ArrayLike<number>[];
  /**
   * For each sequence the indices of the tokens whose masked-language-model logits are wanted. The decoder is the
   * largest matrix of the model; without this option it runs on every token, with empty lists on none.
   */
  readonly maskedLmPositions?: readonly ArrayLike<number>[];
  /** BertForMultipleChoice: how many consecutive sequences are choices of one question; by default all of them. */
  readonly numChoices?: number;
  /** Stops between two layers. */
  readonly signal?: AbortSignal;
}

/** Names and shapes as in Hugging Face: B sequences, T tokens of the longest, zeros in rows that are padding. */
export interface BertOutput {
  /** [B, T, H] */
  readonly lastHiddenState: Tensor;
  /** [B, H], in models that have a pooler. */
  readonly poolerOutput?: Tensor;
  /**
   * BertForMaskedLM [B, T, V] or, for `maskedLmPositions`, [M, V]; BertForNextSentencePrediction [B, 2];
   * BertForSequenceClassification [B, labels]; BertForTokenClassification [B, T, labels];
   * BertForMultipleChoice [B / numChoices, numChoices].
   */
  readonly logits?: Tensor;
  /** BertForPreTraining: as `logits` of BertForMaskedLM. */
  readonly predictionLogits?: Tensor;
  /** BertForPreTraining: [B, 2]; class 0 is "the second text follows the first". */
  readonly seqRelationshipLogits?: Tensor;
  /** BertForQuestionAnswering: [B, T] */
  readonly startLogits?: Tensor;
  /** BertForQuestionAnswering: [B, T] */
  readonly endLogits?: Tensor;
  /** L + 1 of [B, T, H] */
  readonly hiddenStates?: readonly Tensor[];
  /** L of [B, A, T, T], before the head mask */
  readonly attentions?: readonly Tensor[];
  /** What `options.taps` asked for, by name. */
  readonly taps?: ReadonlyMap<string, Tensor>;
}

/** How long `forward` computes before it gives the event loop a turn, in milliseconds. */
const TURN_MS = 5;

/** BERT with the heads of its architecture: token ids in, hidden states and logits out. */
export class BertModel {
  readonly config: BertConfig;
  readonly backend: Backend;
  /** Every place that `forward` can be looked into, in order. */
  readonly taps: readonly TapInfo[];
  private readonly tapsByName: ReadonlyMap<string, TapInfo>;
  private loaded: LoadedParams | null;

  constructor(config: BertConfig, params: LoadedParams, backend: Backend) {
    this.config = config;
    this.backend = backend;
    this.loaded = params;
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

  /** The model's tensors by their names in the checkpoint. They are the ones in use: do not write to them. */
  get parameters(): ReadonlyMap<string, Tensor> {
    return this.params.byName;
  }

  private get params(): LoadedParams {
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
    for (;;) {
      options.signal?.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
      if (performance.now() - turn > TURN_MS) {
        await new Promise((resume) => setTimeout(resume));
        turn = performance.now();
      }
    }
  }

  /** As `forward`, without giving way: for scripts and tests. */
  forwardSync(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions = {}): BertOutput {
    const steps = this.steps(input, options);
    for (;;) {
      options.signal?.throwIfAborted();
      const step = steps.next();
      if (step.done) return step.value;
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
    const { tree } = this.params;
    if (!tree.cls.predictions) {
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
    const input = this.backend.zeros([M, H]);
    input.data.set(rows.data);
    return owned(mlmHead(this.backend, tree.cls.predictions, input, this.config));
  }

  /** Frees the weights. The model cannot be used afterwards; a second call does nothing. */
  async dispose(): Promise<void> {
    this.loaded = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  private *steps(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions): Generator<void, BertOutput> {
    const { tree } = this.params;
    const { config, backend } = this;
    expectHeadMask(options.headMask, config);
    const batch = packBatch(input, config);
    const kept = new Map<string, Tensor>();
    const tap = this.tapFor(batch, options, kept);

    const encoded = yield* bert(backend, tree.bert, batch, config, options.headMask, scoped(tap, "bert"));
    const L = config.numHiddenLayers;
    const keptAt = (name: string) => kept.get(name) as Tensor;
    return {
      lastHiddenState: unpack(encoded.sequence, batch),
      ...(encoded.pooled && { poolerOutput: owned(encoded.pooled) }),
      ...this.heads(encoded, batch, options, tap),
      ...(options.hiddenStates && { hiddenStates: ["bert.embeddings", ...layerNames(L)].map(keptAt) }),
      ...(options.attentions && { attentions: layerNames(L).map((name) => keptAt(`${name}${PROBS}`)) }),
      ...(options.taps && { taps: new Map(options.taps.map((name) => [name, keptAt(name)])) }),
    };
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

  /** The logits that the architecture has. */
  private heads(encoded: Encoded, batch: Batch, options: ForwardOptions, tap: Tap | undefined): Partial<BertOutput> {
    const { backend, config } = this;
    const { cls, classifier, qa_outputs } = this.params.tree;
    const output: { -readonly [name in keyof BertOutput]?: BertOutput[name] } = {};
    const pooled = encoded.pooled as Tensor; // every architecture that reads it has it: params.ts
    if (options.maskedLmPositions && !cls.predictions) {
      throw new BertError(
        "ERR_INPUT",
        `forward: maskedLmPositions must be left out for ${config.architecture}, which has no masked-language-model head`,
      );
    }
    if (cls.predictions) {
      const rows = options.maskedLmPositions && rowsAt(options.maskedLmPositions, batch);
      const x = rows ? this.gather(encoded.sequence, rows) : encoded.sequence;
      const logits = mlmHead(backend, cls.predictions, x, config, scoped(tap, "cls.predictions"));
      tap?.see("cls.predictions", logits);
      output[cls.seq_relationship ? "predictionLogits" : "logits"] = rows ? owned(logits) : unpack(logits, batch);
    }
    if (cls.seq_relationship) {
      const logits = linear(backend, cls.seq_relationship, pooled);
      tap?.see("cls.seq_relationship", logits);
      output[cls.predictions ? "seqRelationshipLogits" : "logits"] = owned(logits);
    }
    if (classifier) {
      const perToken = config.architecture === "BertForTokenClassification";
      const logits = linear(backend, classifier, perToken ? encoded.sequence : pooled);
      tap?.see("classifier", logits);
      output.logits = perToken ? unpack(logits, batch) : owned(logits);
      if (config.architecture === "BertForMultipleChoice")
        output.logits = byQuestion(output.logits, options.numChoices);
    }
    if (qa_outputs) {
      const logits = linear(backend, qa_outputs, encoded.sequence); // [R, 2]
      tap?.see("qa_outputs", logits);
      const both = unpack(logits, batch);
      output.startLogits = column(both, 0);
      output.endLogits = column(both, 1);
    }
    return output;
  }

  private gather(x: Tensor, rows: Int32Array): Tensor {
    const H = x.shape[1];
    const gathered = this.backend.zeros([rows.length, H]);
    this.backend.gatherRows(gathered.data, x.data, rows, H);
    return gathered;
  }
}

const PROBS = ".attention.self.probs";

function layerNames(L: number): string[] {
  return Array.from({ length: L }, (_, n) => `bert.encoder.layer.${n}`);
}

/** A copy outside the backend's memory. */
function owned({ data, shape }: Tensor): Tensor {
  return { data: new Float32Array(data), shape: [...shape] };
}

/** [B · choices, 1] → [B, choices] */
function byQuestion({ data }: Tensor, numChoices = data.length): Tensor {
  if (!Number.isInteger(numChoices) || numChoices < 1 || data.length % numChoices !== 0) {
    throw new BertError(
      "ERR_INPUT",
      `forward: numChoices must divide the number of sequences, ${data.length}, got ${numChoices}`,
    );
  }
  return { data, shape: [data.length / numChoices, numChoices] };
}

/** [B, T, 2] → [B, T] */
function column({ data, shape: [B, T, N] }: Tensor, n: number): Tensor {
  return { data: Float32Array.from({ length: B * T }, (_, i) => data[i * N + n]), shape: [B, T] };
}

function expectHeadMask(headMask: ForwardOptions["headMask"], c: BertConfig): void {
  if (headMask === undefined) return;
  const { numHiddenLayers: L, numAttentionHeads: A } = c;
  const fits =
    headMask.length === L && headMask.every((row) => row.length === A && Array.from(row).every(Number.isFinite));
  if (fits) return;
  throw new BertError("ERR_INPUT", `forward: headMask must be finite numbers [L,A] = ${formatShape([L, A])}`);
}
