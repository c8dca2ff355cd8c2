import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { BertError, quote } from "../errors.ts";
import { codeOf, messageOf } from "../realm.ts";
import type { RequestHandler } from "./requestHandler.ts";

/** Where a server listens. */
export interface NodeServerOptions {
  readonly hostname: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Is told what the handler throws, which is a mistake of its own; the client gets 500. */
  readonly onError: (error: unknown) => void;
  /** Those that are not as in `PATIENCE`. */
  readonly patience?: Partial<typeof PATIENCE>;
}

/** How long clients may take, in milliseconds: those that take longer are cut off, with 408 where it can be said. */
const PATIENCE = {
  /** For the headers of a request, from its first byte or, of the first on a connection, from the beginning. */
  headers: 10_000,
  /** For a whole request. */
  request: 60_000,
  /** For an answer, on top of the time that it takes at the slowest rate. */
  answer: 30_000,
  /** The slowest rate at which an answer is read, in bytes a millisecond. */
  rate: 256,
};

/** A server of Node's around a handler. */
export interface NodeServer {
  /** With a slash at the end. */
  readonly address: string;
  /** Takes no more connections, and resolves when every request that has come is answered. */
  close(): Promise<void>;
}

/**
 * Serves a handler by `node:http`. The request's signal aborts when the client hangs up.
 *
 * @throws BertError ERR_INPUT host and port cannot be had
 */
export async function listen(handler: RequestHandler, options: NodeServerOptions): Promise<NodeServer> {
  const patience = { ...PATIENCE, ...options.patience };
  const open = new Set<IncomingMessage>();
  const settings = {
    headersTimeout: patience.headers,
    requestTimeout: patience.request,
    connectionsCheckingInterval: Math.min(patience.headers, patience.request) / 2,
  };
  /** What has not come whole is not waited for: Node does not count its time once the server closes. */
  const closeOthers = () => {
    if (!server.listening && !Array.from(open).some(({ complete }) => complete)) server.closeAllConnections();
  };
  const server = createServer(settings, async (incoming, outgoing) => {
    open.add(incoming);
    const controller = new AbortController();
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) controller.abort();
    });
    const request = requestOf(incoming, controller.signal);
    const answer = request ? handler(request) : Promise.resolve(new Response(null, { status: 400 }));
    const response = await answer.catch((error) => {
      options.onError(error);
      return new Response(null, { status: 500 });
    });
    if (!server.listening) outgoing.setHeader("connection", "close");
    await send(response, incoming, outgoing, patience);
    open.delete(incoming);
    closeOthers();
  });
  const { hostname } = options;
  await once(server.listen(options.port, hostname), "listening").catch((cause) => {
    throw cannotListen(cause, options);
  });
  server.on("error", options.onError); // such as no more open files: those who ask then are not answered
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        closeOthers();
      }),
  };
}

function cannotListen(cause: unknown, { hostname, port }: NodeServerOptions): BertError {
  const isPort = ["EADDRINUSE", "EACCES"].includes(String(codeOf(cause)));
  const wrong = isPort
    ? `port must be one that is free, got ${port}`
    : `hostname must be one of this machine, got ${quote(hostname)}`;
  return new BertError("ERR_INPUT", `serve: ${wrong}: ${messageOf(cause)}`, { cause });
}

/** Writes an answer as fast as it is read, and cuts off a client that does not read it. */
async function send(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { answer, rate }: typeof PATIENCE,
): Promise<void> {
  const { status, headers } = response;
  const reader = response.body?.getReader();
  if (outgoing.destroyed) return reader?.cancel();
  outgoing.on("error", () => {}); // the client has gone
  outgoing.statusCode = status;
  outgoing.setHeaders(headers);
  incoming.removeAllListeners("data").resume(); // what was not read is thrown away, and the connection lives on
  const pace = { until: performance.now() + answer, answer };
  while (reader && !outgoing.destroyed) {
    const { done, value } = await reader.read();
    if (done || incoming.method === "HEAD") break;
    pace.until += value.length / rate;
    if (!outgoing.write(value)) await event(outgoing, "drain", pace);
  }
  await reader?.cancel();
  if (outgoing.destroyed) return;
  outgoing.end();
  await event(outgoing, "close", pace);
}

/** Waits for an event of an answer, or for its end; a client that takes too long is cut off. */
function event(outgoing: ServerResponse, name: "drain" | "close", pace: { until: number; readonly answer: number }) {
  return new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout;
    const wait = () => {
      // While an answer before it on the connection is not sent, its own time does not begin
      if (outgoing.socket === null) pace.until = performance.now() + pace.answer;
      const left = pace.until - performance.now();
      if (left <= 0) outgoing.destroy();
      else timer = setTimeout(wait, left);
    };
    const done = () => {
      clearTimeout(timer);
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on(name, done).on("close", done);
    wait();
  });
}

/** The request in the web's form; null: its address or its method is none. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | null {
  const { method = "GET", url = "/" } = incoming;
  const headers = incoming.headers as Record<string, string>; // but lists, which become such texts
  const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming);
  try {
    const address = new URL(url.startsWith("/") ? `http://localhost${url}` : url);
    return new Request(address, { method, headers, body, signal, duplex: "half" } as RequestInit);
  } catch {
    return null; // such as TRACE, or a path that is no URL
  }
}

/**
 * The body, read as fast as it is taken. `Readable.toWeb` would end the connection where the rest is not wanted, before
 * the client has been told why.
 */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      incoming.on("data", (chunk: Uint8Array) => {
        controller.enqueue(chunk);
        incoming.pause();
      });
      incoming.once("end", () => controller.close());
      incoming.once("error", (error) => controller.error(error));
      incoming.pause();
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      incoming.removeAllListeners("data").removeAllListeners("end").resume();
    },
  });
}
