import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, ElementHandle, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { computeCompared } from "../../src/explorer/comparedResult.ts";
import type { ComparedResult, ExplorerRequest } from "../../src/explorer/explorerResult.ts";
import type { Similarity } from "../../src/explorer/further/similarity.ts";
import { differencesOf } from "../../src/explorer/scenes/sideBySide.ts";
import { sumsOf } from "../../src/explorer/scenes/similarityPairs.ts";
import { type Bert, loadBert, pipeline } from "../../src/index.ts";
import { faultsOf } from "../browser/accessibility.ts";
import { Site } from "../browser/site.ts";
import { head } from "../cli/run.ts";
import { LEAVING, openBuilt, ROOT } from "./built.ts";
import { HOSTILE } from "./hostile.ts";
import { explored, stateOf } from "./models.ts";

/** What makes two texts alike, and what two texts or models differ in: numbers, keyboard, link, and hostile texts. */
const EMBEDDINGS = join(ROOT, "weights", "embeddings");
/** The page's backend is simd, the tests' own plain. */
const NEAR = 1e-4;

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
/** A site whose model is the embedding model. */
let embedding: Site;
let page: Page;
let [small, embedder]: Bert[] = [];
const [complaints, requests]: string[][] = [[], []];

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
  embedding = await Site.start({ "/model/": EMBEDDINGS, "/": join(ROOT, "dist", "explorer") });
  small = await loadBert(undefined, { backend: "plain" });
  embedder = await loadBert(EMBEDDINGS, { backend: "plain" });
}, 240_000);
afterAll(async () => {
  await opened?.[Symbol.asyncDispose]();
  await embedding?.[Symbol.asyncDispose]();
  for (const bert of [small, embedder]) await bert?.dispose();
});
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
  // What a browser says of a file that a model's folder does not have.
  expect(complaints.filter((text) => !text.startsWith("Failed to load resource"))).toEqual([]);
  const own = ["data:", "blob:", "file:", site.origin, embedding.origin];
  expect(requests.filter((url) => !own.some((start) => url.startsWith(start)))).toEqual([]);
});

const [A, B] = ["I cannot get into the house.", "The door is locked."];
const SIMILAR = { a: A, b: B, more: "similarity" };
const TEXT = "She opened the [MASK] and looked out.";
const OTHER = "He opened the [MASK] and quickly looked out.";
const COMPARED = { a: TEXT, oa: OTHER, l: "2", h: "1", more: "compare" };

const until = (condition: string) => page.waitForFunction(condition, { timeout: 20_000 });
const drawn = () => page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
const text = (selector: string) => page.$eval(selector, ({ textContent }) => (textContent ?? "").replace(/\s+/g, " "));

async function open(
  fields: Record<string, string>,
  at = fields.more === "similarity" ? embedding : site,
): Promise<void> {
  await page.goto(`${at.origin}/index.html#${new URLSearchParams({ v: "1", ...fields })}`);
  await page.waitForSelector("#further figure", { timeout: 60_000 });
  await drawn();
}

const fields = async (): Promise<Record<string, string>> =>
  Object.fromEntries(new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1)));

/** The numbers of the n-th table of the panel, row by row. */
const tableOf = (n: number) =>
  page.evaluate(`[...document.querySelectorAll("#further table")[${n}].querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("data")].map(({ value }) => Number(value)))`) as Promise<number[][]>;

function expectNear(got: readonly (readonly number[])[], wanted: readonly (readonly number[])[]): void {
  expect(got.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length));
  for (const [i, row] of got.entries())
    for (const [j, one] of row.entries())
      if (!(Math.abs(one - wanted[i][j]) <= NEAR)) expect.fail(`[${i}, ${j}]: ${one}, not ${wanted[i][j]}`);
}

/** How much the page is wider than its window, and what can be clicked and is small. */
const FITS = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const small = [...document.querySelectorAll(".further button, .further input:not([hidden]), .further [role=application]")].flatMap((target) => {
    const { width, height } = target.getBoundingClientRect();
    return width < 24 || height < 24 ? [target.outerHTML.slice(0, 90)] : [];
  });
  return { wider: scrollWidth - clientWidth, small };
})()`;

const VIEWS = [SIMILAR, COMPARED] as const;
const LOOKS = [360, 1280, 2560].flatMap((width) =>
  (["light", "dark"] as const).flatMap((scheme) => VIEWS.map((view) => [view.more, width, scheme, view] as const)),
);

test.each(LOOKS)(
  "%s, %d pixels wide, %s: no fault of accessibility, nothing stands out",
  async (_, width, scheme, view) => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await open({ ...view, n: "1" });
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate(FITS)).toEqual({ wider: 0, small: [] });
  },
);

test.each(VIEWS)("$more, forced colours: no fault of accessibility", async (view) => {
  const session = await page.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await open(view);
  expect(await faultsOf(page)).toEqual([]);
});

test.each(VIEWS)("$more: a reload shows the same, from the link alone", async (view) => {
  await open({ ...view, n: "1" });
  const before = [await text("#further"), await fields(), await tableOf(0)];
  await page.reload();
  await page.waitForSelector("#further figure", { timeout: 60_000 });
  await drawn();
  expect([await text("#further"), await fields(), await tableOf(0)]).toEqual(before);
});

describe("similarity", () => {
  test("its numbers are Node's, and add up to the pipeline's cosine", async () => {
    await open({ ...SIMILAR, n: "1" });
    const similarity = explored({ model: embedder, tokenizer: embedder.tokenizer }, A, { pair: B, further: { similarity: true } }).further?.similarity as Similarity; // biome-ignore format: one line
    const [rowSums, columnSums] = sumsOf(similarity);
    const m = columnSums.length;
    const wanted = [
      ...Array.from(rowSums, (sum, i) => [...similarity.pairs.subarray(i * m, (i + 1) * m), sum]),
      [...columnSums, similarity.cosine],
    ];
    const shown = await tableOf(0);
    expectNear(shown, wanted);
    await using compare = await pipeline("sentence-similarity", EMBEDDINGS, { backend: "plain" });
    const [truth] = await compare({ source_sentence: A, sentences: [B] });
    const all = shown.slice(0, -1).flatMap((row) => row.slice(0, -1));
    expect(Math.abs(all.reduce((sum, one) => sum + one, 0) - truth)).toBeLessThanOrEqual(2e-6); // simd's rounding
    expect(await text("#further h2")).toBe(`What makes the texts alike: cosine ${truth.toFixed(4)}`);
  });

  test("a number is told under the pointer and by arrow keys, and let go of", async () => {
    await open(SIMILAR);
    await page.hover("#similarity");
    await until('/in A and .* in B: .* of /.test(document.querySelector("#further .readout").textContent)');
    await page.mouse.move(1, 1);
    await page.focus("#further .picture");
    for (const key of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight"] as const)
      await page.keyboard.press(key);
    await drawn();
    expect(await text("#further .readout")).toMatch(/^“cannot” at 2 in A and “door” at 2 in B: 0\.0100\d of 0\.4195/);
    await until('/cannot/.test(document.getElementById("spoken").textContent)');
    await page.keyboard.press("Escape");
    await drawn();
    expect(await text("#further .readout")).toBe("Point at a cell to read its number.");
  });

  test("what is typed changes it; without a second text it says what is missing", async () => {
    await open(SIMILAR);
    await page.focus("#text-b");
    await page.keyboard.down("Control");
    await page.keyboard.press("a");
    await page.keyboard.up("Control");
    await page.keyboard.type(A);
    await until('/cosine 1\\.0000/.test(document.querySelector("#further h2").textContent)');
    await page.evaluate(`location.hash = "${new URLSearchParams({ v: "1", a: A, more: "similarity" })}"`);
    await until('/Write a text B/.test(document.querySelector("#further").textContent)');
  });

  test("a model that was not made for it says so, and can be replaced by one that was", async () => {
    await open(SIMILAR, site);
    expect(await text("#further")).toContain("This model was not trained to compare texts.");
    await ((await page.$("#folder")) as ElementHandle<HTMLInputElement>).uploadFile(EMBEDDINGS);
    await until('/cosine 0\\.4195/.test(document.querySelector("#further h2")?.textContent)');
    expect(await text("#further")).toContain("mean, Dense 256 → 384, Normalize");
  });
});

describe("compare", () => {
  const request: ExplorerRequest = { text: TEXT, pair: "", masks: [], top: 8, compare: { text: OTHER, pair: "", masks: [] } }; // biome-ignore format: one line
  const truth = () => {
    const own = { bert: small, tokenizer: small.tokenizer };
    const result = computeCompared(own, own, request);
    return { result, compared: result.compared as ComparedResult };
  };

  test("its numbers are Node's: each head, the differences, the answers", async () => {
    await open({ ...COMPARED, n: "1" });
    const { result, compared } = truth();
    const { divergences, gaps } = compared;
    const state = stateOf({ layer: 2, head: 1 });
    expectNear(
      await tableOf(0),
      Array.from({ length: 4 }, (_, l) => [...(divergences ?? []).slice(4 * l, 4 * l + 4)]),
    );
    const differences = differencesOf(result, compared, state);
    expectNear(
      await tableOf(1),
      Array.from({ length: 10 }, (_, i) => [...differences.subarray(10 * i, 10 * i + 10)]),
    );
    expectNear(
      await tableOf(2),
      gaps[0].answers.map(({ here, there }) => [
        here.probability,
        there?.probability ?? Number.NaN,
        here.probability - (there?.probability ?? 0),
      ]),
    );
    const words = await text("#further .others ~ p");
    expect(words).toContain("10 of 10 tokens above have a place among the other's 11.");
    expect(words).toContain(`What fits at position 4 differs by ${gaps[0].divergence?.toFixed(4)} bits.`);
  });

  test("a head of the list is chosen by the keyboard, for both sides", async () => {
    await open(COMPARED);
    const { compared } = truth();
    const order = [...(compared.divergences ?? [])].map((one, n) => [one, n]).sort((a, b) => b[0] - a[0]);
    const [layer, head_] = [Math.floor(order[1][1] / 4), order[1][1] % 4];
    await page.focus("#further .rows li:nth-child(2) button");
    await page.keyboard.press("Enter");
    await until(`location.hash.includes("l=${layer}&h=${head_}")`);
    await drawn();
    const titles = await page.$$eval("#further .matrices h3", (all) => all.map(({ textContent }) => textContent));
    expect(titles).toEqual([`Above: layer ${layer + 1}, head ${head_ + 1}`, `Other: layer ${layer + 1}, head ${head_ + 1}`, "Above minus other"]); // biome-ignore format: one line
  });

  test("the text above is taken, changed and exchanged; hidden tokens go with it, also in the link", async () => {
    await page.goto(
      `${site.origin}/index.html#${new URLSearchParams({ v: "1", a: "She opened the door.", mask: "4", more: "compare" })}`,
    );
    await page.waitForSelector(".others", { timeout: 60_000 });
    expect(await text("#further")).toContain("take the text above, and change one of the two");
    const press = (name: string) =>
      page.evaluate(
        `[...document.querySelectorAll("#further button")].find(({ textContent }) => textContent === "${name}").click()`,
      );
    await press("Take the text above");
    await page.waitForSelector("#differing", { timeout: 20_000 });
    expect(await fields()).toMatchObject({ oa: "She opened the door.", omask: "4", mask: "4" });
    expect(await text("#further .others ~ p + p, #further .others ~ p")).toContain(
      "Hidden in the other text: position 4.",
    );
    await until('/at most by 0\\.0000/.test(document.querySelector("#further").textContent)');
    await page.click('[data-token="4"]', { count: 2 });
    await until('!location.hash.includes("&mask=4")');
    await until('!/at most by 0\\.0000/.test(document.querySelector("#further").textContent)');
    expect(await text("#further")).toContain("7 of 7 tokens above have a place");
    await press("Exchange the two");
    await until('location.hash.includes("&mask=4") && !location.hash.includes("omask")');
    await page.evaluate("history.back()");
    await until('location.hash.includes("omask=4")');
  });

  test("while one types; an empty box is the same text, and the other text B can be none", async () => {
    const link = { v: "1", a: "The dog barked.", b: "It ran away.", more: "compare" };
    await page.goto(`${site.origin}/index.html#${new URLSearchParams(link)}`);
    await page.waitForSelector("#other-a", { timeout: 60_000 });
    const lengths = async () =>
      /of (\d+) tokens above have a place among the other's (\d+)/
        .exec(await text("#further"))
        ?.slice(1)
        .map(Number);
    await page.type("#other-a", "The cat barked.");
    await until('/among the other/.test(document.querySelector("#further").textContent) && document.querySelector(".late") === null'); // biome-ignore format: one line
    expect(await fields()).toMatchObject({ oa: "The cat barked." });
    expect(await fields()).not.toHaveProperty("ob");
    const [whole, same] = (await lengths()) as number[];
    expect(await page.$eval("#other-b", (box) => box.getAttribute("placeholder"))).toBe("the same");
    await page.evaluate(`[...document.querySelectorAll("#further button")].find(({ textContent }) => textContent === "No other text B").click()`); // biome-ignore format: one line
    await until(`!/among the other's ${same}\\./.test(document.querySelector("#further").textContent)`);
    expect(await fields()).toMatchObject({ ob: "" });
    expect(await lengths()).toEqual([whole, same - 5]); // it ran away . [SEP]
    expect(await page.$eval("#other-b", (box) => box.getAttribute("placeholder"))).toBe("none");
    await page.reload();
    await until(`/among the other's ${same - 5}\\./.test(document.querySelector("#further")?.textContent)`);
  });

  test("the other text is written", async () => {
    await page.goto(`${site.origin}/index.html#${new URLSearchParams({ v: "1", a: TEXT, more: "compare" })}`);
    await page.waitForSelector("#other-a", { timeout: 60_000 });
    await page.focus("#other-a");
    await page.keyboard.type(OTHER);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#differing", { timeout: 20_000 });
    expect(await fields()).toMatchObject({ oa: OTHER });
  });

  test("the same text in another model: opened beside, told in the link, and let go of", async () => {
    await page.goto(`${site.origin}/index.html#${new URLSearchParams({ v: "1", a: TEXT, more: "compare", n: "1" })}`);
    await page.waitForSelector("#other-folder", { timeout: 60_000 });
    await ((await page.$("#other-folder")) as ElementHandle<HTMLInputElement>).uploadFile(head("mlm"));
    await until(
      '/The two models differ in their numbers of layers or heads, so no head is compared with another: 4 × 4 above, 2 × 2 in the other/.test(document.querySelector("#further").textContent)',
    );
    expect(await fields()).toMatchObject({ om: "mlm", a: TEXT });
    await using other = await loadBert(head("mlm"), { backend: "plain" });
    const [own, beside] = [small, other].map((bert) => ({ bert, tokenizer: bert.tokenizer }));
    const { compared } = computeCompared(own, beside, { ...request, compare: { text: null, pair: null, masks: [] } });
    if (!compared) throw new Error("nothing");
    expectNear(
      await tableOf(1),
      compared.gaps[0].answers.map(({ here, there }) => [
        here.probability,
        ...(there ? [there.probability, here.probability - there.probability] : []),
      ]),
    );
    expect(await faultsOf(page)).toEqual([]);
    await page.reload();
    await page.waitForSelector("#other-folder", { timeout: 60_000 });
    expect(await text("#further")).toContain("The link compares with the model “mlm”: open it again.");
    await ((await page.$("#other-folder")) as ElementHandle<HTMLInputElement>).uploadFile(head("mlm"));
    await until('document.querySelector("#same-model")?.textContent === "The same model again"');
    await page.click("#same-model");
    await until('document.querySelector("#same-model") === null && !location.hash.includes("om=")');
    await ((await page.$("#other-folder")) as ElementHandle<HTMLInputElement>).uploadFile(join(ROOT, "docs"));
    await until(`document.querySelector("#further [role=alert]")`);
    expect(await text("#further [role=alert]")).toMatch(/docs must have a config\.json/);
  });
});

describe("both", () => {
  test.each(Object.entries(HOSTILE))("a text %s is shown, and nothing of it is markup", async (_, hostile) => {
    for (const view of [
      { ...SIMILAR, b: hostile },
      { ...COMPARED, oa: hostile },
    ]) {
      const at = view.more === "similarity" ? embedding : site;
      await page.goto("about:blank");
      await page.goto(`${at.origin}/index.html#${new URLSearchParams({ v: "1", ...view })}`);
      await page.waitForSelector("#further .quiet, #further figure", { timeout: 60_000 });
      await until('document.querySelector("#head") && document.querySelector(".late") === null');
      expect(await page.$$("#further img, #further script")).toEqual([]);
      expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
    }
  });

  test.each([
    [SIMILAR, 2],
    [COMPARED, 5],
  ] as const)("$0.more: its pictures can be saved, and its numbers are in the JSON", async (view, count) => {
    await open(view);
    const buttons = `[...document.querySelectorAll(".menu button")].filter(({ ariaLabel }) => / as SVG$/.test(ariaLabel ?? ""))`;
    const before = (view as { b?: string }).b ? 2 : 3; // without gaps there is one picture of answers less
    expect(await page.evaluate(`${buttons}.length`)).toBe(before + count);
    await page.evaluate(`${buttons}.at(-1).click()`);
    await until("left.length > 0");
    expect((await page.evaluate("left.at(-1).text()")) as string).toContain("data-value");
    await page.evaluate(
      `[...document.querySelectorAll(".menu button")].find(({ textContent }) => textContent === "Everything as JSON").click()`,
    );
    await until("left.length > 1");
    const { further, compared } = JSON.parse((await page.evaluate("left.at(-1).text()")) as string);
    const part = view.more === "similarity" ? further?.similarity?.pairs : compared?.divergences;
    expect(Array.isArray(part)).toBe(true);
  });

  test("are in the page that is one file", async () => {
    const file = pathToFileURL(join(ROOT, "dist", "explorer.html"));
    await page.goto(`${file}#${new URLSearchParams({ v: "1", ...COMPARED })}`);
    await page.waitForSelector("#differing", { timeout: 60_000 });
    expect(await page.$("#other-hub")).toBeNull();
    await page.click("#tab-similarity");
    await until('/Write a text B/.test(document.querySelector("#further").textContent)');
  });

  test("a long text is shown, and what is typed later replaces it", async () => {
    const long = `${"the door was shut and then ".repeat(60)}[MASK]`;
    await page.setViewport({ width: 1280, height: 900 });
    for (const view of [
      { a: long, b: long, more: "similarity" },
      { a: long, oa: long.replace("shut", "open"), more: "compare" },
    ]) {
      await page.goto("about:blank");
      await open(view);
      expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
      expect(await text("#further")).toMatch(/256 of|of 256 tokens/);
    }
  });
});
