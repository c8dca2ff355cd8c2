import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compute, type ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { linkOf } from "../../src/explorer/link.ts";
import { clearestHead } from "../../src/explorer/scenes/order.ts";
import { INITIAL_STATE } from "../../src/explorer/state.ts";
import { loadBert } from "../../src/index.ts";
import type { Site } from "../browser/site.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { openBuilt, ROOT } from "./built.ts";
import { HOSTILE } from "./hostile.ts";

/** The page while it is used: typing, links, the way back, and a worker that stops. */

/** Keeps what the page and its workers tell each other: how many requests are open, the texts asked, the last result. */
const LISTEN = `
globalThis.heard = { asked: [], open: 0, most: 0, result: null };
globalThis.Worker = class extends Worker {
  constructor(...given) {
    super(...given);
    heard.open = 0; // of a worker that is replaced nothing comes
    this.addEventListener("message", ({ data }) => {
      if ("id" in data) heard.open--;
      if ("result" in data) heard.result = data.result;
    });
  }
  postMessage(message) {
    super.postMessage(message);
    if (!("request" in message)) return;
    heard.asked.push(message.request.text);
    heard.most = Math.max(heard.most, ++heard.open);
  }
};`;

const TEXT = "She opened the [MASK] and looked out.";
const FIELD = "form input, form textarea";
const link = (fields: Record<string, string>) => `#${new URLSearchParams({ v: "1", ...fields })}`;

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
  [site.fault, complaints.length] = [() => false, 0];
  page = await browser.newPage();
  await page.evaluateOnNewDocument(LISTEN);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (![site.origin, "file:", "data:", "blob:"].some((own) => request.url().startsWith(own)))
      complaints.push(request.url());
  });
});
afterEach(async () => {
  await page.close();
});

const open = (fields: Record<string, string>) => page.goto(`${site.origin}/index.html${link(fields)}`);

/** Waits until the text that is asked for last is computed and drawn. */
async function settled(text: string): Promise<Omit<ExplorerResult, "milliseconds">> {
  const isSettled = `heard.open === 0 && heard.result?.request.text === ${JSON.stringify(text)} && document.querySelector("canvas")`;
  await page.waitForFunction(isSettled, { timeout: 30_000 }).catch(async () => {
    throw new Error(`${text} is not shown: ${complaints.join("; ")} ${await alerts()}`);
  });
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))");
  const json = "JSON.stringify({ ...heard.result, attentions: heard.result.attentions.map((list) => [...list]) })";
  const { milliseconds: _, ...result } = JSON.parse((await page.evaluate(json)) as string) as ExplorerResult;
  return result;
}

/** Goes elsewhere within the page. @param how a program that does it */
const moved = (how: string): Promise<unknown> =>
  page.evaluate(
    `new Promise((done) => { addEventListener("popstate", () => setTimeout(done), { once: true }); ${how}; })`,
  );

/** The pictures on the page, but for those of gaps: their arrows tell what was before. */
const pictures = (): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll('canvas:not([id^="gap"])')].map((canvas) => canvas.toDataURL())`,
  ) as Promise<string[]>;

/** What the page warns of. */
const alerts = (): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll('[role="alert"], [role="status"]')].map(({ textContent }) => textContent.trim()).filter(Boolean)`,
  ) as Promise<string[]>;

const hash = (): Promise<string> => page.evaluate("location.hash") as Promise<string>;

test("what is computed in the page is what Node computes with vectors of 128 bits, to the last bit", async () => {
  await open({ a: TEXT, b: "It was locked.", mask: "2" });
  const got = await settled(TEXT);
  await using bert = await loadBert(WEIGHTS, { backend: "simd", wide: false, threads: 1 });
  const { milliseconds: _, ...want } = compute(bert, bert.tokenizer, got.request);
  // Probabilities and entropy are made of these with the engine's Math.exp, whose last bit is its own.
  const numbersOf = ({ attentions, gaps, entropies: _, ...rest }: Omit<ExplorerResult, "milliseconds">) => ({
    ...{ ...rest, attentions: attentions.map((list) => [...list]) },
    gaps: gaps.map(({ entropy: _, answers, ...gap }) => ({
      ...{ ...gap, answers: answers.map(({ id, piece, logit }) => ({ id, piece, logit })) },
    })),
  });
  expect(numbersOf(got)).toEqual(numbersOf(want));
  expect(got.attentions.length).toBe(4);
  expect(got.gaps.length).toBe(2);
  for (const [layer, entropies] of want.entropies.entries())
    for (const [head, entropy] of entropies.entries()) expect(got.entropies[layer][head]).toBeCloseTo(entropy, 12);
  expect(got.entropies.flat().length).toBe(16);
  for (const [n, { entropy }] of got.gaps.entries()) expect(entropy).toBeCloseTo(want.gaps[n].entropy, 12);
});

describe("typing", () => {
  test("and undoing it gives the same pictures and the same link", async () => {
    await page.goto(`${site.origin}/index.html${linkOf({ ...INITIAL_STATE, text: TEXT })}`);
    await settled(TEXT);
    const [before, address] = [await pictures(), await hash()];
    expect(before.length).toBe(2);
    await page.focus(FIELD);
    await page.keyboard.press("End");
    await page.keyboard.type(" Now");
    await settled(`${TEXT} Now`);
    expect(await pictures()).not.toEqual(before);
    for (let n = 0; n < 4; n++) await page.keyboard.press("Backspace");
    await settled(TEXT);
    expect(await pictures()).toEqual(before);
    expect(await hash()).toBe(address);
    expect(complaints).toEqual([]);
  });

  test("faster than is computed: one request at a time, and the last picture is of the last text", async () => {
    await open({ a: "" });
    await settled("");
    const text = "The ship came into the harbour and the [MASK] was shut by us.";
    await page.focus(FIELD);
    await page.keyboard.type(text);
    const got = await settled(text);
    const asked = (await page.evaluate("heard.asked")) as string[];
    expect(asked.every((one) => text.startsWith(one))).toBe(true);
    expect(await page.evaluate("heard.most")).toBe(1);
    expect(await hash()).toContain(new URLSearchParams({ a: text }).toString());
    const shown = await pictures();
    await page.reload();
    expect(await settled(text)).toEqual(got);
    expect(await pictures()).toEqual(shown);
  });
});

test("a click on a token of the text before, while the next is computed, picks and hides nothing", async () => {
  await open({ a: "the door was shut and the ship came" });
  await settled("the door was shut and the ship came");
  await page.evaluate(`
    const field = document.querySelector("form textarea");
    field.value = "a sea";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    const token = document.querySelector('[data-token="7"]');
    token.dispatchEvent(new MouseEvent("click", { bubbles: true, detail: 1 }));
    token.dispatchEvent(new MouseEvent("dblclick", { bubbles: true, detail: 2 }));`);
  const { request } = await settled("a sea");
  expect(request.masks).toEqual([]);
  expect(await alerts()).toEqual([]);
  const names = fieldsOf(await hash()).map(([name]) => name);
  for (const name of ["q", "k", "mask"]) expect(names).not.toContain(name);
});

test("what is hidden stays so while the text around it is typed, and is named where it does not", async () => {
  await open({ a: "the door was shut", mask: "2,4" });
  await settled("the door was shut");
  await page.focus(FIELD);
  await page.keyboard.press("Home");
  await page.keyboard.type("then ");
  expect((await settled("then the door was shut")).request.masks).toEqual([3, 5]);
  expect(fieldsOf(await hash())).toContainEqual(["mask", "3,5"]);
  expect(await alerts()).toEqual([]);
  await page.keyboard.press("End");
  await page.keyboard.press("Backspace");
  expect((await settled("then the door was shu")).request.masks).toEqual([3]);
  expect(await alerts()).toEqual(["“shut” is hidden no more: the text there has changed."]);
});

test("a double-click hides a token in one step of the way back, and its tile has the word", async () => {
  await open({ a: "the door was shut" });
  await settled("the door was shut");
  const steps = (await page.evaluate("history.length")) as number;
  await page.click('[data-token="2"]', { count: 2 });
  await page.waitForSelector('[data-token="2"] s');
  expect(await page.$eval('[data-token="2"] s', ({ textContent }) => textContent)).toBe("door");
  expect(await page.evaluate("history.length")).toBe(steps + 1);
  expect(fieldsOf(await hash())).toContainEqual(["mask", "2"]);
});

test("a link's hidden tokens are named where the text is changed before they are there", async () => {
  await page.goto("about:blank");
  let answer = () => {};
  site.fault = (path, _request, response) => {
    if (path === "/model/config.json") answer = () => response.writeHead(404).end();
    return path === "/model/config.json";
  };
  await open({ a: "the door was shut", mask: "2" });
  await page.focus(FIELD);
  await page.keyboard.type("b");
  expect(await alerts()).toEqual(["The link's mask was left alone: the text has changed before it was shown."]);
  answer();
});

test("until what is asked for is computed the page says that it computes", async () => {
  await open({ a: TEXT });
  await settled(TEXT);
  const says = `[document.querySelector(".late")?.textContent ?? "", document.querySelector(".stale") !== null]`;
  expect(await page.evaluate(says)).toEqual(["", false]);
  const during = await page.evaluate(`(() => {
    const field = document.querySelector("form textarea");
    field.value = "a sea";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return ${says};
  })()`);
  expect(during).toEqual(["computing …", true]);
  await settled("a sea");
  expect(await page.evaluate(says)).toEqual(["", false]);
});

test("nothing below the head of the page moves while it computes, at any width", async () => {
  await open({ a: TEXT });
  await settled(TEXT);
  for (let width = 320; width <= 1280; width += 16) {
    await page.setViewport({ width, height: 900 });
    const [before, during] = (await page.evaluate(`(() => {
      const top = () => document.querySelector("main").getBoundingClientRect().top;
      const before = top();
      const field = document.querySelector("form textarea");
      field.value += "a";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      if (document.querySelector(".late") === null) throw new Error("it does not compute");
      return [before, top()];
    })()`)) as number[];
    expect([width, during]).toEqual([width, before]);
    await page.waitForFunction('document.querySelector(".late") === null');
    expect([width, await page.$eval("main", (main) => main.getBoundingClientRect().top)]).toEqual([width, before]);
  }
}, 120_000);

/** The fields of a link. */
const fieldsOf = (text: string): [string, string][] => [...new URLSearchParams(text.slice(1))];

describe("a link", () => {
  test("leads back and forth to the same pictures", async () => {
    const places = [
      { a: TEXT },
      { a: TEXT, l: "2", h: "3", view: "matrix" },
      { a: "He read a letter.", b: "It was long." },
    ];
    await open({ a: "" });
    await settled("");
    const seen: string[][] = [];
    for (const place of places) {
      await moved(`location.hash = ${JSON.stringify(link(place))}`);
      await settled(place.a);
      seen.push(await pictures());
    }
    expect(new Set(seen.map((list) => list.join())).size).toBe(3);
    let at = 2;
    for (const step of [-2, 1, 1, -1, -1]) {
      await moved(`history.go(${step})`);
      at += step;
      await settled(places[at].a);
      expect(await pictures()).toEqual(seen[at]);
    }
  });

  test("with masks is the text with [MASK] in their places", async () => {
    const words = "The door was shut";
    await open({ a: words, mask: "2,4" });
    const clicked = await settled(words);
    await open({ a: "The [MASK] was [MASK]" });
    await page.reload();
    const written = await settled("The [MASK] was [MASK]");
    expect(clicked.gaps.map((gap) => ({ ...gap, truth: null }))).toEqual(written.gaps);
    expect(clicked.attentions).toEqual(written.attentions);
    expect(clicked.gaps.length).toBe(2);
  });

  test("that cannot be meant is named, field by field", async () => {
    await open({ a: "The door", l: "9", h: "x", view: "cube", q: "77", mask: "0,1,50", other: "kept" });
    const first = await settled("The door");
    const attentions = first.attentions.map((data) => Float32Array.from(data)); // which came as JSON
    const told = (await alerts()).join(" ");
    for (const name of ["l", "h", "view", "q", "mask"]) expect(told).toMatch(new RegExp(`The link's ${name}\\b`));
    expect(fieldsOf(await hash())).toContainEqual(["mask", "1"]); // what is left of it
    expect(fieldsOf(await hash()).map(([name]) => name)).not.toContain("q");
    await page.focus(FIELD);
    await page.keyboard.press("End");
    await page.keyboard.type("s");
    await settled("The doors");
    expect(await alerts()).toEqual([]);
    expect(fieldsOf(await hash())).toEqual(
      expect.arrayContaining([["a", "The doors"], ["l", String(clearestHead({ ...first, attentions, milliseconds: 0 }).layer)], ["other", "kept"]]), // biome-ignore format: one line
    );
  });

  test("of a text that is too long for it: the page says so, until it is shorter", async () => {
    await open({ a: "short" });
    await settled("short");
    const long = "word ".repeat(401);
    await page.$eval(
      FIELD,
      (field, text) => {
        (field as unknown as { value: string }).value = text as string;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      },
      long,
    );
    await settled(long);
    expect((await alerts()).join()).toContain("leaves the text out: 2005 characters");
    expect(fieldsOf(await hash()).map(([name]) => name)).not.toContain("a");
    await page.focus(FIELD);
    await page.keyboard.press("End");
    for (let n = 0; n < 5; n++) await page.keyboard.press("Backspace");
    await settled(long.slice(0, -5));
    expect(await alerts()).toEqual([]);
    expect(fieldsOf(await hash())).toContainEqual(["a", long.slice(0, -5)]);
  });
});

describe("a worker that stops", () => {
  /** The page tells, and computes again once it is asked to. */
  async function startsAgain(message: string | RegExp, mend: () => void = () => {}): Promise<void> {
    await page.waitForSelector("#again", { timeout: 20_000 });
    expect((await alerts()).join()).toMatch(message);
    expect((await alerts()).join()).not.toMatch(/^[\w.]*[a-z][A-Z]\w*: /); // a function's name
    mend();
    await page.click("#again");
    await page.waitForFunction('heard.result && document.querySelector("canvas")', { timeout: 30_000 });
    expect(await page.$("#again")).toBeNull();
    expect(await alerts()).toEqual([]);
    await page.focus(FIELD);
    await page.keyboard.press("End");
    await page.keyboard.type(" Yes");
    expect((await settled(`${TEXT} Yes`)).gaps[0].answers[0].piece.length).toBeGreaterThan(0);
  }

  test.each([
    ["a folder", () => `${site.origin}/index.html`],
    ["one file", () => pathToFileURL(join(ROOT, "dist", "explorer.html")).href],
  ])("in the middle, of %s", async (_, address) => {
    await page.goto(address() + link({ a: TEXT }));
    await settled(TEXT);
    const before = await pictures();
    await page.evaluate("void (heard.result = null)");
    await page.workers()[0].evaluate('setTimeout(() => { throw new Error("no memory") })');
    await page.waitForSelector("#again");
    expect(await pictures()).toEqual(before); // what was computed stays
    await startsAgain(/The worker that computes has stopped: .*no memory/);
    expect(page.workers().length).toBe(1);
  });

  test.each([
    ["whose script is not found", "/explorer-worker.js", /has stopped: it cannot be loaded/],
    ["that finds no model", "/model/config.json", /config\.json/],
  ])("%s", async (_, path, message) => {
    site.fault = (asked, _request, response) => {
      if (asked === path) response.writeHead(404).end();
      return asked === path;
    };
    await open({ a: TEXT });
    await startsAgain(message, () => {
      site.fault = () => false;
    });
  });
});

test("hostile texts, one after the other, are computed and shown, and none is run", async () => {
  await open({ a: "" });
  await settled("");
  for (const text of Object.values(HOSTILE)) {
    await moved(`location.hash = ${JSON.stringify(link({ a: text, b: text }))}`);
    const { request } = await settled(text.toWellFormed());
    expect(request.pair).toBe(text.toWellFormed());
  }
  expect(await page.$$("img, main script, iframe")).toEqual([]);
  expect(complaints).toEqual([]);
});
