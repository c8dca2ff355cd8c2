import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, ElementHandle, KeyInput, Page, SerializedAXNode } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { PALETTES } from "../../src/explorer/palette.ts";
import { stepsOf } from "../../src/explorer/steps/modelSteps.ts";
import { tapNumbers } from "../../src/explorer/steps/tapAnswers.ts";
import { readSafetensors } from "../../src/index.ts";
import { faultsOf } from "../browser/accessibility.ts";
import { Site } from "../browser/site.ts";
import { head } from "../cli/run.ts";
import { openBuilt, ROOT } from "./built.ts";
import { HOSTILE } from "./hostile.ts";
import { small } from "./models.ts";

/** The stepper as it looks, by keyboard alone, to a screen reader, and what leaves it. */
const { model, tokenizer } = await small();
const STEPS = stepsOf(model);
const NAMES = STEPS.map(({ names: [name] }) => name);
/** The page's backend is simd, the tests' own plain. */
const NEAR = 2e-5;

const LEAVING = `
globalThis.left = { files: [], names: [] };
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { left.files.push(blob); return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () { left.names.push(this.download); };
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => { if ("look" in data) (globalThis.seen ??= []).push(data.seen); });
  }
}`;

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let page: Page;
const complaints: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
}, 120_000);
afterAll(() => opened?.[Symbol.asyncDispose]());
beforeEach(async () => {
  complaints.length = 0;
  requests.length = 0;
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
  await page.evaluateOnNewDocument(LEAVING);
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const TEXT = { a: "The carpenter opened the [MASK] with a screwdriver.", l: "1", h: "1" };
const QUERY = "bert.encoder.layer.1.attention.self.query";
const PROBS = "bert.encoder.layer.1.attention.self.probs";
const request = { text: TEXT.a, pair: "", masks: [], top: 8 };
const numbersOf = (tap: string) => tapNumbers(model, tokenizer, { request, tap, place: null });

const addressOf = (given: Record<string, string>, base = `${site.origin}/index.html`): string =>
  `${base}#${new URLSearchParams({ v: "1", ...TEXT, ...given })}`;

async function open(given: Record<string, string>, base?: string): Promise<void> {
  await page.goto(addressOf({ more: "stepper", ...given }, base));
  await page.waitForSelector("#tap", { timeout: 30_000 });
  await drawn();
}

/** Another link in the same page. */
const goTo = (given: Record<string, string>, base?: string) =>
  page.evaluate(`location.hash = ${JSON.stringify(new URL(addressOf({ more: "stepper", ...given }, base)).hash)}`);

const drawn = () => page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
const until = (condition: string) => page.waitForFunction(condition, { timeout: 10_000 });
const textOf = (selector: string) => page.$eval(selector, ({ textContent }) => textContent ?? "");
const verdict = () => until('document.querySelector(".verdict")');
const fields = async (): Promise<Record<string, string>> => {
  const hash = (await page.evaluate("location.hash")) as string;
  return Object.fromEntries(new URLSearchParams(hash.slice(1)));
};

/** How much the page is wider than its window, and what can be clicked and is less than 24 pixels high or wide. */
const FITS = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const small = [...document.querySelectorAll(".further :is(button, select, summary, [role=application])")].flatMap((target) => {
    if (!target.checkVisibility()) return [];
    const { width, height } = target.getBoundingClientRect();
    return width < 24 || height < 24 ? [target.outerHTML.slice(0, 80) + width + " × " + height] : [];
  });
  return { wider: scrollWidth - clientWidth, small };
})()`;

const LOOKS = [360, 1280, 2560].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => [width, scheme] as const),
);

/** Steps of each kind, with a number that is picked. */
const SHOWN: readonly (readonly [tap: string, at: string])[] = [
  [QUERY, "3,40"],
  [PROBS, "3,1"],
  ["bert.encoder.layer.3", "2,7"],
  ["bert.encoder.layer.0.intermediate.intermediate_act_fn", "1,1"],
  ["cls.predictions", "0,4000"],
];

test.each(LOOKS)(
  "%d pixels wide, %s: no fault of accessibility, nothing stands out of the page",
  async (width, scheme) => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await open({ tap: "bert.embeddings" });
    for (const [tap, at] of SHOWN) {
      await goTo({ tap, at });
      await until(`document.querySelector(".stepper .names")?.textContent.includes(${JSON.stringify(tap)}) && document.querySelector(".verdict")`); // biome-ignore format: one line
      expect(await faultsOf(page), tap).toEqual([]);
      expect(await page.evaluate(FITS), tap).toEqual({ wider: 0, small: [] });
    }
  },
);

test("the list of steps stands where the view begins, whatever is in it; the numbers of terms stand below their names", async () => {
  for (const tap of [QUERY, "cls.predictions"]) {
    await open({ tap, at: "0,1" });
    await verdict();
    const left = (selector: string) => page.$eval(selector, (part) => part.getBoundingClientRect().left);
    expect(await left(".steps")).toBe(await left(".stepper"));
    for (const column of [2, 3, 4]) {
      const alignment = (cell: string) =>
        page.$eval(`.terms .numbers ${cell}:nth-child(${column})`, (part) => getComputedStyle(part).textAlign);
      expect(await alignment("thead th")).toBe(await alignment("tbody td"));
    }
  }
});

test("a place that a tap does not have is named", async () => {
  await open({ tap: "bert.pooler.dense", at: "1,1" });
  expect(await textOf(".further .problem")).toBe(
    "The link's at must be below 1,256, as the tap has so many rows and columns, got 1,1.",
  );
  expect(await faultsOf(page)).toEqual([]);
});

test("forced colours: no fault of accessibility", async () => {
  const session = await page.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await open({ tap: QUERY, at: "3,40" });
  await verdict();
  expect(await faultsOf(page)).toEqual([]);
});

test("the view's code is loaded when its tab is opened, and nothing is asked of another server", async () => {
  await page.goto(addressOf({}));
  await page.waitForSelector("#head", { timeout: 30_000 });
  const loaded = () => requests.filter((url) => url.includes("stepper"));
  expect(loaded()).toEqual([]);
  await page.click("#tab-stepper");
  await page.waitForSelector("#tap");
  expect(loaded().length).toBe(1);
  expect(await fields()).toMatchObject({ more: "stepper" });
  expect(await page.$eval("#tab-stepper", (tab) => tab.getAttribute("aria-selected"))).toBe("true");
  await page.click("#tab-stepper");
  expect(await page.$("#further")).toBeNull();
  expect(await fields()).not.toHaveProperty("more");
  expect(requests.filter((url) => ![site.origin, "data:", "blob:"].some((start) => url.startsWith(start)))).toEqual([]);
});

test("of the page that is one file too, from a disk", async () => {
  await open({ tap: QUERY, at: "3,40" }, pathToFileURL(join(ROOT, "dist", "explorer.html")).href);
  await verdict();
  expect(await textOf(".verdict")).toMatch(/to the last bit|last place away/);
  expect(requests.filter((url) => !/^(file|data|blob):/.test(url))).toEqual([]);
});

describe("by keyboard alone", () => {
  const press = async (...keys: KeyInput[]) => {
    for (const key of keys) await page.keyboard.press(key);
    await drawn();
  };

  test("every step, forwards by . and back by , with what is seen of each", async () => {
    await open({ tap: NAMES[0] });
    await page.focus(".stepper .heading button");
    for (const [n, { names, shape }] of STEPS.entries()) {
      await until(
        `document.querySelector(".stepper .heading").textContent.includes("step ${n + 1} of ${STEPS.length}")`,
      );
      await until(`seen.at(-1)?.tap === ${JSON.stringify(names[0])} && document.querySelector(".statistics")`);
      for (const name of names) expect(await textOf(".names"), name).toContain(name);
      const isOfGap = names[0].startsWith("cls.predictions");
      const sizes = shape.map((size) => (size === "B" ? 1 : size === "T" ? 16 : size));
      expect(await textOf(".statistics")).toContain(`= [${(isOfGap ? [1, sizes[2]] : sizes).join(", ")}]`);
      await press(".");
    }
    expect(await fields()).toMatchObject({ tap: NAMES.at(-1) });
    await press(",");
    expect(await fields()).toMatchObject({ tap: NAMES.at(-2) });
    await page.evaluate("history.back()");
    await until(`location.hash.includes(${JSON.stringify(NAMES.at(-1))})`);
  });

  test("a number: arrows point, Enter shows its terms, Escape lets go; a text box keeps its full stops", async () => {
    await open({ tap: QUERY });
    await page.focus(".stepper [role=application]");
    await press("ArrowRight", "ArrowDown", "ArrowRight", "ArrowRight");
    expect(await textOf(".stepper .readout")).toMatch(/^“The”, 1, column 2 /);
    await until(`/The, column 2: /.test(document.getElementById("spoken").textContent)`);
    await press("Enter");
    expect(await fields()).toMatchObject({ at: "1,2" });
    await verdict();
    await press("End");
    expect(await textOf(".stepper .readout")).toMatch(/^“The”, 1, column 255 /);
    await press("Escape");
    expect(await fields()).not.toHaveProperty("at");
    await page.focus("#text-a");
    await page.keyboard.type(".,");
    expect(await fields()).toMatchObject({ tap: QUERY });
  });

  test("the list of steps and what a step is made from lead there", async () => {
    await open({ tap: QUERY });
    await page.focus(`.steps [aria-current="step"]`);
    await press("Tab", "Enter");
    expect(await fields()).toMatchObject({ tap: "bert.encoder.layer.1.attention.self.key" });
    await page.focus(".names .tap");
    await press("Enter");
    expect(await fields()).toMatchObject({ tap: "bert.encoder.layer.0.output.LayerNorm" });
    await page.setViewport({ width: 360, height: 900 });
    await page.waitForSelector(".stepper optgroup");
    await page.select(".stepper label select", String(NAMES.indexOf(PROBS)));
    expect(await fields()).toMatchObject({ tap: PROBS });
  });

  test("a screen reader's tree has the equation in words", async () => {
    await open({ tap: QUERY });
    const said: string[] = [];
    const walk = ({ role, name = "", children = [] }: SerializedAXNode): void => {
      said.push(`${role} ${name}`);
      for (const child of children) walk(child);
    };
    walk((await page.accessibility.snapshot({ interestingOnly: false })) as SerializedAXNode);
    expect(said.filter((line) => /^math.* \w/i.test(line))).toEqual([
      expect.stringMatching(/ Q equals X times W Q transposed, plus b Q$/),
    ]);
    for (const line of ["tab Step by step", "tabpanel Step by step", "button ‹ Previous", "button Next ›"])
      expect(said).toContain(line);
    expect(said.filter((line) => line.startsWith("application Layer 2: Queries.")).length).toBe(1);
  });
});

test("the numbers are forward's, and the strip's colours are theirs", async () => {
  for (const tap of [QUERY, PROBS, "bert.encoder.layer.2.output.LayerNorm"]) {
    await page.goto("about:blank");
    await open({ tap, at: "2,3" });
    await verdict();
    const truth = numbersOf(tap);
    const seen = (await page.evaluate("[...seen.find(({ data }) => data).data]")) as number[];
    expect(seen.length).toBe(truth.data.length);
    for (const [n, x] of seen.entries()) expect(Math.abs(x - truth.data[n])).toBeLessThanOrEqual(NEAR);
    const statistics = await page.$$eval(".statistics data", (all) => all.map((one) => Number((one as unknown as { value: string }).value))); // biome-ignore format: one line
    for (const [n, x] of [truth.min, truth.max, truth.mean, truth.norm].entries())
      expect(Math.abs(statistics[n] - x)).toBeLessThanOrEqual(NEAR * Math.max(1, truth.norm));
  }
  // A picked number's cell is left of its frame; the first column of the last tap, row by row.
  const colours = (await page.evaluate(`(() => {
    const canvas = document.getElementById("tap");
    const context = canvas.getContext("2d");
    const frame = document.querySelector(".stepper .cross");
    const [width, height] = [parseFloat(frame.style.width), parseFloat(frame.style.height)];
    const [left, top] = [parseFloat(frame.style.left) - 3 * width, parseFloat(frame.style.top) - 2 * height];
    return Array.from({ length: 16 }, (_, i) => [...context.getImageData(left + width / 2, top + (i + 0.5) * height, 1, 1).data].slice(0, 3));
  })()`)) as number[][];
  const { data } = numbersOf("bert.encoder.layer.2.output.LayerNorm");
  const most = data.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  for (const [i, colour] of colours.entries()) {
    const shade = Math.round(255 * (0.5 + data[256 * i] / most / 2));
    const near = [shade - 1, shade, shade + 1].map((one) => [...PALETTES.diverging.subarray(3 * one, 3 * one + 3)]);
    expect(near).toContainEqual(colour);
  }
});

test("with Numbers the strip is a table of the same numbers, cut where it says so", async () => {
  await open({ tap: PROBS, h: "2" });
  await page.evaluate(`[...document.querySelectorAll(".stepper .controls button")].find(({ textContent }) => textContent === "Numbers").click()`); // biome-ignore format: one line
  expect(await fields()).toMatchObject({ n: "1" });
  const rows = () =>
    page.$$eval(".numbered > .numbers tbody tr", (all) =>
      all.map((row) => [...row.querySelectorAll("data")].map((one) => Number(one.value))),
    );
  const { data } = numbersOf(PROBS);
  const got = await rows();
  expect(got.map(({ length }) => length)).toEqual(Array(16).fill(16));
  for (const [n, p] of got.flat().entries()) expect(Math.abs(p - data[2 * 256 + n])).toBeLessThanOrEqual(NEAR);
  await goTo({ tap: QUERY, n: "1" });
  await until(`document.querySelector(".numbered > .numbers caption")?.textContent.includes("The first 64 of 256 columns of the strip are shown")`); // biome-ignore format: one line
  expect((await rows()).map(({ length }) => length)).toEqual(Array(16).fill(64));
  expect(await faultsOf(page)).toEqual([]);
});

test.each(["End", "ArrowRight"] as const)(
  "a number beyond the edge comes into sight by %s, with its colour",
  async (key) => {
    await page.setViewport({ width: 360, height: 900 });
    await open({ tap: QUERY });
    await page.focus(".stepper [role=application]");
    await page.keyboard.press("ArrowDown");
    if (key === "End") await page.keyboard.press(key);
    else for (let n = 0; n < 120; n++) await page.keyboard.press(key);
    await drawn();
    const { data } = numbersOf(QUERY);
    const column = key === "End" ? 255 : 120;
    expect(await textOf(".stepper .readout")).toContain(`column ${column} `);
    const [, from, to] = /columns (\d+) to (\d+) of 256/.exec(await textOf(".stepper figcaption")) ?? [];
    expect(Number(from)).toBeLessThanOrEqual(column);
    expect(Number(to)).toBeGreaterThanOrEqual(column);
    const [left, top] = (await page.$eval(".stepper .cross", (mark) => ["left", "top"].map((side, n) => parseFloat(getComputedStyle(mark).getPropertyValue(side)) + 1 + 8 * n))) as number[]; // biome-ignore format: one line
    const colour = (await page.evaluate(
      `[...document.getElementById("tap").getContext("2d").getImageData(${left}, ${top}, 1, 1).data].slice(0, 3)`,
    )) as number[];
    const most = data.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    const shade = Math.round(255 * (0.5 + data[column] / most / 2));
    const near = [shade - 1, shade, shade + 1].map((one) => [...PALETTES.diverging.subarray(3 * one, 3 * one + 3)]);
    expect(near).toContainEqual(colour);
  },
);

test("another model: its own steps and numbers, nothing of the one before", async () => {
  await open({ tap: PROBS, h: "3", at: "3,3" });
  await verdict();
  await ((await page.$("#folder")) as ElementHandle<HTMLInputElement>).uploadFile(head("mlm"));
  const config = JSON.parse(readFileSync(join(head("mlm"), "config.json"), "utf8"));
  await until(`document.querySelector(".statistics")?.textContent.includes(", ${config.hidden_size}]")`);
  expect(await fields()).toMatchObject({ more: "stepper" });
  expect(await fields()).not.toHaveProperty("tap");
  expect(await textOf(".stepper h2")).toBe("Embeddings: Embeddings of the pieces");
});

test("a number's terms: the products, what is left out, and the sum again", async () => {
  await open({ tap: QUERY, at: "3,40" });
  await verdict();
  const rows = (await page.$$eval(".terms .numbers tbody tr", (all) =>
    all.map((row) => [...row.querySelectorAll("data")].map((one) => Number(one.value))),
  )) as number[][];
  expect(rows.length).toBe(32);
  for (const [x, w, product] of rows) expect(product).toBe(x * w);
  const [, rest] = /the 224 others come to (.*)\./.exec(await textOf(".terms caption")) ?? [];
  const bias = model.parameters.get(`${QUERY}.bias`)?.data[40] as number;
  const sum = rows.reduce((total, [, , product]) => total + product, Number(rest.replace("−", "-"))) + bias;
  expect(Math.abs(sum - numbersOf(QUERY).data[3 * 256 + 40])).toBeLessThanOrEqual(NEAR);
});

test("another text: what is shown is of it, and the picked number is let go", async () => {
  await open({ tap: QUERY, at: "3,40" });
  await page.focus("#text-a");
  await page.keyboard.press("End");
  await page.keyboard.type(" Then he left.");
  await until(`document.querySelector(".statistics")?.textContent.includes("[1, 20, 256]")`);
  expect(await fields()).not.toHaveProperty("at");
});

test("hostile texts and a vocabulary of markup stay text; a link's tap that there is not is named", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stepper-hostile-"));
  cpSync(join(ROOT, "dist", "explorer"), folder, { recursive: true });
  rmSync(join(folder, "model"), { recursive: true });
  cpSync(head("mlm"), join(folder, "model"), { recursive: true });
  const path = join(folder, "model", "vocab.txt");
  const words = readFileSync(path, "utf8").split("\n").filter(Boolean);
  const markup = (n: number) => `<img src=x onerror="globalThis.hit=${n}">`;
  writeFileSync(path, words.map((word, n) => (/^\[\w+\]$/.test(word) ? word : markup(n))).join("\n"));
  await using other = await Site.start({ "/": folder });
  const base = `${other.origin}/index.html`;
  await open({ a: "the [MASK]", tap: "cls.predictions", at: `0,${words.length - 1}` }, base);
  await verdict();
  expect(await textOf(".terms")).toContain("<img src=x");
  for (const text of Object.values(HOSTILE)) {
    await goTo({ tap: "bert.embeddings", a: text, b: text }, base);
    await until('document.querySelector(".late") === null && document.querySelector(".statistics")');
  }
  await page.evaluate(`location.hash = "#v=1&a=the&more=stepper&tap=<b>"`);
  await until('document.querySelector(".problem")?.textContent.includes(`got "<b>"`)');
  expect(await page.evaluate('[document.images.length, globalThis.hit ?? null, document.querySelectorAll("[onerror]").length]')).toEqual([0, null, 0]); // biome-ignore format: one line
  rmSync(folder, { recursive: true });
});

test("what leaves: the strip as SVG with its numbers, and the whole tap as .safetensors", async () => {
  await open({ tap: QUERY });
  const leave = async (label: string) => {
    await page.evaluate(`[...document.querySelectorAll(".menu button")].find((button) =>
      (button.ariaLabel ?? button.textContent) === ${JSON.stringify(label)}).click()`);
    await until(`left.names.length > 0`);
  };
  await leave("The step as SVG");
  const svg = (await page.evaluate("left.files.at(-1).text()")) as string;
  expect([...svg.matchAll(/data-value/g)].length).toBe(16 * 256);
  for (const part of ["Layer 2: Queries", `Text: ${TEXT.a}`, "Model "])
    expect(svg.replaceAll("&#91;", "[")).toContain(part);
  await page.evaluate("left.names.length = 0");
  await leave("The step as .safetensors");
  expect(await page.evaluate("left.names")).toEqual([`${QUERY}.safetensors`]);
  const bytes = (await page.evaluate("left.files.at(-1).arrayBuffer().then((buffer) => [...new Uint8Array(buffer)])")) as number[]; // biome-ignore format: one line
  const file = readSafetensors(Uint8Array.from(bytes));
  expect([...file.tensors.keys()]).toEqual([QUERY]);
  expect(file.tensors.get(QUERY)?.shape).toEqual([1, 16, 256]);
  expect([...file.toFloat32(QUERY)]).toEqual(await page.evaluate("[...seen.find(({ data }) => data).data]"));
});

test("where the page says where the sources are, their lines and the pages of the tour are links", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stepper-sources-"));
  cpSync(join(ROOT, "dist", "explorer"), folder, { recursive: true });
  const path = join(folder, "index.html");
  const addresses = { sources: "https://example.org/r/*", tour: "../tour/*.html" };
  const metas = Object.entries(addresses).map(([name, address]) => `<meta name="${name}" content="${address}">\n`);
  writeFileSync(path, readFileSync(path, "utf8").replace("</head>", `${metas.join("")}</head>`));
  await using other = await Site.start({ "/": folder });
  await open({ tap: QUERY }, `${other.origin}/index.html`);
  const links = await page.$$eval(".names a", (all) => all.map(({ href }) => href));
  expect(links).toEqual([
    expect.stringMatching(/^https:\/\/example\.org\/r\/src\/layers\/selfAttention\.ts#L\d+$/),
    `${other.origin}/tour/03-attention.html`,
  ]);
  expect(await faultsOf(page)).toEqual([]);
  rmSync(folder, { recursive: true });
});
