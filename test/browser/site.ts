import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".html": "text/html",
  ".css": "text/css",
  ".json": "application/json",
};

/** Headers that isolate a page from other origins, so that its threads can share memory. */
export const ISOLATION: Readonly<Record<string, string>> = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** A server of static files and of pages, and another origin that serves the same to pages of every origin, as content networks do. */
export class Site implements AsyncDisposable {
  origin = "";
  network = "";
  /** The first origin under an address that browsers do not trust; one of this machine's on its network. */
  anywhere = "";
  /** Sent with each answer of the first origin. */
  headers: Readonly<Record<string, string>> = {};
  /** What was asked of the first origin: method, path, range. */
  readonly seen: string[] = [];
  /** Contents by path, beside the folders. */
  readonly texts: Map<string, string> = new Map();
  /** What a server that is asked for a path does instead of answering rightly. */
  fault: (path: string, request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  private readonly folders: Readonly<Record<string, string>>;
  private readonly servers: Server[] = [];

  /** @param folders on disk, by the path that they are served under; the first that fits is taken */
  static async start(folders: Readonly<Record<string, string>>): Promise<Site> {
    const site = new Site(folders);
    site.origin = `http://127.0.0.1:${await site.listen(false)}`;
    site.network = `http://localhost:${await site.listen(true)}`;
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const outside = addresses.find(({ internal, family }) => !internal && family === "IPv4");
    site.anywhere = `http://${outside?.address}:${new URL(site.origin).port}`;
    return site;
  }

  private constructor(folders: Readonly<Record<string, string>>) {
    this.folders = folders;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private async listen(isNetwork: boolean): Promise<number> {
    const server = createServer((request, response) => this.answer(request, response, isNetwork));
    this.servers.push(server);
    await new Promise<void>((done) => server.listen(0, isNetwork ? "localhost" : "0.0.0.0", done));
    return (server.address() as AddressInfo).port;
  }

  private answer(request: IncomingMessage, response: ServerResponse, isNetwork: boolean): void {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const own = isNetwork
      ? { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" }
      : this.headers;
    for (const [name, value] of Object.entries(own)) response.setHeader(name, value);
    const { range } = request.headers;
    if (!isNetwork) this.seen.push(`${request.method} ${path}${range ? ` ${range}` : ""}`);
    response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
    if (this.fault(path, request, response)) return;
    const text = this.texts.get(path);
    if (text !== undefined) {
      response.end(text);
      return;
    }
    const file = this.fileOf(path);
    if (file === null) {
      response.writeHead(404).end();
      return;
    }
    const bytes = readFileSync(file);
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    response.setHeader("etag", `"${bytes.length}-${statSync(file).mtimeMs}"`);
    response.setHeader("content-length", bytes.length - from);
    if (from > 0) response.setHeader("content-range", `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    response.writeHead(from > 0 ? 206 : 200);
    response.end(request.method === "HEAD" ? undefined : bytes.subarray(from));
  }

  has(path: string): boolean {
    return this.texts.has(path) || this.fileOf(path) !== null;
  }

  private fileOf(path: string): string | null {
    const prefix = Object.keys(this.folders).find((name) => path.startsWith(name));
    if (prefix === undefined) return null;
    const file = join(this.folders[prefix], path.slice(prefix.length));
    return existsSync(file) && statSync(file).isFile() ? file : null;
  }
}
