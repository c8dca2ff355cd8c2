import { BertError } from "../../errors.ts";
import { messageOf } from "../../realm.ts";

/** Node's class of workers, or that of the web, as far as they are the same. */
export type WorkerClass = new (url: URL, options: WorkerStart) => PlatformWorker;

/** The options with which a worker starts: Node, the web, or both read each of them. */
interface WorkerStart {
  readonly type: "module";
  readonly name: string;
  /**
   * Empty, so that the worker has no flags of the main thread: Node refuses a file with `--input-type`, which `node -e`
   * may have.
   */
  readonly execArgv: readonly never[];
}

type PlatformWorker = import("node:worker_threads").Worker | Worker;

/** A worker's module, which is one file that imports nothing. */
export interface WorkerModule {
  /** What the file is called where it is published. */
  readonly file: string;
  /**
   * `(Worker) => new Worker(new URL("./name.ts", import.meta.url), …)`: bundlers and file tracing look for exactly this
   * and take the file along. In the published package the file's name stands there.
   */
  readonly start: (Worker: WorkerClass) => PlatformWorker;
}

/** A worker, as the thread that started it sees it. */
export interface WorkerHandle {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  /** Whether the worker keeps the process running; at first it does not. Browsers have no such thing. */
  keepAlive(yes: boolean): void;
  /** Ends the worker, whatever it does. `onEnd` is not called. */
  terminate(): Promise<void>;
}

/** What the thread that starts a worker does when it hears of it. */
export interface WorkerEvents {
  readonly onMessage: (message: unknown) => void;
  /** The worker ended, and not by `terminate`, or it could not start. */
  readonly onEnd: (reason: unknown) => void;
}

/** The thread that started this one, as a worker sees it. */
export interface Parent {
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  listen(onMessage: (message: unknown) => void): void;
}

type NodeModules = {
  "node:worker_threads": typeof import("node:worker_threads");
  "node:os": typeof import("node:os");
  "node:url": typeof import("node:url");
};

/**
 * One of Node's own modules, looked up at run time: a bundler for the browser finds no import that it cannot resolve.
 * The edge runtime of Next.js throws when it is looked up.
 */
function builtin<N extends keyof NodeModules>(name: N): NodeModules[N] | undefined {
  try {
    return globalThis.process?.getBuiltinModule?.(name) as NodeModules[N] | undefined;
  } catch {
    return undefined;
  }
}

/**
 * Why threads cannot share memory here, or null where they can. Browsers allow it to pages that are cross-origin
 * isolated, which takes the response headers COOP and COEP.
 */
export function whyNoThreads(): string | null {
  if (globalThis.crossOriginIsolated === false)
    return "the page must be cross-origin isolated for them to share memory";
  if (typeof SharedArrayBuffer !== "function") return "the engine must have SharedArrayBuffer";
  if (!workerClass()) return "the platform must have workers";
  return null;
}

/** How many threads can run at the same time on this machine. */
export function availableParallelism(): number {
  return builtin("node:os")?.availableParallelism?.() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
}

/**
 * An environment variable; undefined in browsers, which have none, and where it must not be read: Deno without
 * --allow-env.
 */
export function environment(name: string): string | undefined {
  try {
    return globalThis.process?.env?.[name];
  } catch {
    return undefined;
  }
}

/**
 * The URL of a file in a folder.
 *
 * @param folder a URL, or a path: of the file system where there is one, else from the page
 */
export function urlInFolder(folder: string | URL, file: string): URL {
  const text = String(folder).replace(/[\\/]?$/, "/");
  if (/^[a-z][a-z\d+.-]+:/i.test(text)) return new URL(file, text); // a single letter is a drive
  const base = builtin("node:url")?.pathToFileURL(text) ?? new URL(text, globalThis.location?.href);
  return new URL(file, base);
}

/**
 * A worker says within 0.1 s that it runs, on a busy machine within some seconds. A file that is no worker, an empty
 * one say, never does, and browsers report nothing.
 */
const START_MS = 30_000;

/** After START_MS the thread may have had other work, so that the worker's message waits: it gets so much time more. */
const LAST_CHANCE_MS = 100;

/**
 * Starts a worker, whose first message says that it runs. It may turn out later that it cannot start: then `onEnd` is
 * called.
 *
 * @param assets the folder with the worker's file, where it is not beside the module that starts it
 * @throws BertError ERR_BACKEND the platform starts no worker
 */
export function startWorker(
  { file, start }: WorkerModule,
  assets: string | URL | undefined,
  events: WorkerEvents,
): WorkerHandle {
  try {
    const Class = workerClass();
    if (!Class) throw new Error("the platform has no workers");
    const worker = assets === undefined ? start(Class) : new Class(urlInFolder(assets, file), WORKER_START);
    return withDeadline(events, (watched) =>
      "ref" in worker ? handleOfNode(worker, watched) : handleOfWeb(worker, watched),
    );
  } catch (cause) {
    throw new BertError("ERR_BACKEND", whyNotStarted(file, cause), { cause });
  }
}

/** Ends a worker that says nothing within `START_MS`. The wait does not keep a process running. */
function withDeadline(events: WorkerEvents, handle: (watched: WorkerEvents) => WorkerHandle): WorkerHandle {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (milliseconds: number, then: () => void) => {
    timer = setTimeout(then, milliseconds);
    (timer as { unref?: () => void }).unref?.();
  };
  const worker = handle({
    onMessage(message) {
      clearTimeout(timer);
      events.onMessage(message);
    },
    onEnd(reason) {
      clearTimeout(timer);
      events.onEnd(reason);
    },
  });
  const giveUp = () => {
    void worker.terminate();
    events.onEnd(new Error(`no answer within ${START_MS / 1000} s`));
  };
  wait(START_MS, () => wait(LAST_CHANCE_MS, giveUp));
  return {
    ...worker,
    terminate() {
      clearTimeout(timer);
      return worker.terminate();
    },
  };
}

const WORKER_START: WorkerStart = { type: "module", name: "plainbert", execArgv: [] };

/** What `backend.reason` says of a worker that cannot start. */
export function whyNotStarted(file: string, reason: unknown): string {
  const message = messageOf(reason).split("\n", 1)[0];
  return `threads: the worker ${file} must start, got ${message} (where a bundler leaves the file behind, the option assets names a folder with a copy of plainbert/workers/*)`;
}

function workerClass(): WorkerClass | undefined {
  const threads = builtin("node:worker_threads");
  if (threads) return threads.Worker as unknown as WorkerClass;
  return globalThis.Worker && (webWorker as unknown as WorkerClass);
}

/**
 * A worker of the web. A page may start files of its own origin alone: for one of another, as where the package comes
 * from a content network, a module of the page's origin imports it. To be called with `new`, as that is the form that
 * bundlers look for.
 */
function webWorker(url: URL, options: WorkerStart): Worker {
  const isOwn = url.origin === globalThis.location?.origin || url.protocol === "blob:" || url.protocol === "data:";
  return new Worker(isOwn ? url : importing(url), options);
}

function importing(url: URL): string {
  const module = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  return URL.createObjectURL(module);
}

function handleOfNode(worker: import("node:worker_threads").Worker, events: WorkerEvents): WorkerHandle {
  let stopped = false;
  let error: unknown;
  worker.on("message", events.onMessage);
  worker.on("error", (reason: unknown) => {
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

function handleOfWeb(worker: Worker, events: WorkerEvents): WorkerHandle {
  worker.onmessage = ({ data }) => events.onMessage(data);
  worker.onerror = (event) => {
    event.preventDefault(); // `onEnd` gets it, and not the whole page
    worker.terminate();
    // No message: there is no such file, or it is forbidden
    events.onEnd(new Error(event.message || "its file cannot be loaded"));
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
