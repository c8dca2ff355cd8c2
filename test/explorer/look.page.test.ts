import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, KeyInput, Page, SerializedAXNode } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { EXAMPLES } from "../../src/explorer/page/examples.ts";
import { clearestHead } from "../../src/explorer/scenes/order.ts";
import { loadBert, readSafetensors } from "../../src/index.ts";
import { saveSafetensors } from "../../src/load/weightFiles.ts";
import { faultsOf } from "../browser/accessibility.ts";
import { Site } from "../browser/site.ts";
import { syntheticCheckpoint } from "../support/synthetic.ts";
import { openBuilt, ROOT } from "./built.ts";
import { explored, small } from "./models.ts";

const PROBABILITIES = [0, 1, 2, 3].map((layer) => `bert.encoder.layer.${layer}.attention.self.probs`);

/** The page as it looks, by keyboard alone, to a screen reader, and what leaves it. */
const model = await small();
/** The page's backend is simd, the tests' own plain; measured 1.6e-6. */
const NEAR = 2e-6;

/** Keeps what leaves the page: files, and what is copied. */
const LEAVING = `
globalThis.left = { files: [], names: [], copied: [] };
const make = URL.createObjectURL;
URL.createObjectURL = (blob) => { left.files.push(blob); return make.call(URL, blob); };
HTMLAnchorElement.prototype.click = function () { left.names.push(this.download); };
Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { left.copied.push(text); } } });`;

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
}, 120_000);
afterAll(() => opened?.[Symbol.asyncDispose]());
beforeEach(async () => {
  complaints.length = 0;
  page = await browser.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.evaluateOnNewDocument(LEAVING);
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const ONE = { a: "The carpenter opened the [MASK] with a screwdriver.", l: "1", h: "1" };
const TWO = { a: "The storm broke the old bridge.", b: "The [MASK] was cut off for a week.", l: "2", h: "1" };

/** Opens a link, and waits until its pictures are drawn. */
async function open(fields: Record<string, string>): Promise<void> {
  await page.goto(`${site.origin}/index.html#${new URLSearchParams({ v: "1", ...fields })}`);
  await page.waitForSelector("#head", { timeout: 30_000 });
  await drawn();
}

const drawn = () => page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");

/** What the page's link says. */
async function fields(): Promise<Record<string, string>> {
  const hash = (await page.evaluate("location.hash")) as string;
  return Object.fromEntries(new URLSearchParams(hash.slice(1)));
}

/** Waits for a condition, a program. */
const until = (condition: string) => page.waitForFunction(condition, { timeout: 10_000 });

const LOOKS = [360, 1280, 2560].flatMap((width) =>
  (["light", "dark"] as const).map((scheme) => [width, scheme] as const),
);

describe.each(LOOKS)("%d pixels wide, %s", (width, scheme) => {
  beforeEach(async () => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  });

  test.each([
    ["lines", { ...TWO, view: "lines" }],
    ["a row of lines, with numbers", { ...ONE, view: "lines", q: "4", mask: "3", n: "1" }],
    ["a matrix", { ...TWO, view: "matrix", q: "3", k: "6", n: "1" }],
    ["an order, no gap", { a: "It was locked.", sort: "sharp" }],
    ["a link that cannot be meant", { ...ONE, view: "x" }],
  ])("%s: no fault of accessibility, nothing stands out of the page", async (_, given) => {
    await open(given);
    expect(await faultsOf(page)).toEqual([]);
    const { wider, small } = (await page.evaluate(FITS)) as { wider: number; small: string[] };
    expect(wider).toBe(0);
    expect(small).toEqual([]);
  });

  test("menus and help have none either", async () => {
    await open(ONE);
    for (const n of [0, 1]) {
      await page.evaluate(`document.querySelectorAll("summary")[${n}].click()`);
      expect(await faultsOf(page)).toEqual([]);
      expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
    }
    await page.evaluate('document.querySelector("nav > button").click()');
    expect(await faultsOf(page)).toEqual([]);
  });
});

/** How much the page is wider than its window, and what can be clicked and is less than 24 pixels high or wide. */
const FITS = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const targets = [...document.querySelectorAll("button, select, summary, [role=option], textarea, [role=application]")];
  const small = targets.filter((target) => target.checkVisibility()).flatMap((target) => {
    const { width, height } = target.getBoundingClientRect();
    return width < 24 || height < 24 ? [target.outerHTML.slice(0, 80) + width + " × " + height] : [];
  });
  return { wider: scrollWidth - clientWidth, small };
})()`;

test("forced colours: no fault of accessibility, every token has a border", async () => {
  const session = await page.createCDPSession();
  await session.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await open({ ...TWO, view: "matrix", q: "3", k: "6" });
  expect(await page.evaluate('matchMedia("(forced-colors: active)").matches')).toBe(true);
  expect(await faultsOf(page)).toEqual([]);
  const borders = `[...document.querySelectorAll("[role=option]")].map((token) => getComputedStyle(token).borderTopWidth)`;
  expect(new Set((await page.evaluate(borders)) as string[])).toEqual(new Set(["1px"]));
});

test("the check finds a fault", async () => {
  await open(ONE);
  await page.evaluate(
    'document.querySelector("textarea").closest("label").replaceWith(document.createElement("textarea"))',
  );
  expect((await faultsOf(page)).join()).toContain("label");
});

describe("by keyboard alone", () => {
  const press = async (...keys: KeyInput[]) => {
    for (const key of keys) await page.keyboard.press(key);
    await drawn();
  };
  const focused = (what: string) => page.evaluate(`document.activeElement.${what}`) as Promise<string>;
  /** Goes on with Tab until what has the focus fits. */
  const tabTo = async (selector: string) => {
    for (let n = 0; n < 60; n++) {
      if (await page.evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${selector}`);
  };
  const spoken = () => page.evaluate('document.getElementById("spoken").textContent') as Promise<string>;

  test("the whole tour: an example, a token hidden, a head, a number, the numbers as tables, help", async () => {
    await open(ONE);
    await press("Tab");
    expect(await focused("textContent")).toBe("Skip to the model");
    await press("Enter");
    expect(await focused("id")).toBe("model");
    expect(await fields()).toMatchObject({ a: ONE.a }); // the link is still a state
    await page.evaluate("document.activeElement.blur()");

    await tabTo("summary");
    await press("Enter", "Tab", "Tab", "Enter"); // the second example
    await until(`document.querySelectorAll('canvas[id^="gap"]').length === 2`);
    expect(await fields()).toMatchObject({ a: EXAMPLES[1][1] });

    await tabTo("[role=option]");
    await press("ArrowRight", "ArrowRight", "ArrowRight", "m");
    await until(`document.querySelectorAll('canvas[id^="gap"]').length === 3`);
    expect(await fields()).toMatchObject({ mask: "3", q: "3" });
    expect(await focused("dataset.token")).toBe("3");
    await press("m");
    await until(`document.querySelectorAll('canvas[id^="gap"]').length === 2`);
    expect(await fields()).not.toHaveProperty("mask");
    await press("Escape");
    expect(await fields()).not.toHaveProperty("q");
    await press("End", "Enter");
    expect((await fields()).q).toBe(await focused("dataset.token"));

    await tabTo("[role=gridcell]");
    expect(await focused("ariaLabel")).toMatch(/^layer 2, head 2: \d+ % to .+, entropy \d\.\d\d of ln T$/);
    await press("ArrowDown", "ArrowLeft", "ArrowLeft");
    expect(await fields()).toMatchObject({ l: "2", h: "0" });
    expect(await focused("dataset.head")).toBe("2,0");
    await press("End");
    expect(await focused("dataset.head")).toBe("2,3");

    await tabTo("[role=application]");
    await press("ArrowUp", "ArrowRight", "ArrowRight", "Enter");
    const last = Number((await fields()).q);
    expect(await fields()).toMatchObject({ k: "1" });
    const { attentions, tokens } = explored(model, EXAMPLES[1][1]);
    const p = attentions[2][(3 * tokens.length + last) * tokens.length + 1];
    const text = (await page.evaluate('document.querySelector(".readout").textContent')) as string;
    expect(Math.abs(Number(/\d\.\d+/.exec(text)?.[0]) - p)).toBeLessThanOrEqual(6e-5);
    await until(`/→/.test(document.getElementById("spoken").textContent)`); // at most once a second
    expect(await spoken()).toContain("layer 3, head 4");
    await press("Escape");
    expect(await fields()).not.toHaveProperty("k");

    await page.keyboard.press("?");
    expect(await page.evaluate('document.getElementById("help").open')).toBe(true);
    await press("Escape");
    expect(await page.evaluate('document.getElementById("help").open')).toBe(false);
  });

  test("? opens the help, and / leads to the text, where the focus is in a part, and not elsewhere", async () => {
    await open(ONE);
    const isOpen = () => page.evaluate('document.getElementById("help").open');
    const focus = (place: string) =>
      page.evaluate(`document.activeElement.blur(); document.querySelector(${JSON.stringify(place)}).focus()`);
    for (const place of ["#model", "[data-token]", "[data-head='1,1']", ".picture", "section.answers button"]) {
      await focus(place);
      await page.keyboard.press("?");
      expect(await isOpen(), place).toBe(true);
      await page.keyboard.press("?");
      expect(await isOpen(), place).toBe(false);
      await focus(place);
      await page.keyboard.press("/");
      expect(await focused("id"), place).toBe("text-a");
      expect(await fields()).toMatchObject({ a: ONE.a });
    }
    for (const place of ["body", "nav summary", "#targets", "#text-b"]) {
      await focus(place);
      await page.keyboard.press("?");
      await page.keyboard.press("/");
      expect(await isOpen(), place).toBe(false);
      expect(await focused("id"), place).not.toBe("text-a");
    }
  });

  test("a screen reader's tree", async () => {
    await open({ a: "It was [MASK].", b: "He left.", l: "1", h: "1" });
    const lines: string[] = [];
    const walk = ({ role, name = "", children = [] }: SerializedAXNode, depth: number): void => {
      // What changes with the numbers is left out; alike neighbours are one line.
      const said = role === "gridcell" || role === "image" ? name.replace(/: .*/, "") : name;
      const line = `${"  ".repeat(depth)}${role} ${said.replace(/\d+/g, "#")}`.trimEnd();
      if (role !== "StaticText" && lines.at(-1) !== line) lines.push(line);
      if (role !== "combobox") for (const child of children) walk(child, depth + 1);
    };
    walk((await page.accessibility.snapshot()) as SerializedAXNode, 0);
    expect(lines.join("\n")).toMatchInlineSnapshot(`
      "RootWebArea See BERT think
        link Skip to the model
        banner
          heading See BERT think
          navigation Menus
            DisclosureTriangle Examples ▾
            DisclosureTriangle Open model ▾
            DisclosureTriangle Export ▾
            button Help
        main
          form
            textbox Text A
            textbox Text B, if there is a second
          region Tokens
            listbox Tokens
              option [CLS] , position #, id #
              option It , position #, id #
              option was , position #, id #
              option [MASK] , position #, hidden, id #
              option . , position #, id #
              option [SEP] , position #, id #
              option He , position #, id #
              option left , position #, id #
              option . , position #, id #
              option [SEP] , position #, id #
          region The model
            heading The model
            combobox Order by
            gridcell layer #, head #
            image Colours from #, dark, to #, bright
          region One head
            heading Layer #, head #
            button Lines
            button Matrix
            button Numbers
            combobox Number
            combobox Strength
            combobox Between
            application Layer #, head #. Arrow keys point at a number, Enter keeps it, Escape lets go.
          region Answers
            heading What fits at position #
            button Keep these answers to compare
            textbox Only these
            image What fits at position #
            heading Does text B follow A?
            button Swap text A and text B
            image Does text B follow A? It follows
          region More
            tab Step by step
            tab Lens by layer
            tab Residual stream
            tab Query · key
            tab Find heads
            tab Head ablation
            tab Occlusion
            tab Similarity
            tab Compare
        paragraph"
    `);
  });

  test("an example leads back to the menu that it was chosen in", async () => {
    await open(ONE);
    await page.focus("nav summary");
    await press("Enter", "Tab", "Enter");
    expect(await focused("textContent")).toBe("Examples");
    expect(await page.$("details[open]")).toBeNull();
    expect((await fields()).a).toBe(EXAMPLES[0][1]);
  });

  test("letters are letters in a text", async () => {
    await open(ONE);
    await page.focus("#text-a");
    await page.keyboard.press("End");
    await page.keyboard.type(" m?");
    await until(`document.querySelector("[data-token]:last-child") && location.hash.includes("m%3F")`);
    expect(await page.evaluate('document.getElementById("help").open')).toBe(false);
    expect(await fields()).not.toHaveProperty("mask");
  });
});

test("arrow keys go on from a token that is kept, and M hides the one that has the focus", async () => {
  await open({ a: "the door was shut" });
  const reached = () =>
    page.evaluate(
      `[document.activeElement.dataset.token, document.querySelector('[role=option][tabindex="0"]').dataset.token]`,
    );
  await page.click('[data-token="2"]');
  for (const [key, at] of [
    ["ArrowRight", "3"],
    ["ArrowRight", "4"],
    ["End", "5"],
    ["ArrowLeft", "4"],
    ["Home", "0"],
    ["ArrowRight", "1"],
  ] as const) {
    // biome-ignore format: one line
    await page.keyboard.press(key);
    expect(await reached(), key).toEqual([at, at]);
  }
  await page.keyboard.press("m");
  await until(`location.hash.includes("mask=1&")`);
  expect(await reached()).toEqual(["1", "1"]);
});

test("a number of the matrix that the keyboard points at comes into sight", async () => {
  await page.setViewport({ width: 360, height: 700 });
  await open({ a: "the door was shut and then ".repeat(4), view: "matrix", l: "1", h: "1" });
  await page.focus(".picture");
  for (let n = 0; n < 30; n++) await page.keyboard.press(n < 6 ? "ArrowDown" : "ArrowRight");
  const [spot, box] = (await page.evaluate(`["#spot", ".head .scroll"].map((one) => {
    const { left, right, top, bottom } = document.querySelector(one).getBoundingClientRect();
    return { left, right, top, bottom };
  })`)) as { left: number; right: number; top: number; bottom: number }[];
  expect(spot.left).toBeGreaterThanOrEqual(box.left);
  expect(spot.right).toBeLessThanOrEqual(box.right);
  expect(spot.top).toBeGreaterThanOrEqual(0);
  expect(spot.bottom).toBeLessThanOrEqual(700);
  expect(await page.$eval(".head .scroll", ({ scrollLeft }) => scrollLeft)).toBeGreaterThan(100);
});

test.each([360, 1280])(
  "%i pixels wide: long words, in texts and in what is told of them, stay within the page",
  async (width) => {
    await page.setViewport({ width, height: 900 });
    const long = "x".repeat(300);
    await open({ a: `${long} [MASK]`, q: "1", targets: "y".repeat(190) });
    expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
    await page.evaluate(`document.querySelector("section.answers button").click()`);
    await page.evaluate(`location.hash = "#v=1&a=the+door"`);
    await until('document.querySelector(".late") === null && document.querySelectorAll(".token").length === 4');
    expect(((await page.evaluate(FITS)) as { wider: number }).wider).toBe(0);
  },
);

describe("by pointer", () => {
  const gaps = (count: number) => until(`document.querySelectorAll('canvas[id^="gap"]').length === ${count}`);

  test("a double-click hides a token and shows it again, one way back each", async () => {
    await open(ONE);
    const entries = () => page.evaluate("history.length") as Promise<number>;
    const before = await entries();
    await page.click('[data-token="5"]', { count: 2 });
    await gaps(2);
    expect(await fields()).toMatchObject({ mask: "5", q: "5" });
    expect(await entries()).toBe(before + 1); // that of the first click
    await page.click('[data-token="5"]', { count: 2 });
    await gaps(1);
    expect(await entries()).toBe(before + 2);
    expect(await fields()).not.toHaveProperty("mask");
    expect(await page.$eval('[data-token="5"]', ({ textContent }) => textContent)).toContain("opened");
  });

  test("where there is no double-click a button hides the picked token, and one shows all that are hidden", async () => {
    await open(ONE);
    const press = (name: string) =>
      page.evaluate(
        `[...document.querySelectorAll(".about button")].find(({ textContent }) => textContent.trim() === "${name}").click()`,
      );
    await page.click('[data-token="5"]');
    await press("Hide");
    await gaps(2);
    await page.click('[data-token="6"]');
    await press("Hide");
    await gaps(3);
    expect(await fields()).toMatchObject({ mask: "5,6" });
    await press("Show all 2 hidden tokens");
    await gaps(1);
    await page.click('[data-token="0"]');
    const names = await page.$$eval(".about button", (buttons) => buttons.map(({ textContent }) => textContent));
    expect(names).toEqual(["Let go"]); // [CLS] cannot be hidden
  });

  test("the caret shows its token, a picked token its characters", async () => {
    await open(ONE);
    await page.focus("#text-a");
    await page.evaluate('document.getElementById("text-a").setSelectionRange(9, 9)');
    await until(`document.querySelector('.token.near[data-token="3"]')`); // the focus had put the caret elsewhere
    const near = await page.$$eval(".token.near", (tokens) =>
      tokens.map((token) => (token as HTMLElement).dataset.token),
    );
    expect(near).toEqual(["3"]); // ##pent of carpenter
    await page.click('[data-token="3"]');
    expect(await page.$$eval(".mirror mark", (marks) => marks.map(({ textContent }) => textContent))).toEqual([
      "pent",
      "",
    ]);
  });

  test("answers that are kept stay to compare with", async () => {
    await open(ONE);
    await page.evaluate(`document.querySelector("section.answers button").click()`);
    await page.type("#text-a", " Then he left");
    await until('document.querySelector("section.answers figcaption").textContent.includes("of “The carpenter")');
    await page.evaluate(`document.querySelector("section.answers button").click()`);
    expect(await page.$eval("section.answers figcaption", ({ textContent }) => textContent)).not.toContain("kept");
  });

  test("answers are compared with those before the last pause of a second, and no later ones", async () => {
    await page.evaluateOnNewDocument("globalThis.clock = 0; performance.now = () => clock;");
    await open(ONE);
    const caption = () => page.$eval("section.answers figcaption", ({ textContent }) => textContent?.trim());
    const typed = async (key: KeyInput, clock: number) => {
      await page.evaluate(`clock = ${clock}`);
      await page.focus("#text-a");
      await page.keyboard.press("End");
      await page.keyboard.press(key);
      await until('document.querySelector(".late") === null');
      expect((await fields()).a).toMatch(new RegExp(`${key}$`));
    };
    await typed("x", 999);
    expect(await caption()).not.toContain("Arrows");
    await typed("y", 1999); // a second after the first letter
    expect(await caption()).toContain(
      "against the answers before, for “The carpenter opened the [MASK] with a screwdriver.x”.",
    );
  });

  test("of the pieces that are chosen from, each has its place among all; what is none is named", async () => {
    await open(ONE);
    await page.type("#targets", "door, window xyzzy?");
    await until(
      'document.querySelector(".late") === null && /xyzzy\\?”/.test(document.querySelector(".answers").textContent)',
    );
    expect(await fields()).toMatchObject({ targets: "door, window xyzzy?" });
    const asked = explored(model, ONE.a, { targets: ["door", "window"] }).gaps[0].answers;
    const shown = (await page.$eval("#gap-0", (canvas) => canvas.getAttribute("aria-label"))) as string;
    const places = asked.map(
      ({ piece, rank, probability }) => `${piece}, place ${rank}, ${(100 * probability).toFixed(2)} %`,
    );
    expect(shown.split(": ")[1]).toBe(places.join("; "));
    expect(await page.$eval(".answers p", ({ textContent }) => textContent)).toBe(
      "No piece of the vocabulary: “xyzzy?”.",
    );
    expect(await page.$eval("#help", (dialog) => (dialog as unknown as { open: boolean }).open)).toBe(false);
    expect(await faultsOf(page)).toEqual([]);
  });

  test("a click on the map chooses a head, on the matrix a number, a second time lets go of it", async () => {
    await open({ ...TWO, view: "matrix" });
    await page.click('[data-head="3,1"]');
    expect(await fields()).toMatchObject({ l: "3", h: "1" });
    const box = await (await page.$("#head"))?.boundingBox();
    if (!box) throw new Error("no matrix");
    const place = [box.x + box.width / 2, box.y + box.height / 2] as const;
    await page.mouse.click(...place);
    const { q, k } = await fields();
    expect([q, k]).toEqual([expect.stringMatching(/^\d+$/), expect.stringMatching(/^\d+$/)]);
    await page.mouse.click(...place);
    expect(await fields()).not.toHaveProperty("q");
  });

  test("the texts in each other's place", async () => {
    await open(TWO);
    await page.click('[data-token="2"]', { count: 2 }); // storm
    await until('document.querySelector(".late") === null && document.querySelector(".token s")');
    await page.click('[aria-label="Swap text A and text B"]');
    expect(await fields()).toMatchObject({ a: TWO.b, b: TWO.a });
    await until('document.querySelector(".late") === null && document.querySelector(".token s")');
    const hidden = await page.$eval(".token:has(s)", (token) => [
      token.textContent?.split(",")[0],
      token.closest(".text") === document.querySelectorAll(".text")[1],
    ]);
    expect(hidden).toEqual(["storm", true]);
    await page.click('[aria-label="Swap text A and text B"]');
    await until(`location.hash.includes("mask=2&")`);
  });
});

test("a model without a head that answers says so at once, and promises nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-headless-"));
  cpSync(join(ROOT, "dist", "explorer"), folder, { recursive: true });
  cpSync(join(ROOT, "test", "pipelines", "reference", "heads", "one_label"), join(folder, "model"), {
    recursive: true,
  });
  await using other = await Site.start({ "/": folder });
  await page.goto(`${other.origin}/index.html#v=1&a=the`);
  await page.waitForSelector(".answers", { timeout: 30_000 });
  expect(await page.$$eval(".answers p", (all) => all.map(({ textContent }) => textContent))).toEqual([
    "This model has no head that tells what is hidden.",
    "This model has no head that tells whether a text follows.",
  ]);
  rmSync(folder, { recursive: true });
});

describe("a model of many heads", () => {
  /** The page with a model of two layers and so many heads. */
  async function openHeads(heads: number, width: number): Promise<Site> {
    const folder = mkdtempSync(join(tmpdir(), "heads-"));
    cpSync(join(ROOT, "dist", "explorer"), folder, { recursive: true });
    cpSync(new URL("../pipelines/reference/heads/mlm/vocab.txt", import.meta.url), join(folder, "model", "vocab.txt"));
    const vocab_size = readFileSync(join(folder, "model", "vocab.txt"), "utf8")
      .split("\n")
      .filter(Boolean).length;
    const sizes = { hidden_size: 2 * heads, num_hidden_layers: 2, intermediate_size: 16, max_position_embeddings: 64 };
    const config = { ...sizes, vocab_size, type_vocab_size: 2 };
    const more = { num_attention_heads: heads, architectures: ["BertForPreTraining"], hidden_act: "gelu" };
    writeFileSync(join(folder, "model", "config.json"), JSON.stringify({ ...config, ...more }));
    await saveSafetensors(join(folder, "model", "model.safetensors"), syntheticCheckpoint(config));
    const other = await Site.start({ "/": folder });
    await page.setViewport({ width, height: 900 });
    await page.goto(`${other.origin}/index.html#v=1&a=the+[MASK]`);
    await page.waitForSelector("#head", { timeout: 30_000 });
    await drawn();
    rmSync(folder, { recursive: true });
    return other;
  }

  test.each([360, 1280, 2560])("12, at %i pixels: the map fits its place", async (width) => {
    await using _ = await openHeads(12, width);
    expect(await page.$$eval("[data-head]", ({ length }) => length)).toBe(24);
    expect(await page.$(".model .cut")).toBeNull();
    expect(await faultsOf(page)).toEqual([]);
  });

  test("24, at 360 pixels: an edge fades while there is more beyond it", async () => {
    await using _ = await openHeads(24, 360);
    const faded = async (left: number): Promise<boolean> => {
      await page.$eval(".model .scroll", (box, to) => (box.scrollLeft = to), left);
      await drawn();
      return page.$eval(".model .scroll", (box) => getComputedStyle(box).maskImage.includes("gradient"));
    };
    expect([await faded(0), await faded(10_000), await faded(100)]).toEqual([true, false, true]);
    expect(await faultsOf(page)).toEqual([]);
  });
});

test.each([360, 900, 1280])("%i pixels wide: the map of the small model fits its place", async (width) => {
  await page.setViewport({ width, height: 900 });
  await open(ONE);
  const [all, seen] = await page.$eval(".model .scroll", (box) => [box.scrollWidth, box.clientWidth]);
  expect(all).toBeLessThanOrEqual(seen);
  expect(await page.$(".model .cut")).toBeNull();
});

test("pointing does not move the picture", async () => {
  await page.setViewport({ width: 360, height: 900 });
  await open({ ...TWO, view: "matrix" });
  const top = () => page.$eval("#head", (canvas) => canvas.getBoundingClientRect().top + scrollY);
  const before = await top();
  for (const t of [2, 3, 10]) {
    await page.hover(`[data-token="${t}"]`);
    await drawn();
    expect(await page.$eval(".readout", ({ textContent }) => textContent)).toContain("looks most at");
    expect(await top()).toBe(before);
  }
});

test("a focused text box has one mark", async () => {
  await open(ONE);
  await page.focus("#text-a");
  expect(await page.$eval("#text-a", (box) => getComputedStyle(box).outlineStyle)).toBe("none");
});

test("help at 360 pixels: what the keys and words are begins at one line, and the backend is told", async () => {
  await page.setViewport({ width: 360, height: 900 });
  await open(ONE);
  await page.evaluate('document.querySelector("nav > button").click()');
  const lefts = await page.$$eval("#help dd", (all) => all.map((one) => one.getBoundingClientRect().left));
  expect(lefts.length).toBeGreaterThan(10);
  expect(new Set(lefts).size).toBe(1);
  expect(await page.$eval("#help", ({ textContent }) => textContent)).toMatch(/backend (simd|plain)/);
  expect(await page.$eval("header", ({ textContent }) => textContent)).toMatch(/computed in \d+ ms/);
});

test("a link that says nothing of a head begins with the clearest one; one that says it with that", async () => {
  const title = () => page.$eval(".head h2", ({ textContent }) => textContent);
  const { layer, head } = clearestHead(explored(model, ONE.a));
  expect([layer, head]).not.toEqual([0, 0]);
  await open({ a: ONE.a });
  expect(await title()).toBe(`Layer ${layer + 1}, head ${head + 1}`);
  await page.goto("about:blank");
  await open({ a: ONE.a, l: "0", h: "0" });
  expect(await title()).toBe("Layer 1, head 1");
});

test("the numbers are tables of the same numbers", async () => {
  await open({ ...TWO, view: "matrix", n: "1" });
  const rows = (selector: string) =>
    page.evaluate(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((row) => [...row.querySelectorAll("data")].map(({ value }) => Number(value)))`,
    ) as Promise<number[][]>;
  const { attentions, tokens, gaps } = explored(model, TWO.a, { pair: TWO.b });
  const T = tokens.length;
  const got = await rows(".whole tbody tr");
  expect(got.map(({ length }) => length)).toEqual(Array(T).fill(T));
  const own = attentions[2].subarray(T * T, 2 * T * T);
  for (const [n, p] of got.flat().entries()) expect(Math.abs(p - own[n])).toBeLessThanOrEqual(NEAR);
  const answers = await rows(".answers tbody tr");
  expect(answers.map(([id]) => id)).toEqual(gaps[0].answers.map(({ id }) => id));
  for (const [n, [, logit, probability]] of answers.entries()) {
    expect(Math.abs(probability - gaps[0].answers[n].probability)).toBeLessThanOrEqual(1e-5);
    expect(Math.abs(logit - gaps[0].answers[n].logit)).toBeLessThanOrEqual(1e-4);
  }
});

test.each([360, 1280])(
  "%i pixels: what is wider than its place fades where it is cut; captions wrap",
  async (width) => {
    await page.setViewport({ width, height: 900 });
    await open({ ...TWO, view: "matrix", n: "1" });
    const parts = async () =>
      (await page.evaluate(`[...document.querySelectorAll(".scroll")].map((part) => {
      const caption = part.querySelector("caption")?.getBoundingClientRect();
      const isCut = part.scrollLeft + part.clientWidth < part.scrollWidth - 1;
      return { isCut, fades: part.matches(".cut"), over: caption ? caption.right - part.getBoundingClientRect().right : 0 };
    })`)) as { isCut: boolean; fades: boolean; over: number }[];
    const all = await parts();
    expect(all.map(({ fades }) => fades)).toEqual(all.map(({ isCut }) => isCut));
    expect(all.some(({ isCut }) => isCut)).toBe(width === 360);
    for (const { over } of all) expect(over).toBeLessThanOrEqual(0.5);
    await page.evaluate('document.querySelectorAll(".scroll").forEach((part) => part.scrollTo(9999, 0))');
    await until('!document.querySelector(".scroll.cut")');
  },
);

test("a pointer over a token, a cell and a map reads the same number", async () => {
  await open({ ...TWO, view: "matrix" });
  const { attentions, tokens } = explored(model, TWO.a, { pair: TWO.b });
  const T = tokens.length;
  const readout = async () => (await page.evaluate('document.querySelector(".readout").textContent')) as string;
  const numberIn = (text: string) => Number(/\d\.\d+/.exec(text)?.[0]);
  const at = (layer: number, head: number, i: number, j: number) => attentions[layer][(head * T + i) * T + j];
  const button = await (await page.$('[data-head="0,2"]'))?.boundingBox();
  if (!button) throw new Error("no map");
  const side = (button.width - 6) / T;
  await page.mouse.move(button.x + 3 + 4.5 * side, button.y + 3 + 2.5 * side);
  await drawn();
  expect(await readout()).toMatch(/^layer 1, head 3: “storm” → “the”/);
  expect(Math.abs(numberIn(await readout()) - at(0, 2, 2, 4))).toBeLessThanOrEqual(6e-5);
  await page.hover('[data-token="3"]');
  await drawn();
  expect(await readout()).toMatch(/^“broke” looks most at “bridge”/);
  expect(Math.abs(numberIn(await readout()) - at(2, 1, 3, 6))).toBeLessThanOrEqual(6e-5);
});

describe("what leaves the page", () => {
  const leave = async (label: string) => {
    const clicked = `[...document.querySelectorAll(".menu button")].find((button) =>
      (button.ariaLabel ?? button.textContent) === ${JSON.stringify(label)})?.click() ?? null`;
    await page.evaluate(clicked);
    await until("left.files.length + left.copied.length > 0");
  };
  const fileText = () => page.evaluate("left.files.at(-1).text()") as Promise<string>;
  const fileBytes = async () =>
    Uint8Array.from(
      (await page.evaluate(
        "left.files.at(-1).arrayBuffer().then((buffer) => [...new Uint8Array(buffer)])",
      )) as number[],
    );
  const MASKED = { ...TWO, mask: "3" };
  const ours = explored(model, TWO.a, { pair: TWO.b, masks: [3] });

  test("JSON: texts, tokens, model and every number", async () => {
    await open(MASKED);
    await leave("Everything as JSON");
    const json = JSON.parse(await fileText());
    expect(await page.evaluate("left.names")).toEqual(["plainbert.json"]);
    expect(json.plainbert).toBe(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
    expect(json).toMatchObject({ text: TWO.a, textPair: TWO.b, masks: [3], tokensOfTheWholeText: ours.whole });
    expect(json.tokens).toEqual(ours.tokens.map((token, position) => ({ position, ...token })));
    expect(json.model.config).toEqual(JSON.parse(JSON.stringify(model.model.config)));
    expect(json.model.backend).toMatch(/simd|plain/);
    expect(json.attentions.map(({ name }: { name: string }) => name)).toEqual(PROBABILITIES);
    for (const [layer, { shape, data }] of json.attentions.entries()) {
      expect(shape).toEqual([1, 4, ours.tokens.length, ours.tokens.length]);
      expect(data.length).toBe(ours.attentions[layer].length);
      for (const [n, p] of data.entries()) expect(Math.abs(p - ours.attentions[layer][n])).toBeLessThanOrEqual(NEAR);
    }
  });

  test("safetensors: read back, to the last bit what the JSON says, with what it is of", async () => {
    await open(MASKED);
    await leave("Everything as JSON");
    const json = JSON.parse(await fileText());
    await page.evaluate("left.files.length = 0");
    await leave("All attention as .safetensors");
    const file = readSafetensors(await fileBytes());
    expect(await page.evaluate("left.names.at(-1)")).toBe("attention.safetensors");
    expect([...file.tensors.keys()].sort()).toEqual(PROBABILITIES);
    for (const { name, shape, data } of json.attentions) {
      expect(file.tensors.get(name)?.shape).toEqual(shape);
      expect([...file.toFloat32(name)]).toEqual(data);
    }
    expect(Object.fromEntries(file.metadata)).toMatchObject({
      ...{ format: "pt", model: json.model.fingerprint, text: TWO.a, text_pair: TWO.b },
      input_ids: JSON.stringify(ours.tokens.map(({ id }) => id)),
    });
  });

  test.each([
    ["The model as SVG", 4 * 4 * ours.tokens.length ** 2],
    ["The head as SVG", ours.tokens.length ** 2],
    ["What fits at position 3 as SVG", 8],
    ["Does text B follow A? as SVG", 2],
  ])("%s: a picture with its numbers, legend, texts and model", async (label, count) => {
    await open({ ...MASKED, view: "matrix" });
    await leave(label);
    const svg = await fileText();
    const read = `(() => { const file = new DOMParser().parseFromString(${JSON.stringify(svg)}, "image/svg+xml");
      return { error: file.querySelector("parsererror")?.textContent ?? null, numbers: file.querySelectorAll("[data-value]").length,
        text: [...file.querySelectorAll("text")].map(({ textContent }) => textContent).join("") }; })()`;
    const { error, numbers, text } = (await page.evaluate(read)) as { error: string; numbers: number; text: string };
    expect(error).toBeNull();
    expect(numbers).toBe(count);
    for (const part of [`A: ${TWO.a}`, `B: ${TWO.b}`, "[MASK] stands at positions 3, 10.", "Model "])
      expect(text).toContain(part);
  });

  test("a picture of a text that was cut says so", async () => {
    const long = "a ".repeat(400);
    const { tokens, whole } = explored(model, long);
    expect(whole).toBeGreaterThan(tokens.length);
    await open({ a: long, view: "matrix" });
    await leave("The head as SVG");
    expect(await fileText()).toContain(`${tokens.length} of ${whole} tokens are shown`);
  });

  test("PNG: twice the pixels of the SVG, on white", async () => {
    await open({ ...MASKED, view: "matrix" });
    await leave("The head as SVG");
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(await fileText()) ?? [];
    await page.evaluate("left.files.length = 0");
    await leave("The head as PNG");
    const read = `createImageBitmap(left.files.at(-1)).then((image) => {
      const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
      canvas.drawImage(image, 0, 0);
      return [image.width, image.height, ...canvas.getImageData(1, 1, 1, 1).data]; })`;
    expect(await page.evaluate(read)).toEqual([2 * Number(width), 2 * Number(height), 255, 255, 255, 255]);
  });

  test("the button that copies says so for a while; where it may not, the page does", async () => {
    await open(ONE);
    const name = "Copy code that computes this head";
    const isCalled = (text: string) =>
      until(`[...document.querySelectorAll("nav li button")].at(-1).textContent === ${JSON.stringify(text)}`);
    await isCalled(name);
    await leave(name);
    await isCalled("Copied");
    await isCalled(name);
    await page.evaluate("navigator.clipboard.writeText = async () => { throw new Error('no') }");
    await leave(name);
    await until(`document.querySelector(".problem")?.textContent === "The browser does not let the page copy."`);
    await isCalled(name);
  });

  test("lines and matrix of a head are files of different names", async () => {
    await open({ ...ONE, view: "lines" });
    await leave("The head as SVG");
    await open({ ...ONE, view: "matrix" });
    await leave("The head as SVG");
    expect(await page.evaluate("left.names")).toEqual(["layer-2-head-2-lines.svg", "layer-2-head-2-matrix.svg"]);
  });

  test("code that computes the head's numbers again", async () => {
    await open(MASKED);
    await leave("Copy code that computes this head");
    const [code] = (await page.evaluate("left.copied")) as string[];
    const [first, ...lines] = code.split("\n");
    expect(first).toBe('import { loadBert } from "plainbert";');
    const AsyncFunction = (async () => {}).constructor as new (
      ...code: string[]
    ) => (load: typeof loadBert) => Promise<Float32Array>;
    const got = await new AsyncFunction("loadBert", `${lines.join("\n")}; await bert.dispose(); return probabilities;`)(
      loadBert,
    );
    const T = ours.tokens.length;
    expect(got.length).toBe(T * T);
    const own = ours.attentions[2].subarray(T * T, 2 * T * T);
    for (const [n, p] of got.entries()) expect(Math.abs(p - own[n])).toBeLessThanOrEqual(NEAR);
  });
});
