import { BertError } from "../errors.ts";
import type { BertConfig } from "../model/config.ts";
import type { HeadOutput, TapListener } from "../model/forward.ts";
import type { ForwardRequest } from "../model/forwardRequest.ts";
import { messageOf } from "../realm.ts";
import type { Sharing } from "../tensor/backend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import { startWorker, type WorkerHandle, type WorkerModule, whyNotStarted } from "../tensor/threads/platform.ts";
import type { CallMessage, ModelMessage, ParameterPlace, PostedError, WorkerAnswer } from "./workerMessages.ts";

const FORWARD: WorkerModule = {
  file: "plainbert-forward.js",
  start: (Worker) =>
    new Worker(new URL("./workerMain.ts", import.meta.url), { type: "module", name: "plainbert", execArgv: [] }),
};

/** A pass that has not been answered yet. */
interface Call {
  readonly resolve: (outputs: HeadOutput[]) => void;
  readonly reject: (reason: unknown) => void;
  readonly tap: TapListener | undefined;
  /** The caller sets it to 1 when the answer is not wanted any more; the worker looks at it between layers. */
  readonly stop: Int32Array;
}

/**
 * Computes forward passes in a worker, so that the caller's event loop stays free. The worker holds a model of its own
 * over the same memory, and takes passes in their order. It does not keep a process running; an unanswered one does.
 *
 * If the worker ends, the passes that it has not answered are rejected, and the next one starts a new worker. If it
 * cannot start, none is started again, and the backend says why.
 */
export class ForwardWorker {
  private readonly sharing: Sharing;
  private readonly calls = new Map<number, Call>();
  private worker: WorkerHandle | null = null;
  /** Whether the worker has said that it runs. */
  private ready = false;
  /** What `start` returned: of the worker that runs, or of the one that could not start. */
  private starting: Promise<boolean> | null = null;
  /** Ends the wait for a worker that is only starting. */
  private started: (runs: boolean) => void = () => {};
  /** The worker that has been told of the model. */
  private informed: WorkerHandle | null = null;
  private model: { readonly config: BertConfig; readonly parameters: ReadonlyMap<string, Weight> } | null = null;
  private lastId = 0;

  /** @internal */
  constructor(sharing: Sharing) {
    this.sharing = sharing;
  }

  /** Whether `forward` can be called now. */
  get runs(): boolean {
    return this.ready;
  }

  /**
   * Starts the worker, unless it runs. Called while the model is still being read, it saves 60 ms until the first
   * answer.
   *
   * @returns whether it runs: false where it cannot start, and after `dispose`
   */
  start(): Promise<boolean> {
    this.starting ??= new Promise((resolve) => {
      this.started = (runs) => {
        this.ready = runs;
        this.worker?.keepAlive(false);
        resolve(runs);
      };
      try {
        this.worker = startWorker(FORWARD, this.sharing.assets, {
          onMessage: (message) => this.receive(message as WorkerAnswer),
          onEnd: (reason) => this.lose(reason),
        });
        this.worker.keepAlive(true); // a program may have nothing else to wait for
      } catch (error) {
        this.giveUp(messageOf(error));
      }
    });
    return this.starting;
  }

  /** @param parameters by name, in the backend's memory */
  open(config: BertConfig, parameters: ReadonlyMap<string, Weight>): void {
    this.model = { config, parameters };
  }

  /**
   * To be called while the worker runs.
   *
   * @returns an output for each request; rejects with the signal's reason, with what the tap throws, with what the pass
   *   throws
   * @throws BertError ERR_BACKEND the worker ended, or the model was disposed of, before there was an answer
   */
  forward(requests: readonly ForwardRequest[], tap?: TapListener, signal?: AbortSignal): Promise<HeadOutput[]> {
    const worker = this.informedWorker();
    const id = ++this.lastId;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    return new Promise<HeadOutput[]>((resolve, reject) => {
      const call: CallMessage = { type: "call", id, requests, tap: tap !== undefined, stop };
      worker.post(call);
      if (this.calls.size === 0) worker.keepAlive(true);
      const abort = () => {
        Atomics.store(stop, 0, 1);
        reject(signal?.reason);
      };
      const settle = (then: () => void) => {
        signal?.removeEventListener("abort", abort);
        then();
      };
      this.calls.set(id, {
        resolve: (outputs) => settle(() => resolve(outputs)),
        reject: (reason) => settle(() => reject(reason)),
        tap,
        stop,
      });
      signal?.addEventListener("abort", abort);
    });
  }

  /** Ends the worker and rejects the calls that wait. */
  async dispose(): Promise<void> {
    const { worker } = this;
    this.worker = null;
    this.starting = Promise.resolve(false);
    this.started(false);
    this.rejectAll(new BertError("ERR_BACKEND", "forward: the model was disposed of before there was an answer"));
    await worker?.terminate();
    if (worker) this.sharing.forget();
  }

  private informedWorker(): WorkerHandle {
    const worker = this.worker as WorkerHandle;
    if (this.informed === worker) return worker;
    const { config, parameters } = this.model as NonNullable<ForwardWorker["model"]>;
    const places = Array.from(parameters, ([name, weight]) => placeOf(name, weight));
    const start: ModelMessage = { type: "start", config, backend: this.sharing.message(), parameters: places };
    worker.post(start);
    this.informed = worker;
    return worker;
  }

  private receive(answer: WorkerAnswer): void {
    if (answer.type === "ready") {
      this.started(true);
      return;
    }
    const call = this.calls.get(answer.id);
    if (!call) return;
    if (answer.type === "tap") {
      if (Atomics.load(call.stop, 0) === 0) see(call, answer.name, ownTensor(answer.tensor));
      return;
    }
    this.calls.delete(answer.id);
    if (this.calls.size === 0) this.worker?.keepAlive(false);
    if (answer.type === "output") call.resolve(answer.outputs.map(ownOutput));
    else if (answer.type === "failed") call.reject(received(answer.error));
  }

  private lose(reason: unknown): void {
    this.worker = null;
    if (!this.ready) {
      this.giveUp(whyNotStarted(FORWARD.file, reason));
      return;
    }
    this.ready = false;
    this.starting = null;
    this.sharing.forget();
    const ended = `forward: the worker must live until it answers, it ended: ${messageOf(reason)}`;
    this.rejectAll(new BertError("ERR_BACKEND", ended, { cause: reason }));
  }

  private giveUp(reason: string): void {
    this.sharing.giveUp(reason);
    this.started(false);
  }

  private rejectAll(error: BertError): void {
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const { reject } of calls) reject(error);
  }
}

function placeOf(name: string, weight: Weight): ParameterPlace {
  const { data, shape, dtype = null } = weight;
  const scaleOffset = "scale" in weight ? weight.scale.byteOffset : 0;
  return { name, dtype, byteOffset: data.byteOffset, length: data.length, scaleOffset, shape };
}

/**
 * An output in the classes of this realm. A message's objects are of the realm that the platform made the thread in.
 * That is another where a test runner runs tests in contexts of `node:vm`: there `data instanceof Float32Array` would
 * be false.
 */
function ownOutput(output: HeadOutput): HeadOutput {
  const own = (value: Tensor | readonly Tensor[] | ReadonlyMap<string, Tensor>) => {
    if ("data" in value) return ownTensor(value);
    if ("length" in value) return Array.from(value, ownTensor);
    return new Map(Array.from(value, ([name, tensor]): [string, Tensor] => [name, ownTensor(tensor)]));
  };
  return Object.fromEntries(Object.entries(output).map(([name, value]) => [name, own(value)]));
}

function ownTensor({ data, shape }: Tensor): Tensor {
  return { data: new Float32Array(data.buffer, data.byteOffset, data.length), shape: Array.from(shape) };
}

function see(call: Call, name: string, tensor: Tensor): void {
  try {
    call.tap?.(name, tensor);
  } catch (error) {
    Atomics.store(call.stop, 0, 1);
    call.reject(error);
  }
}

/** The error as it was in the worker, with its stack. */
function received({ code, message, stack }: PostedError): BertError {
  if (code !== null) {
    const error = new BertError(code, message);
    error.stack = stack;
    return error;
  }
  const cause = new Error(message);
  cause.stack = stack;
  return new BertError("ERR_BACKEND", `forward: the worker must not fail, got ${message}`, { cause });
}
