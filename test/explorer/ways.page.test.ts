import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serve } from "../../src/cli/explorerServer.ts";
import { modelFiles, pageFiles } from "../../src/cli/servedFiles.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { BROWSERS, launch } from "../browser/browsers.ts";
import { ISOLATION, Site } from "../browser/site.ts";
import { head } from "../cli/run.ts";

/** The three ways in: the command's server, any server of static files, and one file from a disk. */
const ROOT = join(import.meta.dirname, "..", "..");
const EXPLORER = join(ROOT, "dist", "explorer");
const SINGLE = pathToFileURL(join(ROOT, "dist", "explorer.html")).href;
const folder = mkdtempSync(join(tmpdir(), "plainbert-explorer-"));

beforeAll(() => {
  execFileSync(process.execPath, [join("scripts", "buildExplorer.ts")], { cwd: ROOT });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = "She opened the [MASK] and looked out.";
const link = (fields: Record<string, string>) => `#${new URLSearchParams({ v: "1", n: "1", ...fields })}`;

/** Keeps what the page's worker answers. */
const LISTEN = `globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => { if ("result" in data) globalThis.seen = data.result; });
  }
}`;

/** What the page's worker has computed, with every number. */
type Seen = Pick<ExplorerResult, "tokens" | "gaps"> & { readonly attentions: readonly (readonly number[])[] };

/** A page with what it asked for and what it complained of. */
class Visit implements AsyncDisposable {
  readonly page: Page;
  readonly requests: string[] = [];
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("request", (request) => this.requests.push(request.url()));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) this.complaints.push(message.text());
    });
  }

  static async to(browser: Browser, url: string): Promise<Visit> {
    const visit = new Visit(await browser.newPage());
    await visit.page.evaluateOnNewDocument(LISTEN);
    await visit.page.goto(url);
    return visit;
  }

  /** What was computed of a text with this piece, once it is shown. */
  async result(piece: string): Promise<Seen> {
    const isSeen = `globalThis.seen?.tokens.some(({ piece }) => piece === ${JSON.stringify(piece)})`;
    const isShown = `document.body.textContent.includes(${JSON.stringify(piece)}) && document.querySelector("canvas")`;
    await this.page.waitForFunction(`${isSeen} && ${isShown}`, { timeout: 30_000 }).catch(async () => {
      throw new Error(`${piece} is not shown: ${this.complaints.join("; ")} ${await this.text()}`);
    });
    const json = "JSON.stringify({ ...seen, attentions: seen.attentions.map((numbers) => [...numbers]) })";
    const { tokens, gaps, attentions } = JSON.parse((await this.page.evaluate(json)) as string) as Seen;
    return { tokens, gaps, attentions };
  }

  text(): Promise<string> {
    return this.page.evaluate("document.body.textContent") as Promise<string>;
  }

  /** The addresses that are of no origin but these. */
  elsewhere(...origins: readonly string[]): string[] {
    return this.requests.filter((url) => !origins.some((origin) => url.startsWith(origin)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
  }
}

/** Of the page itself: an icon that is empty, a worker of a text. */
const INSIDE = ["data:", "blob:"];

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch(name);
  });
  afterAll(() => browser?.close());

  test("a folder on any server, under a path: nothing is asked of another, and it goes on when the server is gone", async () => {
    await using site = await Site.start({ "/deep/down/": EXPLORER });
    await using visit = await Visit.to(browser, `${site.origin}/deep/down/index.html${link({ a: TEXT })}`);
    await visit.result("looked");
    await site[Symbol.asyncDispose]();
    await visit.page.evaluate(`location.hash = ${JSON.stringify(link({ a: "He read a letter." }))}`);
    await visit.result("letter");
    expect(visit.elsewhere(`${site.origin}/deep/down/`, ...INSIDE)).toEqual([]);
    expect(visit.requests.length).toBeGreaterThan(3);
    expect(visit.complaints).toEqual([]);
  });

  test("the same bits with and without isolation, from the command's server, and from one file", async () => {
    const resultAt = async (url: string, isolated: boolean, ...origins: readonly string[]) => {
      await using visit = await Visit.to(browser, url + link({ a: TEXT }));
      const result = await visit.result("looked");
      expect(await visit.page.evaluate("crossOriginIsolated")).toBe(isolated);
      expect(visit.elsewhere(...origins, ...INSIDE)).toEqual([]);
      expect(visit.complaints).toEqual([]);
      return result;
    };
    await using site = await Site.start({ "/explorer/": EXPLORER });
    const page = `${site.origin}/explorer/index.html`;
    const plain = await resultAt(page, false, site.origin);
    const T = plain.tokens.length;
    expect(plain.attentions.map((numbers) => numbers.length)).toEqual(Array(4).fill(4 * T * T));
    expect(plain.gaps[0].answers[0].piece).toBe("door");
    site.headers = ISOLATION;
    expect(await resultAt(page, true, site.origin)).toEqual(plain);
    const files = new Map([...(await pageFiles(EXPLORER)), ...(await modelFiles(join(ROOT, "weights")))]);
    const server = await serve(files, 0);
    expect(await resultAt(server.address, true, server.address)).toEqual(plain);
    await server.close();
    expect(await resultAt(SINGLE, false, SINGLE)).toEqual(plain);
  });

  test("a view that is loaded when it is opened: a number of a forward pass and its terms", async () => {
    await using site = await Site.start({ "/deep/down/": EXPLORER });
    const shown = { a: TEXT, more: "stepper", tap: "bert.encoder.layer.1.attention.self.probs", at: "1,2" };
    for (const page of [`${site.origin}/deep/down/index.html`, SINGLE]) {
      await using visit = await Visit.to(browser, page + link(shown));
      await visit.page.waitForSelector(".verdict", { timeout: 30_000 });
      expect(await visit.text()).toMatch(/to the last bit|in the last place away/);
      expect(visit.elsewhere(`${site.origin}/deep/down/`, SINGLE, ...INSIDE)).toEqual([]);
      expect(visit.complaints).toEqual([]);
    }
  });

  test("markup in texts, links and vocabularies stays text", async () => {
    const markup = (n: number) => `<img src=x onerror="globalThis.hit=${n}">`;
    const hostile = join(folder, name);
    cpSync(EXPLORER, hostile, { recursive: true });
    rmSync(join(hostile, "model"), { recursive: true });
    cpSync(head("mlm"), join(hostile, "model"), { recursive: true });
    const path = join(hostile, "model", "vocab.txt");
    const words = readFileSync(path, "utf8").split("\n").filter(Boolean);
    writeFileSync(path, words.map((word, n) => (/^\[\w+\]$/.test(word) ? word : markup(n))).join("\n"));
    const configPath = join(hostile, "model", "tokenizer_config.json");
    const config = JSON.parse(readFileSync(configPath, "utf8"));
    const id = words.length - 1;
    config.added_tokens_decoder = { ...config.added_tokens_decoder, [id]: { content: markup(id), special: false } };
    writeFileSync(configPath, JSON.stringify(config));
    await using site = await Site.start({ "/": hostile });
    const fields = { a: `${markup(id)} [MASK]`, b: markup(id), view: markup(1), [markup(2)]: markup(3) };
    await using visit = await Visit.to(browser, `${site.origin}/index.html${link(fields)}`);
    const { gaps } = await visit.result(markup(id));
    expect(gaps[0].answers.map(({ piece }) => piece)).toContainEqual(expect.stringContaining("<img src=x"));
    const found = `[document.images.length, globalThis.hit ?? null, document.querySelectorAll("[onerror]").length]`;
    expect(await visit.page.evaluate(found)).toEqual([0, null, 0]);
    expect(visit.elsewhere(site.origin, ...INSIDE)).toEqual([]);
    expect(visit.complaints).toEqual([]);
  });

  test("a broken model: the page says what is wrong, as Node does", async () => {
    const broken = join(folder, `broken-${name}`);
    cpSync(EXPLORER, broken, { recursive: true });
    writeFileSync(join(broken, "model", "model.safetensors"), "<!doctype html>");
    await using site = await Site.start({ "/": broken });
    await using visit = await Visit.to(browser, `${site.origin}/index.html`);
    await visit.page.waitForSelector('[role="alert"]', { timeout: 30_000 });
    expect(await visit.text()).toContain("model.safetensors: is no safetensors file but");
  });
});
