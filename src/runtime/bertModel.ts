/// <reference lib="esnext.disposable" preserve="true" />

import { type LoadedParams, loadParams } from "../checkpoint/loadParams.ts";
import type { WeightSource } from "../checkpoint/weightSource.ts";
import { paramsToWrite } from "../checkpoint/writeParams.ts";
import { BertError } from "../errors.ts";
import { type BatchInput, owned, type SequenceInput } from "../model/batch.ts";
import type { BertConfig } from "../model/config.ts";
import type { BertOutput, ForwardOptions, HeadOutput } from "../model/forward.ts";
import { type ForwardModel, forwardPass } from "../model/forwardPass.ts";
import { forwardRequest } from "../model/forwardRequest.ts";
import { mlmHead } from "../model/heads.ts";
import { listTaps, type TapInfo } from "../model/taps.ts";
import type { Dtype, TensorToWrite } from "../safetensors/index.ts";
import type { Backend, BackendInfo } from "../tensor/backend.ts";
import { formatShape, type StorageType, type Tensor, type Weight } from "../tensor/tensor.ts";
import { passesOf } from "./computePass.ts";
import { ForwardQueue } from "./forwardQueue.ts";
import { type ForwardStreamOptions, forwardStream } from "./forwardStream.ts";
import { ForwardWorker } from "./forwardWorker.ts";

/** BERT with the heads of its architecture: token ids in, hidden states and logits out. */
export class BertModel {
  readonly config: BertConfig;
  /** How the matrices are held. */
  readonly dtype: StorageType;
  /** Every place that `forward` can be looked into, in order. */
  readonly taps: readonly TapInfo[];
  /** @internal for other products on the same threads */
  readonly kernels: Backend;
  private loaded: InUse | null;
  /** Calls of pipelines and indexes, and calls of `forward`, that have not been answered. */
  private readonly calls = new Set<Promise<unknown>>();
  private readonly passes = new Set<Promise<unknown>>();
  private disposal: Promise<void> | null = null;

  /** @param prepared a forward worker that has been started already; a new one if left out */
  constructor(config: BertConfig, params: LoadedParams, backend: Backend, prepared: ForwardWorker | null = null) {
    this.config = config;
    this.kernels = backend;
    this.dtype = params.dtype;
    this.taps = listTaps(config, params.tree);
    const taps = new Map(this.taps.map((info) => [info.name, info]));
    const forwardWorker = prepared ?? (backend.sharing && new ForwardWorker(backend.sharing));
    forwardWorker?.open(config, params.byName);
    const model = { config, tree: params.tree, taps, kernels: backend };
    const queue = new ForwardQueue(config, passesOf(model, forwardWorker));
    this.loaded = { ...model, params, forwardWorker, queue };
  }

  /**
   * Reads the weights that `config.architecture` needs.
   *
   * @param dtype how to hold the matrices; `simd` must have been made for it
   * @throws BertError ERR_CHECKPOINT listing every tensor that is missing, left over or has another shape
   */
  static async load(
    weights: WeightSource,
    config: BertConfig,
    backend: Backend,
    dtype: StorageType = "float32",
    strict = false,
  ): Promise<BertModel> {
    return new BertModel(config, await loadParams(weights, config, backend, dtype, strict), backend);
  }

  /**
   * The model's tensors by their names in the checkpoint, row by row and in float32. To be read only: a tensor's `data`
   * may be the one in use or, where the backend keeps another layout or type, a copy that is made each time it is asked
   * for.
   */
  get parameters(): ReadonlyMap<string, Tensor> {
    const { params, kernels } = this.inUse;
    const inRows = (tensor: Weight): Tensor => ({
      shape: tensor.shape,
      get data() {
        return kernels.unpackWeight(tensor);
      },
    });
    return new Map(Array.from(params.byName, ([name, tensor]) => [name, inRows(tensor)]));
  }

  /**
   * The model's tensors as `writeSafetensors` and `saveBert` write them: float16 as F16, bfloat16 as BF16, int8 as I8
   * with the scale of each row in `….weight_scale`, F32 [O, 1]. Read back with the same `dtype`, they are the same
   * bits.
   */
  tensorsToWrite(): Generator<[string, TensorToWrite & { readonly dtype: Dtype }]> {
    const { params, kernels } = this.inUse;
    return paramsToWrite(params, kernels);
  }

  /**
   * What computes, and why. Where a worker could not start, `threads` is less than was asked for, and `reason` says
   * why.
   */
  get backend(): BackendInfo {
    return this.kernels.info;
  }

  /**
   * The most tokens of one pass; 2,048 unless it is set.
   *
   * @internal
   */
  get batchTokens(): number {
    return this.inUse.queue.batchTokens;
  }

  set batchTokens(count: number) {
    this.inUse.queue.batchTokens = count;
  }

  /**
   * A few numbers of each tensor, by name, as the checkpoint has them.
   *
   * @internal
   */
  get samples(): ReadonlyMap<string, Float32Array> {
    return this.inUse.params.samples;
  }

  private get inUse(): InUse {
    if (this.loaded) return this.loaded;
    throw disposedOf();
  }

  /**
   * Runs the model on a batch: a list of sequences of any lengths, such as `tokenizer.encodeBatch` returns, or
   * `{ inputIds, attentionMask, … }` of [B, T]. A sequence's result does not depend, by a single bit, on the others.
   *
   * Where threads can share memory (backend `simd`; in a page, if it is cross-origin isolated) a worker computes, and
   * the event loop stays free. Elsewhere, and where no worker can start, the event loop gets a turn between layers. A
   * signal stops between layers; it rejects with the signal's reason.
   *
   * Calls that come while a pass is computed wait, and are then computed together, at most 2,048 tokens at once and
   * first come first served; a call that finds nothing to wait for starts at once. A batch of more tokens is computed
   * in parts, and calls that wait have their turn between them. Calls with `tap`, `taps` or `attentions` are computed
   * by themselves.
   *
   * @throws BertError ERR_INPUT an input or option that does not fit the model; ERR_BACKEND after `dispose`
   * @example
   * const { lastHiddenState } = await bert.forward(tokenizer.encodeBatch(["A text.", ["a question", "its context"]]));
   */
  forward<L extends boolean = true>(
    input: readonly SequenceInput[] | BatchInput,
    options?: ForwardOptions<L>,
  ): Promise<L extends false ? HeadOutput : BertOutput>;
  forward(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions = {}): Promise<HeadOutput> {
    return held(() => this.queued(input, options), this.passes);
  }

  private async queued(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions): Promise<HeadOutput> {
    const model = this.inUse;
    const { tap, signal } = options;
    const request = forwardRequest(input, options, model);
    signal?.throwIfAborted();
    return model.queue.add(request, tap, signal);
  }

  /**
   * Computes what `forward` does, at once and on the caller's thread, so that nothing else runs meanwhile: for scripts
   * and tests.
   */
  forwardSync<L extends boolean = true>(
    input: readonly SequenceInput[] | BatchInput,
    options?: ForwardOptions<L>,
  ): L extends false ? HeadOutput : BertOutput;
  forwardSync(input: readonly SequenceInput[] | BatchInput, options: ForwardOptions = {}): HeadOutput {
    const model = this.inUse;
    const steps = forwardPass(model, [forwardRequest(input, options, model)], options.tap);
    try {
      for (;;) {
        options.signal?.throwIfAborted();
        const step = steps.next();
        if (step.done) return step.value[0];
      }
    } finally {
      steps.return(undefined as never);
    }
  }

  /**
   * Runs the model on any number of sequences, one after the other: gives for each, in order, what
   * `forward([sequence])` gives, in the same bits, with B = 1 and the sequence's own T. In a model with a
   * masked-language-model head that includes the logits of every token.
   *
   * Sequences are computed together (but for those whose attentions are asked for), at most 2,048 tokens at once and
   * laid end to end without padding: there is no need to sort them by length or to put them into buckets. While the
   * caller handles the outputs of one pass the next is computed; the source is read no further than these two need, and
   * one sequence. If the source is slow, the sequences that have been received are computed at once. Leaving the loop
   * closes the source.
   *
   * @throws BertError (the first time an output is asked for, or after the outputs before it) ERR_INPUT a sequence,
   *   named by its index in the stream, or an option that does not fit the model; a BertForMultipleChoice, whose
   *   questions are several sequences; ERR_BACKEND after `dispose`. What the source throws, and the signal's reason.
   * @example
   * for await (const { poolerOutput } of bert.forwardStream(sequences)) console.log(poolerOutput?.data);
   */
  forwardStream(
    sequences: Iterable<SequenceInput> | AsyncIterable<SequenceInput>,
    options: ForwardStreamOptions = {},
  ): AsyncGenerator<BertOutput, void, undefined> {
    return forwardStream(this, sequences, options);
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
    const head = params.tree.heads["cls.predictions"];
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
      const input = k.empty([M, H]);
      input.data.set(rows.data);
      return owned(mlmHead({ k, config: this.config, tap: null, training: null }, head, input));
    } finally {
      k.release();
    }
  }

  /**
   * Waits for the calls under way, of this model and of pipelines and indexes that ask it, and frees the weights. From
   * the moment of the call on the model takes no other: `return pipe(text)` beside `finally { await pipe.dispose() }`
   * gives the answer. A stream ends with an error when it next needs the model, but one that an index adds is waited
   * for. Abort what is not to be waited for by its signal.
   *
   * A second call waits for the first.
   */
  dispose(): Promise<void> {
    // Who has returned a call's promise sees its error only after this
    for (const call of [...this.calls, ...this.passes]) call.catch(() => {});
    this.disposal ??= this.close();
    return this.disposal;
  }

  protected async close(): Promise<void> {
    while (this.calls.size > 0) await Promise.allSettled(this.calls);
    const { loaded } = this;
    this.loaded = null;
    await Promise.allSettled(this.passes);
    await loaded?.forwardWorker?.dispose();
  }

  /**
   * Answers a call of a pipeline or an index, for which `dispose` waits with all its passes. The promise must be handed
   * on as it is: `dispose` handles it, and not another that follows from it.
   *
   * @internal
   */
  answer<Answer>(call: () => Promise<Answer>): Promise<Answer> {
    return held(async () => {
      if (this.disposal) throw disposedOf();
      return call();
    }, this.calls);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

interface InUse extends ForwardModel {
  readonly params: LoadedParams;
  /** null where threads cannot share the backend's memory. */
  readonly forwardWorker: ForwardWorker | null;
  readonly queue: ForwardQueue;
}

function disposedOf(): BertError {
  return new BertError("ERR_BACKEND", "bert: the model must not be used after dispose()");
}

/**
 * Keeps the promise of a call among others until it is settled: the one that the caller gets, so that `dispose` can
 * handle it while its caller waits for `dispose`. Nothing else is attached to it, as a rejection that nobody waits for
 * would then be handled, and a forgotten `await` would hide the error.
 */
function held<Value>(call: () => Promise<Value>, among: Set<Promise<unknown>>): Promise<Value> {
  const answered = async (): Promise<Value> => {
    try {
      return await call();
    } finally {
      among.delete(promise);
    }
  };
  const promise = answered();
  among.add(promise);
  return promise;
}
