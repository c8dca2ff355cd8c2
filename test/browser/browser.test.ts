import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { BackendInfo } from "../../src/tensor/backend.ts";

/**
 * The built package in a page of a real browser, served as static files: with cross-origin isolation, where threads can share
 * memory, and without. Needs `npm run build`, and Chromium: at CHROMIUM, or where Debian's package puts it.
 */
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ROOT = join(import.meta.dirname, "..", "..");
const TEXTS = ["She opened the door.", "A much longer text, which goes on and on and on: what a text it is!", "No."];
const TYPES: Readonly<Record<string, string>> = { js: "text/javascript", html: "text/html", json: "application/json" };

interface Ran {
  readonly isolated: boolean;
  readonly info: BackendInfo;
  readonly digests: readonly string[];
  /** How often the page got a turn while 120 texts were computed. */
  readonly turns: number;
}

let server: Server;
let browser: Browser;
let isolation = false;

beforeAll(async () => {
  expect(existsSync(CHROMIUM), `${CHROMIUM} is missing; set CHROMIUM to a Chromium or Chrome`).toBe(true);
  server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    response.setHeader("Content-Type", TYPES[path.split(".").at(-1)!] ?? "application/octet-stream");
    if (isolation) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (path === "/page.html")
      response.end('<!doctype html><script type="module" src="/test/browser/page.js"></script>');
    else if (/^\/(dist|weights|test\/browser)\//.test(path) && existsSync(join(ROOT, path))) {
      response.end(readFileSync(join(ROOT, path)));
    } else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
});

async function inPage(isolated: boolean, backend: string, options: object = {}): Promise<Ran> {
  isolation = isolated;
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on("pageerror", ({ message }) => problems.push(message));
  try {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/page.html`);
    await page.waitForFunction("globalThis.run", undefined, { timeout: 20_000 }).catch((error) => {
      throw new Error(problems.join("\n") || String(error));
    });
    const call = `run(${JSON.stringify(TEXTS)}, ${JSON.stringify(backend)}, ${JSON.stringify(options)})`;
    const ran = (await page.evaluate(call)) as Ran;
    expect(problems).toEqual([]);
    expect(ran.turns).toBeGreaterThan(ran.info.threads > 1 ? 5 : 0);
    return ran;
  } finally {
    await page.close();
  }
}

/** The bits of Node. */
async function inNode(backend: "plain" | "simd", options: object = {}): Promise<string> {
  await using bert = await loadBert(undefined, { backend, ...options });
  const { lastHiddenState } = bert.forwardSync(bert.tokenizer.encodeBatch(TEXTS));
  return createHash("sha256").update(new Uint8Array(lastHiddenState.data.slice().buffer)).digest("hex");
}

describe.each([true, false])("a page with cross-origin isolation: %s", (isolated) => {
  test("simd: fused 128-bit code, with threads where memory can be shared; the bits of Node", async () => {
    const ran = await inPage(isolated, "simd", { threads: 2 });
    expect(ran.isolated).toBe(isolated);
    expect(ran.info).toMatchObject({ name: "simd", width: 128, fused: true, threads: isolated ? 2 : 1 });
    if (!isolated) expect(ran.info.reason).toContain("threads: the page must be cross-origin isolated");
    const bits = await inNode("simd", { wide: false });
    expect(ran.digests).toEqual([bits, bits]);
  });

  test("simd, deterministic: the bits of Node", async () => {
    const ran = await inPage(isolated, "simd", { deterministic: true });
    expect(ran.info).toMatchObject({ name: "simd", fused: false });
    const bits = await inNode("simd", { deterministic: true });
    expect(ran.digests).toEqual([bits, bits]);
  });

  test("plain: the bits of Node", async () => {
    const ran = await inPage(isolated, "plain");
    expect(ran.info).toMatchObject({ name: "plain", threads: 1 });
    const bits = await inNode("plain");
    expect(ran.digests).toEqual([bits, bits]);
  });

  test("auto chooses simd", async () => {
    expect((await inPage(isolated, "auto")).info.name).toBe("simd");
  });
});
