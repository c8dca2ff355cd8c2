import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { arch, platform } from "node:process";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";
import { createRequestHandler, type RequestHandler } from "../../src/serve/index.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { blocks } from "../support/examples.ts";
import { OUTSIDE, Place } from "./place.ts";

/**
 * The handler of `plainbert/serve` in Hono, Next.js, Bun and Deno: servers of the packed package, asked over HTTP. They
 * compute by `plain`, whose bits are the same in every engine, and must answer as the library does here. What they do
 * while the model computes is seen with the fast backend, which leaves the event loop free.
 */
let place: Place;
let bert: Bert;
let here: RequestHandler;
const LIMITS = { maxConcurrentRequests: 1, maxClientBatchSize: 600, payloadLimit: 1_000_000 };
beforeAll(async () => {
  place = new Place("mounts");
  bert = await loadBert(WEIGHTS, { backend: "plain" });
  here = createRequestHandler(bert, LIMITS);
}, 600_000);
afterAll(() => bert.dispose());

/** A runtime's program, of the package for this platform: an install script would put it into the other one. */
function binary(scope: string, name: string): string {
  const folder = scope === "@oven" ? `bun-${platform === "win32" ? "windows" : platform}-${arch === "arm64" ? "aarch64" : arch}/bin` : `${platform}-${arch}${platform === "linux" ? "-glibc" : ""}`; // biome-ignore format: one line
  const path = place.path("node_modules", scope, ...folder.split("/"), platform === "win32" ? `${name}.exe` : name);
  place.run("chmod", ["+x", path]);
  return path;
}

interface Mount {
  /** What is done once, before it is started. */
  build?(): void;
  command(): readonly string[];
  /** How many texts a request has whose client hangs up: each takes long. */
  readonly texts?: number;
}

const MOUNTS: Readonly<Record<string, Mount>> = {
  Hono: { command: () => ["node", "hono.mjs"] },
  Bun: { command: () => [binary("@oven", "bun"), "bun.mjs"] },
  Deno: {
    texts: 18, // Deno 2.9 aborts the signal of requests alone whose body has few bytes
    command: () => [binary("@deno", "deno"), "run", "--allow-net=127.0.0.1", "--allow-read", "--allow-env", "deno.mjs"],
  },
  "Next.js": {
    build: () => void place.run("next", ["build"], OFFLINE),
    command: () => ["node", "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", "0"],
  },
};
const OFFLINE = { NEXT_TELEMETRY_DISABLED: "1", DENO_NO_UPDATE_CHECK: "1" };

/** A server with the handler at an address, which is printed; disposed of, it ends. */
async function started(name: string, backend: "plain" | "auto") {
  const [command, ...args] = MOUNTS[name].command();
  const env = { ...OUTSIDE, ...OFFLINE, BACKEND: backend };
  const server = spawn(command, args, { cwd: place.folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const address = await printedAddress(server);
  return {
    // Without a Request of its own: Node collects one that is fetched, and its signal then aborts nothing
    ask: (path: string, body?: unknown, init?: RequestInit) => fetch(`${address}${path}`, initOf(body, init)),
    async [Symbol.asyncDispose]() {
      if (server.exitCode !== null) return;
      server.kill("SIGKILL");
      await once(server, "exit");
    },
  };
}

function initOf(body: unknown, init: RequestInit = {}): RequestInit {
  const asked = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  return body === undefined ? init : { ...asked, ...init };
}

async function said(response: Response): Promise<readonly unknown[]> {
  const { status, headers } = response;
  return [status, headers.get("content-type")?.split(";")[0], await response.text()];
}

/** What is asked: right, wrong, and of other kinds of models. */
const ASKED: readonly (readonly [path: string, body?: unknown])[] = [
  ["embed", { inputs: ["The door was open.", "é"] }],
  ["embed", { inputs: "He read a letter.", normalize: false }],
  ["v1/embeddings", { input: ["The door was open."], model: "any" }],
  ["v1/embeddings", { input: "The door was open.", encoding_format: "base64" }],
  ["fill-mask", { inputs: "The [MASK] was open." }],
  ["embed", { inputs: 1 }],
  ["v1/embeddings", { input: [] }],
  ["predict", { inputs: "a" }],
  ["health"],
  ["info"],
  ["openapi.json"],
  ["embed", { inputs: "a".repeat(1_100_000) }], // the last, as Hono's server may close the connection after it
];

describe.each(Object.keys(MOUNTS))("%s", (name) => {
  beforeAll(() => MOUNTS[name].build?.(), 600_000);

  test("answers as the library does, to the bit", async () => {
    await using server = await started(name, "plain");
    const { headers } = await server.ask("embed", { inputs: "a" });
    expect(headers.get("x-compute-tokens")).toBe("3");
    expect(headers.get("x-total-time")).toMatch(/^\d+$/);
    expect((await server.ask("nothing")).status).toBe(404);
    expect((await server.ask("embed")).status).toBe(405);
    for (const [path, body] of ASKED) {
      const want = await said(await here(new Request(`http://localhost/${path}`, initOf(body))));
      expect(await said(await server.ask(path, body)), `${path} ${JSON.stringify(body)?.slice(0, 100)}`).toEqual(want);
    }
  });

  test("a client that hangs up frees the one place, and what was to be computed for it is not", async () => {
    await using server = await started(name, "auto");
    expect((await server.ask("embed", { inputs: "a" })).status).toBe(200);
    const controller = new AbortController();
    const many = { inputs: Array(MOUNTS[name].texts ?? 600).fill("a") }; // takes far longer than what follows
    const asked = server.ask("embed", many, { signal: controller.signal }).catch((error) => error.name);
    const short = async () => (await server.ask("embed", { inputs: "a" })).status;
    await vi.waitFor(async () => expect(await short()).toBe(429), { timeout: 10_000 });
    controller.abort();
    expect(await asked).toBe("AbortError");
    await vi.waitFor(async () => expect(await short()).toBe(200), { timeout: 10_000 });
    expect(await (await server.ask("metrics")).text()).toContain('te_request_failure{err="dropped"} 1\n');
  });
});

test("docs/serving.md shows these programs, but for their port", () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "serving.md"), "utf8");
  const [, ...shown] = blocks(page.split("\n## In your own server\n")[1], "js");
  const programs = ["hono.mjs", "app/[...path]/route.js", "bun.mjs", "deno.mjs"].map((file) =>
    readFileSync(place.path(file), "utf8"),
  );
  expect(shown.length).toBe(programs.length);
  for (const [i, code] of shown.entries()) {
    for (const line of code.trimEnd().split("\n")) {
      expect(programs[i]).toContain(line.replace("port: 3000", "port: 0").replace(/(?<= })\);$/, ""));
    }
  }
});

/** The first address that a server prints. @throws Error it ends before */
function printedAddress(server: ChildProcess): Promise<string> {
  let printed = "";
  return new Promise((resolve, reject) => {
    for (const stream of [server.stdout!, server.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        const found = /http:\/\/127\.0\.0\.1:\d+\S*/.exec(printed)?.[0];
        if (found) resolve(found.endsWith("/") ? found : `${found}/`);
      });
    }
    server.once("exit", (code) => reject(new Error(`the server ended with exit code ${code}\n${printed}`)));
  });
}
