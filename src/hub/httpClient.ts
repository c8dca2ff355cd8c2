import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { printable } from "../errors.ts";
import { onAbort } from "../onAbort.ts";
import type { Environment } from "./environment.ts";
import { HubError } from "./hubError.ts";
import { proxyAddress, proxyFor, proxyHeaders, TunnelAgent } from "./proxy.ts";

const MAX_REDIRECTS = 10;

export interface HttpRequest {
  readonly method: "HEAD" | "GET";
  readonly url: string;
  /** `authorization` and `if-range` go to the first server alone: neither is another's business. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long to wait for the next bytes, in milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal | undefined;
  /** Whether to follow a redirect to another server; one to the same server is always followed. */
  readonly follow: (response: IncomingMessage) => boolean;
}

/** Requests with redirects and proxies. Keeps connections open until `close`. */
export class HttpClient {
  private readonly env: Environment;
  private readonly agents = new Map<string, http.Agent>();

  constructor(env: Environment) {
    this.env = env;
  }

  /**
   * The response to a request, redirects followed; its body is to be read or destroyed.
   *
   * @throws HubError no connection, no answer in time, or redirects without end; the signal's reason
   */
  async request(request: HttpRequest): Promise<IncomingMessage> {
    let url = new URL(request.url);
    let headers: Record<string, string> = { ...request.headers };
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const response = await this.send(url, headers, request);
      const { location } = response.headers;
      if (!isRedirect(response.statusCode) || location === undefined) return response;
      const next = URL.canParse(location, url) ? new URL(location, url) : null;
      if (next === null || !/^https?:$/.test(next.protocol)) {
        response.destroy();
        throw new HubError(`${url.host} redirects to ${printable(location, 200)}, which is no http or https address`);
      }
      if (next.origin !== url.origin) {
        if (!request.follow(response)) return response;
        const { authorization, "if-range": ifRange, ...rest } = headers;
        headers = rest;
      }
      response.resume(); // so that its connection can be used again
      url = next;
    }
    throw new HubError(`${request.url} redirects more than ${MAX_REDIRECTS} times`);
  }

  close(): void {
    for (const agent of this.agents.values()) agent.destroy();
  }

  private send(
    url: URL,
    headers: Record<string, string>,
    { method, timeout, signal }: HttpRequest,
  ): Promise<IncomingMessage> {
    signal?.throwIfAborted();
    const proxy = proxyFor(url, this.env);
    const secure = url.protocol === "https:";
    const agent = this.agent(secure, proxy, timeout);
    const options = { method, agent };
    // A proxy gets the whole address of a request that is not encrypted; through a tunnel it sees nothing.
    const plainProxy = secure ? null : proxy;
    const request = plainProxy
      ? (plainProxy.protocol === "https:" ? https : http).request(proxyAddress(plainProxy), {
          ...options,
          path: url.href.slice(0, url.href.length - url.hash.length),
          headers: { ...headers, host: url.host, ...proxyHeaders(plainProxy) },
        })
      : (secure ? https : http).request(url, { ...options, headers });
    // Not by the option `signal`, which gives the signal a listener for each request.
    request.on(
      "close",
      onAbort(signal, () => request.destroy(new Error("aborted"))),
    );
    return new Promise((resolve, reject) => {
      request.setTimeout(timeout, () => request.destroy(new Error(`no bytes in ${timeout / 1000} seconds`)));
      request.on("response", resolve);
      request.on("error", (error) => reject(connectionError(url, proxy, error, signal)));
      request.end();
    });
  }

  private agent(secure: boolean, proxy: URL | null, timeout: number): http.Agent {
    const key = `${secure} ${proxy?.href}`;
    const known = this.agents.get(key);
    if (known) return known;
    const throughTls = secure || proxy?.protocol === "https:";
    const options = { keepAlive: true };
    const made =
      secure && proxy
        ? new TunnelAgent(proxy, timeout)
        : throughTls
          ? new https.Agent(options)
          : new http.Agent(options);
    this.agents.set(key, made);
    return made;
  }
}

/** A failure of the connection, as an error that says what to do; or the signal's reason, if that is why. */
function connectionError(url: URL, proxy: URL | null, error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof HubError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const via = proxy ? ` through the proxy ${proxy.host}` : "";
  // Node's errors of several addresses at once have an empty message.
  const reason = REASONS.get(code ?? "") ?? (message || code || "unknown");
  const cause = /^(CERT_|ERR_TLS|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED)/.test(code ?? "") ? "" : code;
  return new HubError(`no connection to ${url.host}${via}: ${reason}`, { transient: cause !== "", cause: error });
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "no such host; is there a network?"],
  ["EAI_AGAIN", "the host's address cannot be found; is there a network?"],
  ["ECONNREFUSED", "it refuses connections"],
  ["ECONNRESET", "it closed the connection"],
  [
    "SELF_SIGNED_CERT_IN_CHAIN",
    "its certificate is signed by nobody known; NODE_EXTRA_CA_CERTS names a file of more signers",
  ],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "its certificate is signed by nobody known; NODE_EXTRA_CA_CERTS names a file of more signers",
  ],
  [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "its certificate is signed by itself; NODE_EXTRA_CA_CERTS names a file of more signers",
  ],
]);

export function isRedirect(status: number | undefined): boolean {
  return status !== undefined && [301, 302, 303, 307, 308].includes(status);
}
