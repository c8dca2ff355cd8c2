import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NEEDLE_NAMES, talliesOf } from "../../src/explorer/needles.ts";
import { streamRows } from "../../src/explorer/scenes/residualStream.ts";
import { weighted } from "../../src/explorer/weighted.ts";
import { faultsOf } from "../browser/accessibility.ts";
import type { Site } from "../browser/site.ts";
import { LEAVING, openBuilt, ROOT } from "./built.ts";
import { explored, small } from "./models.ts";

/** The views below: loaded when they are opened, by keyboard, to axe, in the link, and with the numbers of Node. */
const model = await small();
/** The page's backend is simd, the tests' own plain. */
const NEAR = 1e-4;

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let page: Page;
const [complaints, requests]: string[][] = [[], []];

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
}, 240_000);
afterAll(() => opened?.[Symbol.asyncDispose]());
beforeEach(async () => {
  for (const list of [complaints, requests]) list.length = 0;
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
  await page.evaluateOnNewDocument(LEAVING);
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
  expect(
    requests.filter((url) => !["data:", "blob:", "file:", site.origin].some((own) => url.startsWith(own))),
  ).toEqual([]);
});

const A = "The carpenter opened the [MASK] with a screwdriver.";
const PICKED = { a: A, l: "1", h: "1", q: "4", k: "6" };

const until = (condition: string) => page.waitForFunction(condition, { timeout: 20_000 });
const drawn = () => page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
const text = (selector: string) => page.$eval(selector, ({ textContent }) => textContent ?? "");

/** Opens a link with a further view, and waits until it is there. */
async function open(fields: Record<string, string>): Promise<void> {
  await page.goto(`${site.origin}/index.html#${new URLSearchParams({ v: "1", ...fields })}`);
  await page.waitForSelector(fields.more ? "#further figure" : "#head", { timeout: 60_000 });
  await drawn();
}

async function fields(): Promise<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1)));
}

/** How much the page is wider than its window, and what can be clicked and is small. */
const FITS = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const small = [...document.querySelectorAll(".further button, .further select, .further [role=application]")].flatMap((target) => {
    const { width, height } = target.getBoundingClientRect();
    return width < 24 || height < 24 ? [target.outerHTML.slice(0, 90)] : [];
  });
  return { wider: scrollWidth - clientWidth, small };
})()`;

/** The numbers of the n-th table of the panel, row by row. */
const tableOf = (n: number) =>
  page.evaluate(`[...document.querySelectorAll("#further table")[${n}].querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("data")].map(({ value }) => Number(value)))`) as Promise<number[][]>;

function expectNear(got: readonly (readonly number[])[], wanted: readonly (readonly number[])[], near = NEAR): void {
  expect(got.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length));
  for (const [i, row] of got.entries())
    for (const [j, one] of row.entries())
      if (!(Math.abs(one - wanted[i][j]) <= near * Math.max(1, Math.abs(wanted[i][j]))))
        expect.fail(`[${i}, ${j}]: ${one}, not ${wanted[i][j]}`);
}

const VIEWS = ["lens", "stream", "pair", "heads", "ablation", "occlusion"] as const;
const LOOKS = [360, 1280, 2560].flatMap((width) =>
  (["light", "dark"] as const).flatMap((scheme) => VIEWS.map((more) => [more, width, scheme] as const)),
);

test.each(LOOKS)(
  "%s, %d pixels wide, %s: no fault of accessibility, nothing stands out",
  async (more, width, scheme) => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await open({ ...PICKED, more, n: "1", weights: "norm", off: "1.1,3.0" });
    if (more === "ablation" || more === "occlusion") await page.waitForSelector("#beside");
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate(FITS)).toEqual({ wider: 0, small: [] });
  },
);

test.each(VIEWS)("%s, forced colours: no fault of accessibility", async (more) => {
  const session = await page.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await open({ ...PICKED, more, off: "1.1,3.0" });
  expect(await faultsOf(page)).toEqual([]);
});

test("a view is loaded when it is opened, and not before; a tab opens it and closes it, by keyboard", async () => {
  await open(PICKED);
  const scripts = () => requests.filter((url) => url.endsWith("View.js")).map((url) => url.split("/").at(-1));
  expect(scripts()).toEqual([]);
  await page.focus("#tab-lens");
  await page.keyboard.press("Enter");
  await until('document.querySelector("#lens-words")');
  expect(scripts()).toEqual(["explorer-lensView.js"]);
  expect(await fields()).toMatchObject({ more: "lens" });
  for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"] as const)
    await page.keyboard.press(key);
  expect(await page.evaluate("document.activeElement.id")).toBe("tab-heads");
  await page.keyboard.press("Enter");
  await until('document.querySelector("#heads")');
  const selected = (tabs: Element[]) => tabs.flatMap((tab) => (tab.ariaSelected === "true" ? [tab.id] : []));
  expect(await page.$$eval('[role="tab"]', selected)).toEqual(["tab-heads"]);
  await page.keyboard.press("Enter");
  await until('!document.querySelector("#further")');
  expect(await fields()).not.toHaveProperty("more");
  await page.evaluate("history.back()");
  await until('document.querySelector("#heads")');
});

describe("the numbers are those of Node", () => {
  test("lens: the words by layer, and those that are followed", async () => {
    await open({ a: A, more: "lens", n: "1" });
    const lens = explored(model, A, { further: { lens: null } }).further?.lens;
    const rows = (which: "best" | "followed") =>
      (lens?.layers ?? []).flatMap((layer) =>
        layer[which].map(({ id, rank, logit, probability }) => [id, rank, logit, probability]),
      );
    expectNear(await tableOf(0), rows("best"));
    expectNear(await tableOf(1), rows("followed"));
    expect(await text("#further figcaption")).toContain("off distribution, a hint");
    await page.click('[data-token="1"]');
    await until('/position 1$/.test(document.querySelector("#further h2").textContent)');
  });

  test("residual stream: every measure, with outliers and without", async () => {
    await open({ a: A, more: "stream", n: "1" });
    const residual = explored(model, A, { further: { residual: true } }).further?.residual;
    if (!residual) throw new Error("no residual");
    for (const [stream, without] of [
      ["norm", false],
      ["before", true],
      ["feedForward", false],
    ] as const) {
      await page.evaluate(
        `location.hash = "${new URLSearchParams({ v: "1", a: A, more: "stream", n: "1", stream, without: String(Number(without)) })}"`,
      );
      await until(
        `document.querySelector("#further select").value === "${stream}" && document.querySelector(".late") === null`,
      );
      await drawn();
      const T = 16;
      const { values, rows } = streamRows(residual, stream, without, T);
      const wanted = Array.from({ length: T }, (_, t) => Array.from({ length: rows }, (_none, n) => values[n * T + t]));
      expectNear(await tableOf(0), wanted);
    }
  });

  test("query · key: from the products to the engine's probability", async () => {
    await open({ ...PICKED, more: "pair", n: "1" });
    const rows = await tableOf(0);
    expect(rows.length).toBe(64);
    const { attentions } = explored(model, A);
    const p = attentions[1][(16 + 4) * 16 + 6];
    const alt = (await page.$eval("#pair", (canvas) => canvas.ariaLabel)) ?? "";
    expect(Math.abs(Number(/probability (\S+)\.$/.exec(alt)?.[1]) - p)).toBeLessThanOrEqual(2e-6);
    for (const [q, k, product] of rows) expect(product).toBe(q * k);
  });

  test("weight × norm: the matrix of the head, and what is told of a number", async () => {
    await open({ ...PICKED, view: "matrix", n: "1", weights: "norm" });
    await until('/‖α f/.test(document.querySelector(".whole caption").textContent)');
    const { attentions } = weighted(explored(model, A, { further: { norms: true } }));
    const shown = (await page.evaluate(
      `[...document.querySelectorAll(".whole tbody data")].map(({ value }) => Number(value))`,
    )) as number[];
    expectNear([shown], [[...attentions[1].subarray(256, 512)]]);
    expect(await text(".head .readout")).toContain(`‖α f(x)‖ ${attentions[1][256 + 4 * 16 + 6].toFixed(4)}`);
    await open({ a: A, l: "1", h: "1", q: "4", weights: "norm" });
    await until('/‖α f/.test(document.querySelector(".head .readout").textContent)');
    const row = [...explored(model, A).attentions[1].subarray(256 + 4 * 16, 256 + 5 * 16)];
    const most = row.indexOf(Math.max(...row));
    expect(await text(".head .readout")).toMatch(new RegExp(`α ${row[most].toFixed(4)}.*${attentions[1][256 + 4 * 16 + most].toFixed(4)}`)); // biome-ignore format: one line
  });

  test("heads: every head and kind", async () => {
    await open({ a: A, more: "heads", n: "1" });
    const result = explored(model, A);
    const kinds = [
      "previous",
      "next",
      "self",
      "cls",
      "sep",
      "punctuation",
      "pieces",
      "mask",
      "distance",
      "entropy",
    ] as const;
    const wanted = Array.from({ length: 16 }, (_, n) =>
      kinds.map((kind) => {
        const { rows, sum } = talliesOf(result, kind)[Math.floor(n / 4)][n % 4];
        return sum / rows;
      }),
    );
    expectNear(await tableOf(0), wanted);
    expect((await tableOf(1)).map(({ length }) => length)).toEqual(Array(16).fill(12));
  });
});

test("the page that is one file has the views in it", async () => {
  const file = pathToFileURL(join(ROOT, "dist", "explorer.html"));
  await page.goto(`${file}#${new URLSearchParams({ v: "1", a: A, more: "lens" })}`);
  await page.waitForSelector("#lens-words", { timeout: 60_000 });
  await page.click("#tab-heads");
  await page.waitForSelector("#badge", { timeout: 20_000 });
  expect(requests.filter((url) => url.endsWith("View.js"))).toEqual([]);
});

describe("what can be done", () => {
  test("a number of the stream is told under the pointer and by arrow keys; Enter picks its token", async () => {
    await open({ a: A, more: "stream" });
    await page.hover("#stream");
    await until('/position \\d+, layer \\d: /.test(document.querySelector("#further .readout").textContent)');
    await page.mouse.move(1, 1);
    await page.focus("#further .picture");
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"] as const) await page.keyboard.press(key);
    await drawn();
    expect(await text("#further .readout")).toMatch(/^“a” at position 9, layer 1: \d/);
    await page.keyboard.press("Enter");
    await until('location.hash.includes("q=9")');
    await until('/position 9/.test(document.querySelector("#further h3").textContent)');
  });

  test("query · key of a link that names no head is of the default head", async () => {
    await open({ a: A, q: "2", k: "3", more: "pair" });
    const head = await text(".head h2");
    expect(await text("#further h2")).toContain(head);
  });

  test("without a pair the strongest can be picked", async () => {
    await page.goto(`${site.origin}/index.html#v=1&a=the+door&l=0&h=0&more=pair`);
    await until('document.querySelector("#further button")');
    await page.click("#further button");
    await until('document.querySelector("#pair")');
    expect(await fields()).toMatchObject({ q: expect.stringMatching(/^\d$/), k: expect.stringMatching(/^\d$/) });
  });

  test("a button chooses what heads are searched for, and one of the heads", async () => {
    await open({ a: A, l: "0", h: "0", more: "heads" });
    await page.evaluate(
      `[...document.querySelectorAll(".needles button")].find(({ textContent }) => textContent === "${NEEDLE_NAMES.next}").click()`,
    );
    await until('location.hash.includes("needle=next")');
    await page.click(".rows button");
    expect(await fields()).toMatchObject({ l: "1", h: "2" });
    expect(await text("#further div h3")).toBe("What layer 2, head 3 looks at");
    expect(await page.$eval(".rows button", ({ ariaLabel }) => ariaLabel)).toMatch(
      /^layer 2, head 3: \d\.\d{3} ×[\d.]+; profile 0\.987 ×/,
    );
  });

  test.each([
    ["lens", 2],
    ["stream", 2],
    ["pair", 1],
    ["heads", 2],
  ])("%s: its pictures can be saved, and its numbers are in the JSON", async (more, count) => {
    await open({ ...PICKED, more });
    const buttons = `[...document.querySelectorAll(".menu button")].filter(({ ariaLabel }) => / as SVG$/.test(ariaLabel ?? ""))`;
    expect(await page.evaluate(`${buttons}.length`)).toBe(3 + count);
    await page.evaluate(`${buttons}.at(-1).click()`);
    await until("left.length > 0");
    const svg = (await page.evaluate("left.at(-1).text()")) as string;
    expect(svg).toContain("data-value");
    expect(svg).toContain("Model ");
    await page.evaluate(
      `[...document.querySelectorAll(".menu button")].find(({ textContent }) => textContent === "Everything as JSON").click()`,
    );
    await until("left.length > 1");
    const { further } = JSON.parse((await page.evaluate("left.at(-1).text()")) as string);
    const part = {
      lens: further?.lens?.layers,
      stream: further?.residual?.whole?.norm,
      pair: further?.projections?.query,
      heads: [],
    }[more];
    expect(Array.isArray(part)).toBe(true);
  });

  test.each(VIEWS)("%s: a long text is shown, and what is typed later replaces it", async (more) => {
    const long = `${"the door was shut and then ".repeat(60)}[MASK]`;
    await page.setViewport({ width: 1280, height: 900 });
    await open({ a: long, q: "3", k: "2", l: "1", h: "1", more });
    expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
    expect(await text("main")).toContain("256 of");
    await page.evaluate(`location.hash = "#v=1&a=the+[MASK]&more=${more}"`);
    await until('document.querySelectorAll(".token").length === 4 && document.querySelector(".late") === null');
  });
});
