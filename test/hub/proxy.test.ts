import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { proxyFor } from "../../src/hub/proxy.ts";
import { plainbertProcess } from "../cli/run.ts";
import { sha256 } from "./server.ts";
import { Place, WEIGHTS } from "./support.ts";

/** A proxy that notes what it is asked: whole addresses, and CONNECT. */
class TestProxy implements AsyncDisposable {
  readonly asked: { line: string; headers: IncomingHttpHeaders }[] = [];
  /** The status of the answer to CONNECT, if it is to be another than 200. */
  refuse = 0;
  url = "";
  private readonly server: Server = createServer((request, response) => {
    this.asked.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    const { method, headers } = request;
    const onward = httpRequest(request.url as string, { method, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });

  static async start(): Promise<TestProxy> {
    const proxy = new TestProxy();
    proxy.server.on("connect", (request, socket) => {
      proxy.asked.push({ line: `CONNECT ${request.url}`, headers: request.headers });
      if (proxy.refuse) return void socket.end(`HTTP/1.1 ${proxy.refuse} No\r\ncontent-length: 0\r\n\r\n`);
      const [host, port] = (request.url as string).split(":");
      const onward = connect(Number(port), host, () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        onward.pipe(socket).pipe(onward);
      });
      onward.on("error", () => socket.destroy());
      socket.on("error", () => onward.destroy());
    });
    await new Promise<void>((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.url = `http://127.0.0.1:${(proxy.server.address() as AddressInfo).port}`;
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

describe("a hub without TLS", () => {
  test("HTTP_PROXY gets the whole addresses, its own password, and nobody else does", async () => {
    await using here = await Place.make();
    await using proxy = await TestProxy.start();
    here.env.HTTP_PROXY = proxy.url.replace("://", "://me:p%40ss@");
    const { folder } = await here.open({ token: "hf_secret" });
    expect(sha256(readFileSync(join(folder.path, "model.safetensors")))).toBe(sha256(WEIGHTS));
    expect(proxy.asked.length).toBe(here.hub.seen.length);
    expect(proxy.asked[0].line).toBe(`HEAD ${here.hub.endpoint}/org/small/resolve/main/config.json`);
    const basic = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    for (const { line, headers } of proxy.asked) {
      expect(headers["proxy-authorization"]).toBe(basic);
      expect(headers.authorization).toBe(line.includes(here.hub.endpoint) ? "Bearer hf_secret" : undefined);
    }
  });

  test("NO_PROXY", async () => {
    await using here = await Place.make();
    await using proxy = await TestProxy.start();
    Object.assign(here.env, { http_proxy: proxy.url, NO_PROXY: "example.org,127.0.0.1" });
    await here.open();
    expect(proxy.asked.map(({ line }) => line.split("?")[0])).toEqual([
      expect.stringMatching(/^GET http:\/\/localhost:\d+\/org\/small\/resolve\/.*\/model\.safetensors$/),
    ]);
  });

  test("a proxy that is not there", async () => {
    await using here = await Place.make();
    here.env.http_proxy = "127.0.0.1:9";
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringMatching(
        /^hub: there is no folder .* here, and no connection to 127.* through the proxy 127\.0\.0\.1:9: it refuses/,
      ),
    });
  });
});

/** A certificate for "localhost", made for this run; null where there is no openssl. */
const certificate = (() => {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-tls-"));
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const args = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    cert,
    ...subject,
  ];
  try {
    execFileSync("openssl", args, { stdio: "pipe" });
    return { folder, path: cert, key: readFileSync(key), cert: readFileSync(cert) };
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
})();
afterAll(() => {
  if (certificate) rmSync(certificate.folder, { recursive: true });
});

describe.skipIf(!certificate)("a hub with TLS (needs openssl)", () => {
  /** Runs the command against the hub behind a TLS server, which it reaches through a tunnel. */
  async function download(
    refuse = 0,
    known = true,
  ): Promise<{ stderr: string; stdout: string; lines: string[]; port: number }> {
    await using here = await Place.make();
    await using proxy = await TestProxy.start();
    proxy.refuse = refuse;
    const { key, cert, path } = certificate as NonNullable<typeof certificate>;
    const front = createTlsServer({ key, cert }, (request, response) => {
      const { method, url, headers } = request;
      httpRequest(`${here.hub.endpoint}${url}`, { method, headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const { port } = front.address() as AddressInfo;
    const env = {
      ...here.env,
      HF_ENDPOINT: `https://localhost:${port}`,
      HTTPS_PROXY: proxy.url.replace("://", "://me:secret@"),
      ...(known && { NODE_EXTRA_CA_CERTS: path }),
    };
    const { stdout, stderr } = await plainbertProcess(["download", "org/small"], { env });
    if (stdout) expect(sha256(readFileSync(join(stdout.trim(), "model.safetensors")))).toBe(sha256(WEIGHTS));
    front.closeAllConnections();
    await new Promise((resolve) => front.close(resolve));
    for (const { headers } of proxy.asked) expect(headers.authorization).toBeUndefined();
    return { stdout, stderr, lines: proxy.asked.map(({ line }) => line), port };
  }

  test("HTTPS_PROXY tunnels; the proxy sees the host's name and no more", async () => {
    const { stdout, stderr, lines, port } = await download();
    expect(stderr).toBe("");
    expect(stdout).not.toBe("");
    expect(new Set(lines)).toEqual(new Set([`CONNECT localhost:${port}`]));
  });

  test("a proxy that wants a password", async () => {
    const { stderr } = await download(407);
    expect(stderr).toMatch(/^plainbert: hub: the proxy 127\.0\.0\.1:\d+ answers 407: it wants a name and a password/);
    expect(stderr).not.toContain("secret");
  });

  test("a certificate that nobody knows is final, and the sentence says what helps", async () => {
    const { stderr, lines } = await download(0, false);
    expect(stderr).toMatch(/no connection to localhost:\d+ through the proxy .*certificate.*NODE_EXTRA_CA_CERTS/);
    expect(lines).toHaveLength(1);
  });
});

describe("which proxy", () => {
  const of = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href ?? null;

  test.each([
    [{}, null],
    [{ HTTP_PROXY: "http://p:1" }, null],
    [{ HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
    [{ HTTPS_PROXY: "http://p:1", https_proxy: "http://q:2" }, "http://q:2/"],
    [{ ALL_PROXY: "p:1" }, "http://p:1/"],
    [{ ALL_PROXY: "p:1", HTTPS_PROXY: "https://q" }, "https://q/"],
    [{ https_proxy: "" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "*" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "hub.example.org" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: " x , example.org" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: ".EXAMPLE.org" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "*.example.org" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "example.org:443" }, null],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "example.org:8443" }, "http://p:1/"],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "ample.org,hub,org.example" }, "http://p:1/"],
    [{ HTTPS_PROXY: "http://p:1", NO_PROXY: "x", no_proxy: "example.org" }, null],
  ])("%j", (env, expected) => {
    expect(of("https://hub.example.org/x", env)).toBe(expected);
  });

  test.each(["socks5://p:1", "http://", "http://me:secret@:80"])("%s is none", (HTTPS_PROXY) => {
    expect(() => of("https://x", { HTTPS_PROXY })).toThrow(
      expect.objectContaining({
        code: "ERR_INPUT",
        message: "hub: HTTPS_PROXY must be an http or https address, such as http://host:3128",
      }),
    );
  });
});
