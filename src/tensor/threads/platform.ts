import { BertError } from "../../errors.ts";

/** Where a worker's module is. */
export interface WorkerModule {
  /** For Node, which runs both TypeScript and what it is compiled to: `besideModule("./worker", import.meta.url)`. */
  readonly node: URL;
  /** For browsers: `() => new Worker(new URL("./worker.js", import.meta.url), …)`, the form that bundlers recognise. */
  readonly web: () => Worker;
}

/** A worker, as the thread that started it sees it. */
export interface WorkerHandle {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Whether the worker keeps the process running; at first it does not. Browsers have no such thing. */
  keepAlive(yes: boolean): void;
  /** Ends it, whatever it does. `onEnd` is not called. */
  terminate(): Promise<void>;
}

export interface WorkerEvents {
  readonly onMessage: (message: unknown) => void;
  /** It ended without being told to. */
  readonly onEnd: (reason: Error) => void;
}

/** The thread that started this one, as a worker sees it. */
export interface Parent {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  listen(onMessage: (message: unknown) => void): void;
}

type NodeModules = {
  "node:worker_threads": typeof import("node:worker_threads");
  "node:os": typeof import("node:os");
};

/** Node's own modules, asked for at run time: a bundler for the browser finds no import that it cannot resolve. */
function builtin<N extends keyof NodeModules>(name: N): NodeModules[N] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as NodeModules[N] | undefined;
}

/** The URL of a worker's module that stands beside the module that asks: `.ts` where it is TypeScript, else `.js`. */
export function besideModule(path: string, moduleUrl: string): URL {
  return new URL(path + (moduleUrl.endsWith(".ts") ? ".ts" : ".js"), moduleUrl);
}

/**
 * Whether threads can share memory here. Browsers allow it to pages that are cross-origin isolated, which takes the
 * response headers COOP and COEP.
 */
export function canShareMemory(): boolean {
  if (typeof SharedArrayBuffer !== "function" || globalThis.crossOriginIsolated === false) return false;
  return builtin("node:worker_threads") !== undefined || typeof Worker === "function";
}

/** How many threads can run at the same time on this machine. */
export function availableParallelism(): number {
  return builtin("node:os")?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/** @throws BertError ERR_BACKEND the engine starts no worker */
export function startWorker(module: WorkerModule, events: WorkerEvents): WorkerHandle {
  try {
    const threads = builtin("node:worker_threads");
    return threads ? startNodeWorker(new threads.Worker(module.node, NODE_OPTIONS), events) : startWeb(module, events);
  } catch (cause) {
    throw new BertError("ERR_BACKEND", `threads: a worker must start, got ${cause}`, { cause });
  }
}

/** No flags of the main thread: `--input-type`, which `node -e` may have, is refused for a file. */
const NODE_OPTIONS = { execArgv: [], name: "plainbert" };

function startNodeWorker(worker: import("node:worker_threads").Worker, events: WorkerEvents): WorkerHandle {
  let stopped = false;
  let error: Error | undefined;
  worker.on("message", events.onMessage);
  worker.on("error", (reason: Error) => {
    error = reason;
  });
  worker.on("exit", (code) => {
    if (!stopped) events.onEnd(error ?? new Error(`the worker exited with code ${code}`));
  });
  worker.unref(); // after the listeners, as one for messages undoes it
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    keepAlive: (yes) => (yes ? worker.ref() : worker.unref()),
    async terminate() {
      stopped = true;
      await worker.terminate();
    },
  };
}

function startWeb(module: WorkerModule, events: WorkerEvents): WorkerHandle {
  const worker = module.web();
  worker.onmessage = ({ data }) => events.onMessage(data);
  worker.onerror = ({ message }) => {
    worker.terminate();
    events.onEnd(new Error(message));
  };
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    keepAlive: () => {},
    terminate: async () => worker.terminate(),
  };
}

/** Within a worker: the thread that started it. */
export function parent(): Parent {
  const port = builtin("node:worker_threads")?.parentPort;
  if (port) {
    return {
      post: (message, transfer = []) => port.postMessage(message, [...transfer]),
      listen: (onMessage) => void port.on("message", onMessage),
    };
  }
  const scope = globalThis as unknown as {
    postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
    onmessage: ((event: MessageEvent) => void) | null;
  };
  return {
    post: (message, transfer = []) => scope.postMessage(message, [...transfer]),
    listen(onMessage) {
      scope.onmessage = ({ data }) => onMessage(data);
    },
  };
}
