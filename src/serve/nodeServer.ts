import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
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
}

/** A server of Node's around a handler. */
export interface NodeServer {
  /** With a slash at the end. */
  readonly address: string;
  /** Takes no more connections, and resolves when every request that has come is answered. What has come of others is left. */
  close(): Promise<void>;
}

/**
 * Serves a handler by `node:http`. The request's signal aborts when the client hangs up.
 *
 * @throws BertError ERR_INPUT host and port cannot be had
 */
export async function listen(handler: RequestHandler, options: NodeServerOptions): Promise<NodeServer> {
  let isClosing = false;
  /** Each connection, with how many of its requests are not answered yet. */
  const unanswered = new Map<Socket, number>();
  const server = createServer(async (incoming, outgoing) => {
    const { socket } = incoming;
    const add = (count: number) => unanswered.has(socket) && unanswered.set(socket, unanswered.get(socket)! + count);
    add(1);
    outgoing.once("close", () => {
      add(-1);
      if (isClosing && unanswered.get(socket) === 0) socket.destroySoon();
    });
    const response = await answered(incoming, outgoing, handler).catch((error) => {
      options.onError(error);
      return new Response(null, { status: 500 });
    });
    if (isClosing) outgoing.setHeader("connection", "close");
    await send(response, incoming, outgoing);
  });
  server.on("connection", (socket) => {
    unanswered.set(socket, 0);
    socket.once("close", () => unanswered.delete(socket));
  });
  const port = await started(server, options);
  const { hostname } = options;
  return {
    address: `http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`,
    close: () =>
      new Promise((resolve) => {
        isClosing = true;
        server.close(() => resolve());
        // `closeIdleConnections` would wait for what is half a request, up to its time limits, which are minutes.
        for (const [socket, count] of unanswered) if (count === 0) socket.destroySoon();
      }),
  };
}

function started(server: Server, { hostname, port }: NodeServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const isPort = ["EADDRINUSE", "EACCES"].includes(String(codeOf(cause)));
      const wrong = isPort
        ? `port must be one that is free, got ${port}`
        : `hostname must be one of this machine, got ${quote(hostname)}`;
      reject(new BertError("ERR_INPUT", `serve: ${wrong}: ${messageOf(cause)}`, { cause }));
    });
    server.listen(port, hostname, () => resolve((server.address() as { readonly port: number }).port));
  });
}

/** What the handler answers. */
async function answered(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: RequestHandler,
): Promise<Response> {
  const controller = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) controller.abort();
  });
  const request = requestOf(incoming, controller.signal);
  return request === null ? new Response(null, { status: 400 }) : handler(request);
}

async function send(response: Response, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const body = new Uint8Array(await response.arrayBuffer());
  const headers = { ...Object.fromEntries(response.headers), "content-length": body.length };
  outgoing.writeHead(response.status, headers).end(incoming.method === "HEAD" ? undefined : body);
  incoming.removeAllListeners("data").resume(); // what was not read is thrown away, and the connection lives on
}

/** The request in the web's form; null: its address or its method is none. */
function requestOf(incoming: IncomingMessage, signal: AbortSignal): Request | null {
  const { method = "GET", headers, url = "/" } = incoming;
  const given = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
  const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming);
  try {
    const address = new URL(url.startsWith("/") ? `http://localhost${url}` : url);
    return new Request(address, { method, headers: given, body, signal, duplex: "half" } as RequestInit);
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
