import { BertError } from "../errors.ts";
import type { Backend } from "../tensor/backend.ts";
import type { SharedBackend } from "../tensor/simd/simdBackend.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import { besideModule, startWorker, type WorkerHandle } from "../tensor/threads/platform.ts";
import type { BertConfig } from "./config.ts";
import type { DriverAnswer, DriverCall, DriverStart, ParameterPlace, PostedError } from "./driverMessages.ts";
import type { HeadOutput } from "./forward.ts";
import type { ForwardRequest } from "./forwardPass.ts";
import type { TapListener } from "./taps.ts";

/** A call that has not been answered yet. */
interface Call {
  readonly resolve: (output: HeadOutput) => void;
  readonly reject: (reason: unknown) => void;
  readonly tap: TapListener | undefined;
  /** Set to 1 when nobody waits for the answer any more; the worker looks at it between layers. */
  readonly stop: Int32Array;
}

/**
 * Computes forward passes in a worker, so that the caller's event loop stays free. The worker holds a model of its own
 * over the same memory, and takes calls in their order. It does not keep a process running; a call that is not answered
 * does.
 *
 * If the worker ends, the calls that wait are rejected, and the next one starts a new worker.
 */
export class Driver {
  private readonly kernels: Backend;
  private readonly share: () => SharedBackend;
  private readonly calls = new Map<number, Call>();
  private worker: WorkerHandle | null = null;
  /** The worker that has been told of the model. */
  private informed: WorkerHandle | null = null;
  private model: { readonly config: BertConfig; readonly parameters: ReadonlyMap<string, Weight> } | null = null;
  private lastId = 0;

  /** @internal */
  constructor(kernels: Backend, share: () => SharedBackend) {
    this.kernels = kernels;
    this.share = share;
  }

  /** Starts the worker while the model is still being read: 60 ms less until the first answer. */
  prepare(): void {
    try {
      this.worker = this.startedWorker();
    } catch {
      // The first `forward` tries again, and says why.
    }
  }

  /** @param parameters by name, in the backend's memory */
  open(config: BertConfig, parameters: ReadonlyMap<string, Weight>): void {
    this.model = { config, parameters };
  }

  /**
   * @returns the output; rejects with the signal's reason, with what the tap throws, with what the pass throws
   * @throws BertError ERR_BACKEND the worker ended, or the model was disposed of, before there was an answer
   */
  forward(request: ForwardRequest, tap?: TapListener, signal?: AbortSignal): Promise<HeadOutput> {
    const worker = this.running();
    const id = ++this.lastId;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    return new Promise<HeadOutput>((resolve, reject) => {
      const call: DriverCall = { type: "call", id, request, tap: tap !== undefined, stop };
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
        resolve: (output) => settle(() => resolve(output)),
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
    this.rejectAll(new BertError("ERR_BACKEND", "forward: the model was disposed of before there was an answer"));
    await worker?.terminate();
    if (worker) this.kernels.forgetShared();
  }

  private running(): WorkerHandle {
    const worker = this.worker ?? this.startedWorker();
    this.worker = worker;
    if (this.informed === worker) return worker;
    const { config, parameters } = this.model as NonNullable<Driver["model"]>;
    const places = Array.from(parameters, ([name, weight]) => placeOf(name, weight));
    const start: DriverStart = { type: "start", config, backend: this.share(), parameters: places };
    worker.post(start);
    this.informed = worker;
    return worker;
  }

  private startedWorker(): WorkerHandle {
    return startWorker(
      {
        node: besideModule("./driverWorker", import.meta.url),
        web: () => new Worker(new URL("./driverWorker.js", import.meta.url), { type: "module" }),
      },
      { onMessage: (message) => this.receive(message as DriverAnswer), onEnd: (reason) => this.lose(reason) },
    );
  }

  private receive(answer: DriverAnswer): void {
    const call = this.calls.get(answer.id);
    if (!call) return;
    if (answer.type === "tap") {
      if (Atomics.load(call.stop, 0) === 0) see(call, answer.name, answer.tensor);
      return;
    }
    this.calls.delete(answer.id);
    if (this.calls.size === 0) this.worker?.keepAlive(false);
    if (answer.type === "output") call.resolve(answer.output);
    else if (answer.type === "failed") call.reject(received(answer.error));
  }

  private lose(reason: Error): void {
    this.worker = null;
    this.kernels.forgetShared();
    this.rejectAll(
      new BertError("ERR_BACKEND", `forward: the worker must live until it answers, it ended: ${reason.message}`, {
        cause: reason,
      }),
    );
  }

  private rejectAll(error: BertError): void {
    const calls = [...this.calls.values()];
    this.calls.clear();
    for (const { reject } of calls) reject(error);
  }
}

function placeOf(name: string, weight: Weight): ParameterPlace {
  const { data, shape } = weight;
  const dtype = "dtype" in weight ? weight.dtype : "float32";
  const scaleOffset = "scale" in weight ? weight.scale.byteOffset : 0;
  return { name, dtype, byteOffset: data.byteOffset, length: data.length, scaleOffset, shape };
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
