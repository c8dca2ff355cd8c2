import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { BackendInfo } from "../../src/tensor/backend.ts";
import { BROWSERS, launch, Tab } from "./browsers.ts";
import { PAGES, startSite } from "./setup.ts";
import { ISOLATION, type Site } from "./site.ts";

/** The packed package in pages of real browsers, with and without cross-origin isolation: what computes, and which bits. */
const read = (file: string) => readFileSync(join(import.meta.dirname, "..", "..", file), "utf8");
const expected: { fill_mask: { text: string }[] } = JSON.parse(read("weights/expected.json"));
const TEXTS = ["She opened the door.", "A much longer text, which goes on and on and on: what a text it is!", "No."];

/** What the smoke program pins, which runs under every version of Node, Bun and Deno. */
const PINNED = {
  digest: /^const DIGEST = "([0-9a-f]{64})";$/m.exec(read("test/smoke/smoke.mjs"))?.[1],
  inputs: [...expected.fill_mask.map(({ text }) => text), ["Is it far?", "It is not."]],
};

interface Ran {
  readonly isolated: boolean;
  readonly info: BackendInfo;
  readonly digests: readonly string[];
  /** How often the page got a turn while 120 texts were computed. */
  readonly turns: number;
}

let site: Site;
beforeAll(async () => {
  site = await startSite();
}, 120_000);
afterAll(() => site?.[Symbol.asyncDispose]());

/** The bits of Node. */
async function inNode(backend: "plain" | "simd", options: object = {}): Promise<string> {
  await using bert = await loadBert(undefined, { backend, ...options });
  const { lastHiddenState } = bert.forwardSync(bert.tokenizer.encodeBatch(TEXTS));
  return createHash("sha256").update(new Uint8Array(lastHiddenState.data.slice().buffer)).digest("hex");
}

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(name);
  });
  afterAll(() => browser?.close());

  describe.each([true, false])("a page with cross-origin isolation: %s", (isolated) => {
    async function inPage(page: keyof typeof PAGES, backend: string, options: object = {}): Promise<Ran> {
      site.headers = isolated ? ISOLATION : {};
      await using tab = await Tab.open(browser, site.origin + PAGES[page]);
      const assets = page === "bundle" ? { assets: "/out/assets" } : {};
      const ran = await tab.call<Ran>("bits", TEXTS, undefined, { ...assets, backend, ...options });
      expect(tab.problems).toEqual([]);
      expect(ran.turns).toBeGreaterThan(ran.info.threads > 1 ? 5 : 0);
      expect(ran.isolated).toBe(isolated);
      return ran;
    }

    test.each(["bundle", "single", "network"] as const)(
      "%s: simd, with threads where memory can be shared",
      async (page) => {
        const ran = await inPage(page, "simd", { threads: 2 });
        expect(ran.info, ran.info.reason).toMatchObject({ name: "simd", width: 128, threads: isolated ? 2 : 1 });
        const bits = await inNode("simd", ran.info.fused ? { wide: false } : { deterministic: true });
        expect(ran.digests).toEqual([bits, bits]);
      },
    );

    test.each(["bundle", "single"] as const)(
      "%s: plain has the bits of Node, pinned and computed now",
      async (page) => {
        const ran = await inPage(page, "plain");
        expect(ran.info).toMatchObject({ name: "plain", threads: 1 });
        const bits = await inNode("plain");
        expect(ran.digests).toEqual([bits, bits]);

        await using tab = await Tab.open(browser, site.origin + PAGES[page]);
        const options = { backend: "plain", ...(page === "bundle" && { assets: "/out/assets" }) };
        expect(await tab.call("digest", PINNED.inputs, options)).toBe(PINNED.digest);
      },
    );
  });
});
