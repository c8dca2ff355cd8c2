import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pipeline } from "../../src/index.ts";
import { OUTSIDE, Place } from "../programs/place.ts";
import { copyExamples, TSX_IN_NODE } from "../support/examplePrograms.ts";
import { BROWSERS, launch } from "./browsers.ts";

/** Opens the page of examples/page, which its own server serves with the packed package, and types into it. */
let server: ReturnType<typeof spawn>;
let origin: string;

beforeAll(async () => {
  const place = new Place("esbuild");
  copyExamples(place.folder);
  server = spawn(process.execPath, [...TSX_IN_NODE, "examples/page/serve.ts"], {
    cwd: place.folder,
    env: { ...OUTSIDE, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(server.stdout!.setEncoding("utf8"), "data");
  ({ origin } = new URL(String(line)));
}, 120_000);
afterAll(() => server?.kill());

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  let page: Page;
  const problems: string[] = [];
  beforeAll(async () => {
    browser = await launch(name);
    page = await browser.newPage();
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(origin);
  });
  afterAll(() => browser?.close());

  /** The page's rows once they begin with a word, which Python's transformers finds most likely too. */
  async function rowsWith(word: string): Promise<string[]> {
    const first = `document.querySelector("td")?.textContent === ${JSON.stringify(word)}`;
    await page.waitForFunction(first, { timeout: 20_000 });
    const cells = 'Array.from(document.querySelectorAll("tr"), (row) => row.innerText.replace(/\\s+/g, " ").trim())';
    return (await page.evaluate(cells)) as string[];
  }

  test("shows what fits the sentence that is there", async () => {
    expect(await rowsWith("door")).toEqual(["door 53.6 %", "room 15.1 %", "window 3.6 %", "bell 2.8 %", "table 1.9 %"]);
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  });

  test("what fits another, as it is typed", async () => {
    await page.click("#text", { count: 3 });
    await page.type("#text", "The ship came into the [MASK].");
    expect((await rowsWith("morning")).length).toBe(5);
    expect(await page.$eval("#message", (element) => element.textContent)).toBe("");
  });

  test("what fits each of several gaps", async () => {
    await page.click("#text", { count: 3 });
    await page.type("#text", "The [MASK] is [MASK].");
    await page.waitForFunction('document.querySelectorAll("tbody").length === 2', { timeout: 20_000 });
    const unmask = await pipeline("fill-mask");
    const want = (await unmask("The [MASK] is [MASK].")).map((words) => words.map(({ token_str }) => token_str));
    await unmask.dispose();
    const bodies =
      'Array.from(document.querySelectorAll("tbody"), (body) => Array.from(body.rows, (row) => row.cells[0].innerText))';
    expect(await page.evaluate(bodies)).toEqual(want);
    expect(await page.$eval("#message", (element) => element.textContent)).toBe("");
  });

  test("what is wrong with a sentence", async () => {
    await page.click("#text", { count: 3 });
    await page.type("#text", "No gap.");
    await page.waitForFunction('/must be a text with \\[MASK\\], got "No gap."/.test(document.body.innerText)');
    expect(problems).toEqual([]);
  });

  test("that the model cannot be fetched", async () => {
    const other = await browser.newPage();
    other.on("pageerror", (error) => problems.push(String(error)));
    await other.setRequestInterception(true);
    other.on("request", (request) => {
      if (request.url().includes("/plainbert/weights/")) void request.respond({ status: 404, body: "" });
      else void request.continue();
    });
    await other.goto(origin);
    await other.waitForFunction('/got no file .*config\\.json/.test(document.getElementById("message").innerText)');
    expect(problems).toEqual([]);
    await other.close();
  });
});

test("the server gives nothing but the page and the package", async () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "examples", "page", "index.html"), "utf8");
  for (const path of ["/", "/package.json", "/plainbert/package.json", "/plainbert/dist/..%2fpackage.json"])
    expect(await (await fetch(origin + path)).text(), path).toBe(page);
  expect((await fetch(`${origin}/plainbert/dist/none.js`)).status).toBe(404);
});

test("the server ends on SIGINT", async () => {
  const ended = once(server, "exit");
  server.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
});
