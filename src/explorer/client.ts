/** The page's side of the worker: at most one forward pass runs and one waits; of those that wait the latest counts. */
import type { TensorsToWrite } from "./files.ts";
import type { ExplorerRequest, ExplorerResult } from "./result.ts";
import type { FromWorker, ModelFiles, ModelSummary, ToWorker } from "./worker.ts";

/** What the page is told. */
export interface Listener {
  progress(share: number): void;
  opened(model: ModelSummary): void;
  result(result: ExplorerResult): void;
  problem(message: string): void;
  /** A file that was asked for; or why there is none. */
  written(file: Uint8Array | string): void;
}

/** A port to the worker; in tests something else that speaks as it does. */
export interface Port {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  postMessage(message: ToWorker): void;
}

/** Asks the worker. */
export class Client {
  private readonly port: Port;
  private running: number | null = null;
  private waiting: ExplorerRequest | null = null;
  private last = 0;

  constructor(port: Port, listener: Listener) {
    this.port = port;
    port.onmessage = ({ data }) => {
      if ("progress" in data) return listener.progress(data.progress);
      if ("opened" in data) return listener.opened(data.opened);
      if ("written" in data) return listener.written(data.written);
      if ("unwritten" in data) return listener.written(data.unwritten);
      const { waiting } = this;
      this.running = null;
      this.waiting = null;
      if (waiting)
        this.ask(waiting); // what has just come is stale
      else if ("result" in data) listener.result(data.result);
      else listener.problem(data.problem);
    };
    port.onerror = (event) => listener.problem(`The worker has stopped: ${event.message}. Reload the page.`);
  }

  /** Opens a model: the address of its folder, or its files. */
  open(model: string | ModelFiles, backend?: "plain"): void {
    this.port.postMessage({ open: model, ...(backend && { backend }) });
  }

  /** Writes a file of tensors. */
  write(file: TensorsToWrite): void {
    this.port.postMessage({ write: file });
  }

  /** Computes a text, once what runs has ended. */
  ask(request: ExplorerRequest): void {
    if (this.running !== null) {
      this.waiting = request;
      return;
    }
    this.running = ++this.last;
    this.port.postMessage({ id: this.running, request });
  }
}
