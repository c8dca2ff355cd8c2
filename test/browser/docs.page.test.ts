import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, ElementHandle } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BROWSERS, launch } from "./browsers.ts";
import { startSite } from "./setup.ts";
import type { Site } from "./site.ts";

/**
 * Opens the pages that docs/runtimes.md shows, and compares what they show with the block of text that follows. A page that asks for
 * files gets those of a model.
 */
const MODEL = join(import.meta.dirname, "..", "pipelines", "reference", "heads", "mlm");
const markdown = readFileSync(join(import.meta.dirname, "..", "..", "docs", "runtimes.md"), "utf8");
const pages = [...markdown.matchAll(/^```html\n(.*?)^```\n```text\n(.*?)^```$/gms)].map(([, html, text], n) => ({
  n,
  html,
  text,
}));

let site: Site;
beforeAll(async () => {
  site = await startSite();
  for (const { n, html } of pages) site.texts.set(`/docs-${n}.html`, html);
}, 120_000);
afterAll(() => site?.[Symbol.asyncDispose]());

test("docs/runtimes.md shows pages, each with what it shows", () => {
  expect(pages.length).toBeGreaterThan(1);
  expect(markdown.match(/^```html$/gm)?.length).toBe(pages.length);
});

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(name);
  });
  afterAll(() => browser?.close());

  test.each(pages)("page $n shows what docs/runtimes.md says", async ({ n, text }) => {
    const page = await browser.newPage();
    await page.goto(`${site.origin}/docs-${n}.html`);
    const input = (await page.$("input[type=file]")) as ElementHandle<HTMLInputElement> | null;
    await input?.uploadFile(...readdirSync(MODEL).map((file) => join(MODEL, file)));
    await page.waitForFunction("document.body.innerText !== ''", { timeout: 20_000 });
    expect(await page.evaluate("document.body.innerText.trim()")).toBe(text.trim());
    await page.close();
  });
});
