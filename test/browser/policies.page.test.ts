import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BackendInfo } from "../../src/tensor/backend.ts";
import { BROWSERS, launch, Tab } from "./browsers.ts";
import { PAGES, startSite } from "./setup.ts";
import { ISOLATION, type Site } from "./site.ts";

/** What a page forbids: WebAssembly, workers, workers of blobs. The model answers all the same, and `backend.reason` says what is missing. */
let site: Site;
beforeAll(async () => {
  site = await startSite();
}, 120_000);
afterAll(() => site?.[Symbol.asyncDispose]());

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(name);
  });
  afterAll(() => browser?.close());

  async function backendOf(page: keyof typeof PAGES, policy: string, options: object = {}): Promise<BackendInfo> {
    site.headers = { ...ISOLATION, "content-security-policy": policy };
    await using tab = await Tab.open(browser, site.origin + PAGES[page]);
    const calls = [["She opened the [MASK] and looked out."]];
    const assets = page === "bundle" ? { assets: "/out/assets" } : {};
    const ask = { threads: 2, ...assets, ...options };
    const { answers, backend } = await tab.call<{ answers: unknown[]; backend: BackendInfo }>(
      "ask",
      "fill-mask",
      undefined,
      calls,
      ask,
    );
    expect(answers[0]).toMatchObject([{ token_str: "door" }, {}, {}, {}, {}]);
    expect(tab.problems).toEqual([]);
    return backend;
  }

  test("everything allowed that is needed: two threads", async () => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src data:";
    expect(await backendOf("bundle", policy)).toMatchObject({ name: "simd", threads: 2 });
    expect(await backendOf("single", policy)).toMatchObject({ name: "simd", threads: 2 });
  });

  test.each(["bundle", "single"] as const)("%s: no WebAssembly: plain", async (page) => {
    const backend = await backendOf(page, "default-src 'self'; img-src data:");
    expect(backend).toMatchObject({ name: "plain", threads: 1 });
    expect(backend.reason).toMatch(
      /^simd: the engine must run WebAssembly's vector instructions: .*(Content Security Policy|CSP)/,
    );
  });

  test.each(["bundle", "single"] as const)("%s: no workers: one thread", async (page) => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'; img-src data:";
    const backend = await backendOf(page, policy);
    expect(backend).toMatchObject({ name: "simd", threads: 1 });
    expect(backend.reason).toMatch(/threads: the worker plainbert-forward\.js must start, got /);
  });

  test("a content network: its workers are started by a module of a blob; where that is forbidden, one thread", async () => {
    const { network } = site;
    const policy = `default-src 'self'; connect-src 'self' ${network}; script-src 'self' ${network} 'wasm-unsafe-eval'; img-src data:`;
    expect(await backendOf("network", `${policy}; worker-src blob: ${network}`)).toMatchObject({
      name: "simd",
      threads: 2,
    });
    const backend = await backendOf("network", `${policy}; worker-src 'self'`);
    expect(backend).toMatchObject({ name: "simd", threads: 1 });
    expect(backend.reason).toMatch(/threads: the worker plainbert-forward\.js must start, got /);
  });

  test("files of the workers that are not there: one thread, and the option is named", async () => {
    site.fault = (path, _, response) => path.includes("plainbert-") && !!response.writeHead(404).end();
    const backend = await backendOf("single", "script-src 'self' 'wasm-unsafe-eval'");
    site.fault = () => false;
    expect(backend).toMatchObject({ name: "simd", threads: 1 });
    expect(backend.reason).toContain("the option assets names a folder");
  });

  test("files of the small models that are not there: the option is named", async () => {
    site.headers = {};
    await using tab = await Tab.open(browser, site.origin + PAGES.bundle);
    expect(await tab.call("failure", "fill-mask", undefined, { assets: "/nowhere" })).toMatchObject({
      code: "ERR_FILE",
      message: expect.stringMatching(
        /^loadBert: the small model's config\.json must be where the package has it, got no file .*the option assets/,
      ),
    });
    expect(await tab.call("failure", "embeddings", undefined, { assets: "/nowhere" })).toMatchObject({
      code: "ERR_FILE",
      message: expect.stringMatching(
        /^loadBert: the small embedding model's modules\.json must be where the package has it, got no file .*the option assets/,
      ),
    });
  });
});
