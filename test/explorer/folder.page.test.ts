import { cpSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, ElementHandle, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compute, type ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { loadBert } from "../../src/index.ts";
import type { Site } from "../browser/site.ts";
import { head } from "../cli/run.ts";
import { openBuilt, ROOT } from "./built.ts";

/** A model of one's own in the page: a folder that is chosen, or dropped. */

const folder = mkdtempSync(join(tmpdir(), "plainbert-own-"));
const own = join(folder, "größer");
const TEXT = "She opened the [MASK] and looked out.";
const LINK = `#${new URLSearchParams({ v: "1", a: TEXT, mask: "2", q: "3", l: "3", h: "3" })}`;
const SINGLE = pathToFileURL(join(ROOT, "dist", "explorer.html")).href;

/** Keeps what the page's workers answer. */
const LISTEN = `globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => { if ("result" in data) globalThis.seen = data.result; });
  }
}`;

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  cpSync(head("mlm"), own, { recursive: true });
  mkdirSync(join(own, "deeper", "still", "further"), { recursive: true });
  writeFileSync(join(own, "deeper", "still", "further", "vocab.txt"), "of another model");
  opened = await openBuilt();
  ({ browser, site } = opened);
}, 120_000);
afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
beforeEach(async () => {
  complaints.length = 0;
  page = await browser.newPage();
  await page.evaluateOnNewDocument(LISTEN);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => {
    if (![site.origin, "file:", "data:", "blob:"].some((start) => request.url().startsWith(start)))
      complaints.push(request.url());
  });
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const WAYS: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ["chosen", async (path) => ((await page.$("#folder")) as ElementHandle<HTMLInputElement>).uploadFile(path)],
  [
    "dropped",
    async (path) => {
      const session = await page.createCDPSession();
      const data = { items: [], files: [path], dragOperationsMask: 1 };
      for (const type of ["dragEnter", "dragOver"] as const)
        await session.send("Input.dispatchDragEvent", { type, x: 200, y: 300, data });
      expect(await page.$eval("html", ({ className }) => className)).toBe("over");
      await session.send("Input.dispatchDragEvent", { type: "drop", x: 200, y: 300, data });
      expect(await page.$eval("html", ({ className }) => className)).toBe("");
    },
  ],
];

async function open(address: string): Promise<void> {
  await page.goto(address + LINK);
  await page.waitForSelector("#head", { timeout: 30_000 });
}

const status = () => page.$eval("header p", ({ textContent }) => textContent ?? "");
const until = (condition: string) => page.waitForFunction(condition, { timeout: 20_000 });

/** What the button copies. */
async function code(): Promise<string> {
  await page.evaluate(`
    Object.defineProperty(navigator, "clipboard", { configurable: true, value: { writeText: async (text) => { globalThis.copied = text; } } });
    [...document.querySelectorAll(".menu button")].find(({ textContent }) => textContent.startsWith("Copy")).click();`);
  return (await page.evaluate("copied")) as string;
}

describe.each(WAYS)("a folder that is %s", (_, give) => {
  test.each([
    ["a server's page", () => `${site.origin}/index.html`],
    ["the page that is one file", () => SINGLE],
  ])("in %s is the model, and what the page shows of it is what Node computes", async (_, address) => {
    await open(address());
    await give(own);
    await until(
      'document.querySelector("header p").textContent.startsWith("größer · 2 layers · 2 heads") && document.querySelector("#head")',
    );
    expect(await code()).toContain('loadBert("PATH OF YOUR MODEL"); // the one whose bert.fingerprint is ');
    await using bert = await loadBert(own, { backend: "simd", wide: false, threads: 1 });
    const json = "JSON.stringify({ ...seen, attentions: seen.attentions.map((list) => [...list]) })";
    const { request, attentions, gaps } = JSON.parse((await page.evaluate(json)) as string) as ExplorerResult;
    expect(request).toMatchObject({ text: TEXT, masks: [] }); // positions are of the other model's tokens
    const want = compute(bert, bert.tokenizer, request);
    expect(attentions).toEqual(want.attentions.map((list) => [...list]));
    expect(gaps[0].answers.map(({ id, logit }) => [id, logit])).toEqual(
      want.gaps[0].answers.map(({ id, logit }) => [id, logit]),
    );
    const fields = Object.fromEntries(new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1)));
    expect(fields).toMatchObject({ a: TEXT });
    for (const name of ["mask", "q"]) expect(fields).not.toHaveProperty(name);
    expect(Number(fields.l)).toBeLessThan(2);
  });
});

test("where a browser has no handles a folder can be dropped too", async () => {
  await page.evaluateOnNewDocument("delete DataTransferItem.prototype.getAsFileSystemHandle");
  await open(`${site.origin}/index.html`);
  expect(await code()).toContain("await loadBert();\n"); // of the page's own model
  await WAYS[1][1](own);
  await until('document.querySelector("header p").textContent.startsWith("größer · 2 layers")');
  await WAYS[0][1](join(ROOT, "weights"));
  await until(
    'document.querySelector("header p").textContent.startsWith("weights · 4 layers") && document.querySelector("#head")',
  );
  expect(await code()).toContain("await loadBert();\n");
});

const without = (name: string) => (at: string) => rmSync(join(at, name));
const written = (name: string, content: string | Uint8Array) => (at: string) => writeFileSync(join(at, name), content);

test.each<[string, (at: string) => void]>([
  ["no config.json", without("config.json")],
  ["a config.json that is none", written("config.json", "<!doctype html>")],
  ["a page of HTML as weights", written("model.safetensors", "<!doctype html>")],
  ["weights that were cut off", (at) => truncateSync(join(at, "model.safetensors"), 5000)],
  ["no weights", without("model.safetensors")],
  ["no vocabulary", without("vocab.txt")],
  ["a vocabulary that is not UTF-8", written("vocab.txt", Uint8Array.of(0xff, 0xfe))],
  ["markup as its type", written("config.json", '{"model_type":"<img src=x onerror=alert(1)>"}')],
])("a broken folder, %s: the sentence is Node's, and the model before stays", async (_, damage) => {
  const broken = mkdtempSync(join(folder, "broken-"));
  cpSync(head("mlm"), broken, { recursive: true });
  damage(broken);
  const error = await loadBert(broken, { backend: "plain" }).then(
    (bert) => {
      try {
        return new Error(`opened: ${bert.tokenizer.size}`);
      } catch (missing) {
        return missing as Error;
      }
    },
    (failed: Error) => failed,
  );
  const sentence = error.message
    .replace(/^(loadBert|bert\.tokenizer|[a-z]+[A-Z]\w+): /, "")
    .replaceAll(broken, basename(broken));
  await open(`${site.origin}/index.html`);
  for (const [, give] of WAYS) {
    await give(broken);
    await until(`document.querySelector('[role="alert"]')`);
    const alert = await page.$eval('[role="alert"]', ({ textContent }) => textContent?.trim());
    expect(alert).toBe(sentence);
    expect(await status()).toContain("4 layers · 4 heads");
    expect(await page.$("#again")).toBeNull();
    await page.focus("#text-a");
    await page.keyboard.press("End");
    await page.keyboard.type("x");
    await until(`document.querySelector('[role="alert"]') === null && seen.request.text.endsWith("x")`);
  }
  expect(await page.$$("img")).toEqual([]);
});

test.each<[string, (at: string) => void, string]>([
  ["nothing", () => {}, "“NAME” has no files."],
  [
    "a model's folder",
    (at) => cpSync(head("mlm"), join(at, "inner"), { recursive: true }),
    "“NAME” has folders alone: open the one of a model, such as “inner”.",
  ],
])("a dropped folder with %s is told in the page's words, in sight", async (_, fill, sentence) => {
  const outer = mkdtempSync(join(folder, "outer-"));
  fill(outer);
  await page.setViewport({ width: 360, height: 700 });
  await open(`${site.origin}/index.html`);
  await page.evaluate("scrollTo(0, 1500)");
  await WAYS[1][1](outer);
  await until(`document.querySelector('[role="alert"]')`);
  expect(await page.$eval('[role="alert"]', ({ textContent }) => textContent)).toBe(
    sentence.replace("NAME", basename(outer)),
  );
  const [top, height] = await page.$eval('[role="alert"]', (alert) => [alert.getBoundingClientRect().top, innerHeight]);
  expect(top).toBeGreaterThanOrEqual(0);
  expect(top).toBeLessThan(height);
});

test("a reload, whose page has its own model again, says which one the link is of", async () => {
  await open(`${site.origin}/index.html`);
  await WAYS[0][1](own);
  await until('document.querySelector("header p").textContent.startsWith("größer") && document.querySelector("#head")');
  await page.click('[data-head="1,1"]');
  const link = (await page.evaluate("location.hash")) as string;
  expect(Object.fromEntries(new URLSearchParams(link.slice(1)))).toMatchObject({
    m: "größer",
    a: TEXT,
    l: "1",
    h: "1",
  });
  await page.reload();
  await page.waitForSelector("#head", { timeout: 30_000 });
  const alerts = await page.$$eval('[role="alert"]', (all) => all.map(({ textContent }) => textContent?.trim()));
  expect(alerts).toEqual(["The link is of the model “größer”, which was opened from a folder: open it again."]);
  expect(await page.$eval("#text-a", (box) => (box as unknown as { value: string }).value)).toBe(TEXT);
});

test("a text that is dragged is no folder", async () => {
  await open(`${site.origin}/index.html`);
  const session = await page.createCDPSession();
  const data = { items: [{ mimeType: "text/plain", data: "door" }], dragOperationsMask: 1 };
  await session.send("Input.dispatchDragEvent", { type: "dragEnter", x: 200, y: 300, data });
  expect(await page.$eval("html", ({ className }) => className)).toBe("");
});

test("the menu opens the choice of a folder, by the keyboard too", async () => {
  await open(`${site.origin}/index.html`);
  await page.evaluate(`document.getElementById("folder").click = () => { globalThis.isAsked = true; }`);
  await page.evaluate(
    `[...document.querySelectorAll("summary")].find(({ textContent }) => textContent === "Open model").focus()`,
  );
  for (const key of ["Enter", "Tab", "Enter"] as const) await page.keyboard.press(key);
  expect(await page.evaluate("isAsked")).toBe(true);
});
