import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that came in. */
export interface Seen {
  /** The hub itself, or the server that large files are on. */
  readonly server: "hub" | "cdn";
  readonly method: string;
  readonly file: string;
  readonly revision: string;
  readonly headers: IncomingHttpHeaders;
}

/** What to do instead of answering rightly. */
export interface Fault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Closes the connection after so many bytes of the body. */
  readonly dropAfter?: number;
  /** Sends this content instead. */
  readonly content?: Uint8Array;
  /** Announces this many bytes less than it sends: a body that ends early as far as HTTP can tell. */
  readonly shorten?: number;
  /** Whether Range is not honoured. */
  readonly ignoreRange?: boolean;
  /** Milliseconds between pieces of 16 KiB. */
  readonly slow?: number;
  /** Never answers. */
  readonly hang?: boolean;
}

interface Repository {
  readonly commit: string;
  readonly files: ReadonlyMap<string, { readonly data: Uint8Array; readonly large: boolean }>;
}

/** A hub on this machine, and beside it the other server to which it redirects for large files. */
export class HubServer implements AsyncDisposable {
  /** Its address, as HF_ENDPOINT has it. */
  endpoint = "";
  /** The other server's, under another host name. */
  cdn = "";
  readonly seen: Seen[] = [];
  /** Decides what goes wrong with a request; it has been added to `seen`. */
  fault: (request: Seen) => Fault | undefined = () => undefined;
  /** What a token must be for private files. */
  token: string | null = null;
  private readonly repositories = new Map<string, Repository>();
  private readonly servers: Server[] = [];

  static async start(): Promise<HubServer> {
    const hub = new HubServer();
    hub.endpoint = `http://127.0.0.1:${await hub.listen("hub")}`;
    hub.cdn = `http://localhost:${await hub.listen("cdn")}`;
    return hub;
  }

  /** Adds a model, or a new commit of it. Files of 10,000 bytes or more are large. */
  add(id: string, files: Readonly<Record<string, Uint8Array | string>>, commit: string = "0123456789".repeat(4)): void {
    const encoder = new TextEncoder();
    const entries = Object.entries(files).map(([name, content]) => {
      const data = typeof content === "string" ? encoder.encode(content) : content;
      return [name, { data, large: data.length >= 10_000 }] as const;
    });
    this.repositories.set(id, { commit, files: new Map(entries) });
  }

  /** Requests as lines: server, method, file. */
  log(): string[] {
    return this.seen.map(({ server, method, file }) => `${server} ${method} ${file}`);
  }

  /** Closes every connection, whatever is on its way. */
  dropConnections(): void {
    for (const server of this.servers) server.closeAllConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  private async listen(name: Seen["server"]): Promise<number> {
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? "/", "http://x");
      for (const [header, value] of Object.entries(CORS)) response.setHeader(header, value);
      if (request.method === "OPTIONS") {
        response.writeHead(204).end();
        return;
      }
      const isList = url.pathname.startsWith("/api/models/");
      const [id, rest = ""] = url.pathname
        .replace(/^\/(api\/models\/)?/, "")
        .split(isList ? "/revision/" : "/resolve/");
      const [revision, ...path] = rest.split("/").map(decodeURIComponent);
      const seen = {
        server: name,
        method: request.method ?? "",
        file: isList ? LIST : path.join("/"),
        revision,
        headers: request.headers,
      };
      this.seen.push(seen);
      const fault = this.fault(seen);
      if (fault?.hang) return;
      this.answer(seen, id, response, fault).catch(() => response.destroy());
    });
    this.servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, name === "hub" ? "127.0.0.1" : "localhost", resolve));
    return (server.address() as AddressInfo).port;
  }

  private async answer(seen: Seen, id: string, response: ServerResponse, fault: Fault = {}): Promise<void> {
    const repository = this.repositories.get(id);
    const fail = (status: number, code: string, headers = {}) => {
      response.writeHead(status, {
        ...(code && { "x-error-code": code, "x-error-message": `said ${code}` }),
        ...headers,
      });
      response.end();
    };
    if (fault.status) return fail(fault.status, fault.headers?.["x-error-code"] ?? "", fault.headers);
    const isHub = seen.server === "hub";
    // The hub tells strangers nothing of private models.
    const authorized = !isHub || this.token === null || seen.headers.authorization === `Bearer ${this.token}`;
    if (!repository || !authorized) return fail(401, "RepoNotFound");
    const { commit, files } = repository;
    if (!["main", "v1", "refs/pr/1", commit].includes(seen.revision)) return fail(404, "RevisionNotFound");
    if (seen.file === LIST) {
      const content = fault.content ?? new TextEncoder().encode(JSON.stringify(listOf(commit, files)));
      return send(seen, content, {}, response, fault);
    }
    const found = files.get(seen.file);
    if (!found) return fail(404, "EntryNotFound", { "x-repo-commit": commit });
    const { data, large } = found;

    const etag = `"${large ? sha256(data) : gitSha1(data)}"`;
    const headers: Record<string, string> = { "x-repo-commit": commit, etag, "accept-ranges": "bytes" };
    if (large && isHub) {
      Object.assign(headers, { "x-linked-etag": etag, "x-linked-size": String(data.length) });
      const location = `${this.cdn}/${id}/resolve/${commit}/${seen.file}?signature=1`;
      response.writeHead(302, { ...headers, location, ...fault.headers });
      response.end();
      return;
    }
    if (!isHub) headers.etag = `"cdn-${data.length}"`;
    await send(seen, fault.content ?? data, headers, response, fault);
  }
}

/** What stands for the file's name in a request for the list of files. */
export const LIST = "(list)";

/** Pages of other origins may read, as on the real hub. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, range",
  "access-control-expose-headers":
    "etag, x-repo-commit, x-error-code, x-error-message, x-linked-size, x-linked-etag, content-range",
};

/** The answer to `/api/models/…/revision/…?blobs=true`, as huggingface_hub reads it (`hf_api.py`, `ModelInfo`). */
function listOf(commit: string, files: Repository["files"]) {
  const siblings = Array.from(files, ([rfilename, { data, large }]) => ({
    rfilename,
    size: data.length,
    blobId: large ? gitSha1(new TextEncoder().encode(`pointer to ${sha256(data)}`)) : gitSha1(data),
    ...(large && { lfs: { sha256: sha256(data), size: data.length, pointerSize: 134 } }),
  }));
  return { sha: commit, siblings };
}

async function send(
  { method, headers: { range, "if-range": ifRange } }: Seen,
  data: Uint8Array,
  headers: Record<string, string>,
  response: ServerResponse,
  fault: Fault,
): Promise<void> {
  const matches = ifRange === undefined || ifRange === headers.etag;
  const from = matches && !fault.ignoreRange ? Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0) : 0;
  if (from >= data.length && from > 0) {
    response.writeHead(416, { "content-range": `bytes */${data.length}` });
    response.end();
    return;
  }
  const body = data.subarray(from, data.length - (fault.shorten ?? 0));
  if (from > 0) headers["content-range"] = `bytes ${from}-${data.length - 1}/${data.length}`;
  response.writeHead(from > 0 ? 206 : 200, { "content-length": String(body.length), ...headers, ...fault.headers });
  response.flushHeaders();
  if (method === "HEAD") {
    response.end();
    return;
  }
  const piece = fault.slow ? 16_384 : 1 << 20;
  for (let at = 0; at < body.length; at += piece) {
    const end = Math.min(at + piece, fault.dropAfter ?? body.length);
    await new Promise((resolve) => response.write(body.subarray(at, end), resolve));
    if (end === fault.dropAfter) {
      response.socket?.end(); // after what was written, where "destroy" may lose the last of it
      return;
    }
    if (fault.slow) await new Promise((resolve) => setTimeout(resolve, fault.slow));
  }
  response.end();
}

export function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** A file's name in git: what `git hash-object` prints. */
export function gitSha1(data: Uint8Array): string {
  return createHash("sha1").update(`blob ${data.length}\0`).update(data).digest("hex");
}
