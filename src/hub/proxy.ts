/** Proxies as HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name them; Node before 24 leaves them to its users. */
import http from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import tls from "node:tls";
import { BertError } from "../errors.ts";
import type { Environment } from "./environment.ts";
import { HubError } from "./hubError.ts";

/** The proxy for an address, or null: straight to it. Small letters come first, as in curl and Python. */
export function proxyFor(url: URL, env: Environment): URL | null {
  const names = [`${url.protocol.slice(0, -1)}_proxy`, "all_proxy"].flatMap((name) => [name, name.toUpperCase()]);
  const name = names.find((name) => env[name]);
  if (name === undefined || isExempt(url, env.no_proxy || env.NO_PROXY || "")) return null;
  const text = env[name] as string;
  const address = text.includes("://") ? text : `http://${text}`;
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return new URL(address);
  // Not shown: it may hold a password.
  throw new BertError("ERR_INPUT", `hub: ${name} must be an http or https address, such as http://host:3128`);
}

/** `*`, or a list of hosts and domains, each with a port or without: `example.org` is `hub.example.org` too. */
function isExempt({ hostname, port, protocol }: URL, list: string): boolean {
  const host = hostname.toLowerCase();
  const actualPort = port || (protocol === "https:" ? "443" : "80");
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, name, entryPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.replace(/^\*$/, "")) as RegExpExecArray;
      if (entry === "*") return true;
      return (host === name || host.endsWith(`.${name}`)) && (entryPort === undefined || entryPort === actualPort);
    });
}

/** The address of a proxy, without its password, which Node would send to the server behind it as `authorization`. */
export function proxyAddress(proxy: URL): URL {
  return new URL(proxy.origin);
}

/** The header that gives a proxy its name and password; none if it has none. */
export function proxyHeaders(proxy: URL): Record<string, string> {
  if (proxy.username === "") return {};
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}

/**
 * Connects to https servers through a proxy: CONNECT, then TLS with the server itself, so the proxy sees only its name.
 */
export class TunnelAgent extends https.Agent {
  private readonly proxy: URL;
  private readonly timeout: number;

  constructor(proxy: URL, timeout: number) {
    super({ keepAlive: true });
    this.proxy = proxy;
    this.timeout = timeout;
  }

  override createConnection(
    options: tls.ConnectionOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { host = "", port = 443 } = options;
    const done = callback as (error: Error | null, stream?: Duplex) => void;
    const to = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
    const { request } = this.proxy.protocol === "https:" ? https : http;
    const connect = request(proxyAddress(this.proxy), {
      method: "CONNECT",
      path: to,
      headers: { host: to, ...proxyHeaders(this.proxy) },
      agent: false,
    });
    connect.setTimeout(this.timeout, () => connect.destroy(new Error("the proxy does not answer")));
    connect.on("error", (error) => done(error));
    connect.on("connect", ({ statusCode = 0 }, socket) => {
      socket.setTimeout(0);
      if (statusCode !== 200) {
        socket.destroy();
        return done(proxyError(this.proxy, statusCode));
      }
      const secure = tls.connect({ ...options, socket, servername: isIP(host) ? "" : host });
      secure.once("error", done);
      secure.once("secureConnect", () => {
        secure.off("error", done);
        done(null, secure);
      });
    });
    connect.end();
    return undefined;
  }
}

function proxyError(proxy: URL, status: number): HubError {
  const advice =
    status === 407 ? ": it wants a name and a password, as in HTTPS_PROXY=http://name:password@host:port" : "";
  return new HubError(`the proxy ${proxy.host} answers ${status}${advice}`, { status, transient: status >= 500 });
}
