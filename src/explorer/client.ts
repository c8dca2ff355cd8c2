/** The page's side of the worker: at most one forward pass runs and one waits; of those that wait the latest counts. */

import type { EffectRequest } from "./effects/effect.ts";
import type { Effect } from "./effects/outputAnswers.ts";
import type { ExplorerRequest, ExplorerResult } from "./explorerResult.ts";
import type { TapNumbers, TapRequest, TapTerms } from "./steps/tapAnswers.ts";
import type { BesideNews, FromWorker, ModelSource, ModelSummary, TensorsToWrite, ToWorker } from "./worker.ts";

/** What the page is told. */
export interface Listener {
  progress(share: number): void;
  opened(model: ModelSummary): void;
  /** Another model could not be opened; the one before is still there. */
  unopened(message: string): void;
  /** The result of what was asked last; others are dropped. */
  result(result: ExplorerResult): void;
  /** What was asked last cannot be computed. */
  problem(message: string): void;
  /** The model cannot be opened, or the worker has stopped: nothing more is computed until `restart`. */
  stopped(message: string): void;
  /** How the model comes that the other one is compared with. */
  beside(news: BesideNews): void;
  /** A file that was asked for; or why there is none. */
  written(file: Uint8Array | string): void;
}

/** A port to the worker; in tests something else that speaks as it does. */
export interface Port {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onmessageerror: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker): void;
  terminate(): void;
}

/** What is seen where the worker looks. */
type Seen = TapNumbers | TapTerms | Effect;

/** Who waits for what is seen. */
interface Looking {
  resolve(seen: Seen): void;
  reject(error: Error): void;
}

const STOPPED = "The worker that computes has stopped.";

/** Asks the worker. */
export class Client {
  private readonly start: () => Port;
  private readonly listener: Listener;
  private port: Port | null = null;
  /** The worker that opens another model. */
  private next: Port | null = null;
  private opening: ToWorker | null = null;
  private running: number | null = null;
  private waiting: ExplorerRequest | null = null;
  private last = 0;
  /** Those who wait for what is seen. */
  private readonly looks = new Map<number, Looking>();

  /** @param start starts a worker; again after one has stopped */
  constructor(start: () => Port, listener: Listener) {
    this.start = start;
    this.listener = listener;
  }

  /** Opens a model. */
  open(model: ModelSource, backend?: "plain"): void {
    this.opening = { open: model, ...(backend && { backend }) };
    this.restart();
  }

  /** Opens another model. Until it is open the one before answers, and for longer where it cannot be opened. */
  openOther(model: ModelSource): void {
    if (!this.port) {
      this.open(model);
      return;
    }
    this.drop(this.next);
    const next = this.start();
    this.next = next;
    const refuse = (message: string): void => {
      this.drop(next);
      this.next = null;
      this.listener.unopened(message);
    };
    next.onmessage = ({ data }) => {
      if ("progress" in data) this.listener.progress(data.progress);
      else if ("problem" in data) refuse(data.problem);
      else if ("opened" in data) {
        this.next = null;
        this.stop();
        [this.port, this.opening] = [next, { open: model }];
        this.listenTo(next);
        this.listener.opened(data.opened);
      }
    };
    next.onmessageerror = next.onerror = () => refuse("The worker that opens the model has stopped.");
    next.postMessage({ open: model });
  }

  /** Stops opening another model; where there is none beside it nothing is computed any more. */
  cancelOther(): void {
    if (this.next) {
      this.drop(this.next);
      this.next = null;
    } else {
      this.stop();
      this.listener.stopped("The model was not opened.");
    }
  }

  /** Opens a model beside the one that there is, which is compared with it; null: none. */
  openBeside(model: ModelSource | null): void {
    this.port?.postMessage({ beside: model });
  }

  /** Writes a file of tensors. */
  write(file: TensorsToWrite): void {
    this.port?.postMessage({ write: file });
  }

  /** Starts a worker, in place of the one that there is, and opens the model in it. What was asked is forgotten. */
  restart(): void {
    this.stop();
    const port = this.start();
    this.port = port;
    this.listenTo(port);
    if (this.opening) port.postMessage(this.opening);
  }

  private listenTo(port: Port): void {
    port.onmessage = ({ data }) => this.receive(data);
    port.onmessageerror = () => this.fail("its answer cannot be read");
    // A script that is not found has an event without a message
    port.onerror = ({ message }) => this.fail(message || "it cannot be loaded");
  }

  /** Computes a text, once what runs has ended; nothing while the worker is stopped. */
  ask(request: ExplorerRequest): void {
    if (!this.port) return;
    if (this.running !== null) {
      this.waiting = request;
      return;
    }
    this.running = ++this.last;
    this.port.postMessage({ id: this.running, request });
  }

  /**
   * Looks at a tap: its numbers or, with a place, what the number there is computed from. Or at what the model answers
   * with something taken away.
   *
   * @throws Error why not
   */
  look(at: TapRequest & { readonly place: null }): Promise<TapNumbers>;
  look(at: TapRequest & { readonly place: readonly number[] }): Promise<TapTerms>;
  look(at: EffectRequest): Promise<Effect>;
  look(at: TapRequest | EffectRequest): Promise<Seen> {
    const { port } = this;
    if (!port) return Promise.reject(new Error(STOPPED));
    return new Promise((resolve, reject) => {
      this.looks.set(++this.last, { resolve, reject });
      port.postMessage({ look: this.last, at });
    });
  }

  private receive(data: FromWorker): void {
    if ("progress" in data) this.listener.progress(data.progress);
    else if ("opened" in data) this.listener.opened(data.opened);
    else if ("look" in data) this.answerLook(data);
    else if ("beside" in data) this.listener.beside(data.beside);
    else if ("written" in data) this.listener.written(data.written);
    else if ("unwritten" in data) this.listener.written(data.unwritten);
    else if ("problem" in data && data.id === null) {
      this.stop();
      this.listener.stopped(data.problem);
    } else {
      const { waiting } = this;
      [this.running, this.waiting] = [null, null];
      if (waiting)
        this.ask(waiting); // what has just come is stale
      else if ("result" in data) this.listener.result(data.result);
      else if ("problem" in data) this.listener.problem(data.problem);
    }
  }

  private answerLook(data: Extract<FromWorker, { readonly look: number }>): void {
    const looking = this.looks.get(data.look);
    this.looks.delete(data.look);
    if ("seen" in data) looking?.resolve(data.seen);
    else looking?.reject(new Error(data.unseen));
  }

  private fail(what: string): void {
    this.stop();
    this.listener.stopped(`The worker that computes has stopped: ${what}.`);
  }

  /** Ends the worker, and what opens another model. */
  private stop(): void {
    const { port, next } = this;
    [this.port, this.next, this.running, this.waiting] = [null, null, null, null];
    for (const one of [port, next]) this.drop(one);
    for (const { reject } of this.looks.values()) reject(new Error(STOPPED));
    this.looks.clear();
  }

  /** Ends a worker; what it may still have sent is not heard. */
  private drop(port: Port | null): void {
    if (!port) return;
    port.onmessage = port.onmessageerror = port.onerror = null;
    port.terminate();
  }
}
