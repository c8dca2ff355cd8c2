import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname } from "node:path";
import { pipeline } from "node:stream";
import { BertError } from "../errors.ts";
import { DEFAULT_ENDPOINT } from "../hub/checkedOptions.ts";
import { messageOf } from "../realm.ts";
import type { ServedFiles } from "./servedFiles.ts";

/** The only address that it listens at: programs of this machine reach it, and no others. */
const ADDRESS = "127.0.0.1";

/** What a page may load and do that asks these other servers: else what its own `<meta>` says, in no other's frame. */
const policyWith = (others: readonly string[]): string =>
  [
    ...["default-src 'self'", "script-src 'self' 'wasm-unsafe-eval'", `connect-src ${["'self'", ...others].join(" ")}`],
    ...["worker-src 'self' blob:", "style-src 'self'", "img-src 'self' blob: data:", "object-src 'none'"],
    ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
  ].join("; ");

/** What the page may load and do. */
export const CONTENT_SECURITY_POLICY: string = policyWith([]);

/** The file of the page's worker, which fetches a model of the hub when it is asked to. */
const WORKER = "/explorer-worker.js";

/**
 * The policy of the worker: that of its own file's answer, so that the page itself may still ask nobody else. A hub may
 * redirect to where Hugging Face's large files are.
 */
export const workerPolicy = (hub: string): string =>
  policyWith([...new Set([new URL(hub).origin, DEFAULT_ENDPOINT]), "https://*.huggingface.co", "https://*.hf.co"]);

/** Of each answer. The first two isolate the page, so that its threads could share memory; none opens it to others. */
const HEADERS: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-resource-policy": "same-origin",
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-cache",
};

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".txt": "text/plain; charset=utf-8",
};

/** A server of listed files on this machine. */
export interface ExplorerServer {
  /** With a slash at the end. */
  readonly address: string;
  close(): Promise<void>;
}

/**
 * Starts the server.
 *
 * @param port 0: any that is free
 * @param model what `loadBert` is given to open the model, which the page writes into code; null: it is not told
 * @param hub   the address of the hub whose models the page can open
 * @throws BertError ERR_INPUT the port cannot be had
 */
export async function serve(
  files: ServedFiles,
  port: number,
  model: readonly unknown[] | null = null,
  hub: string = DEFAULT_ENDPOINT,
): Promise<ExplorerServer> {
  const server = createServer();
  const own = await listen(server, port);
  const hosts = [`${ADDRESS}:${own}`, `localhost:${own}`, ...(own === 80 ? [ADDRESS, "localhost"] : [])];
  const told = model && encodeURIComponent(JSON.stringify(model)); // headers are ASCII
  server.on("request", (request, response) => {
    if (told !== null) response.setHeader("plainbert-model", told);
    response.setHeader("plainbert-hub", encodeURIComponent(hub));
    return answer(request, response, { files, hosts, hub });
  });
  return {
    address: `http://${ADDRESS}:${own}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new BertError("ERR_INPUT", `explore: port must be one that is free, got ${port}: ${messageOf(cause)}`, {
          cause,
        }),
      ),
    );
    server.listen(port, ADDRESS, () => resolve((server.address() as { readonly port: number }).port));
  });
}

/** What is answered with. */
interface Served {
  readonly files: ServedFiles;
  /** The names that the page may have been asked for by. */
  readonly hosts: readonly string[];
  readonly hub: string;
}

/** Answers one request. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { files, hosts, hub }: Served,
): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const { method = "", url = "", headers } = request;
  // A page elsewhere whose name leads here (DNS rebinding) would be of our origin.
  if (!hosts.includes(headers.host ?? "")) return refuse(response, 421, `This server answers to ${hosts[0]} alone.`);
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    return refuse(response, 405, "Only GET and HEAD are answered.");
  }
  if (url.split("?")[0] === WORKER) response.setHeader("content-security-policy", workerPolicy(hub));
  const path = files.get(url.split("?")[0]); // names of files are plain: nothing is decoded, and nothing resolved
  const stats = path === undefined ? null : await stat(path).catch(() => null);
  if (path === undefined || !stats?.isFile()) return refuse(response, 404, "There is no such file.");
  response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
  // A model's files have neither ETag nor date: so the page keeps no copy, which would be another for each free port.
  if (!url.startsWith("/model/")) {
    const etag = `"${stats.size.toString(16)}-${Math.trunc(stats.mtimeMs).toString(16)}"`;
    response.setHeader("etag", etag).setHeader("last-modified", stats.mtime.toUTCString());
    if (headers["if-none-match"] === etag) return void response.writeHead(304).end();
  }
  response.writeHead(200, { "content-length": stats.size });
  if (method === "HEAD") return void response.end();
  pipeline(createReadStream(path), response, () => {}); // the reader has gone, or the file: the connection ends
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(`${sentence}\n`);
}
