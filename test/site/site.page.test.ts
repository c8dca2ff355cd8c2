import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { whyNotInPage } from "../../scripts/site/examples.ts";
import { explorerLink, STEPS } from "../../scripts/site/tour.ts";
import { SOURCE_LINES } from "../../src/explorer/page/stepper/sourceLines.ts";
import { faultsOf } from "../browser/accessibility.ts";
import { allExamples } from "../support/examples.ts";
import { BASES, openPage, openSite, SITE } from "./built.ts";

/** The built site: links, requests, examples that run, looks, keyboard, search. */
let built: Awaited<ReturnType<typeof openSite>>;
let page: Page;
let complaints: string[] = [];
beforeAll(async () => {
  built = await openSite();
}, 180_000);
afterAll(() => built?.[Symbol.asyncDispose]());
beforeEach(async () => {
  ({ page, complaints } = await openPage(built.context));
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const files = () => readdirSync(SITE, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".html"));
const open = (path: string, base: string = BASES[0]) => page.goto(built.origin + base + path);
const read = (path: string) => readFileSync(join(SITE, path), "utf8");
const idsIn = (html: string) => new Set(Array.from(html.matchAll(/ (?:id|name)="([^"]+)"/g), ([, id]) => id));

test("every link leads to a file of the site, every anchor to an element of it", () => {
  const ids = new Map(files().map((name) => [name, idsIn(read(name))]));
  const broken: string[] = [];
  let count = 0;
  for (const name of files()) {
    for (const [, link] of read(name).matchAll(/ (?:href|src|srcset)="([^"]*)"/g)) {
      const { origin, pathname, hash } = new URL(link.replaceAll("&amp;", "&"), `http://site/some/where/${name}`);
      if (origin !== "http://site") continue; // to be read elsewhere; what is fetched is counted below
      count++;
      const path = decodeURIComponent(pathname).replace("/some/where/", "");
      const isStep = path === "explorer/index.html" && /^#v=1&/.test(hash);
      const isThere = existsSync(join(SITE, path)) && !path.startsWith("/") && !path.endsWith("/");
      const hasAnchor = hash === "" || isStep || (ids.get(path)?.has(decodeURIComponent(hash.slice(1))) ?? false);
      if (!isThere || (!hasAnchor && hash !== "#model")) broken.push(`${name}: ${link}`);
    }
  }
  expect(broken).toEqual([]);
  expect(count).toBeGreaterThan(10_000);
});

test("pages have the Markdown's anchors, titles of their own, and no address from a root", () => {
  expect(idsIn(read("docs/runtimes.html"))).toContain("in-a-browser");
  expect(idsIn(read("docs/embeddings.html"))).toContain("sentence_bert_configjson");
  const pages = files().filter((name) => !name.startsWith("explorer/"));
  const titles = pages.map((name) => /<title>(.*?)<\/title>/.exec(read(name))?.[1]);
  expect(new Set(titles).size).toBe(titles.length);
  for (const name of files()) expect(read(name)).not.toMatch(/ (?:href|src)="\//);
});

describe.each(BASES)("served under %s", (base) => {
  test("pages, search and explorer work", async () => {
    await open("docs/fill-mask.html", base);
    await page.type("input[type=search]", "softmax");
    await page.waitForSelector("form li a");
    await open("explorer/index.html", base);
    await page.waitForSelector("#head", { timeout: 30_000 });
    expect(await run("docs-fill-mask-2", base)).toBe("same");
    expect(built.asked.filter((line) => !line.includes(` ${base}`) && base !== "/")).toEqual([]);
  });
});

const examples = allExamples();
const [inPage, others] = [true, false].map((does) => examples.filter((one) => (whyNotInPage(one) === null) === does));

/** Opens the page of an example, runs it there, and says what came of it. */
async function run(name: string, base?: string): Promise<string> {
  const example = examples.find((one) => one.name === name)!;
  const path = example.page!.replace(/README\.md$/, "index.html").replace(/\.md$/, ".html");
  if (!page.url().endsWith(path)) await open(path, base);
  const box = `[data-run="${name}"]`;
  await page.waitForSelector(`${box} button:not([hidden])`);
  await page.click(`${box} button`);
  await page.waitForFunction(`!/^$|^Running/.test(document.querySelector('${box} [role=status]').textContent)`);
  const said = `((box) => box.dataset.ran === "same" ? "same" : box.querySelector("[role=status]").textContent + box.querySelector(".printed code").textContent)`;
  return (await page.evaluate(`${said}(document.querySelector('${box}'))`)) as string;
}

test.each(inPage)("$name prints in the page what the page says", async ({ name }) => {
  expect(await run(name)).toBe("same");
});

test("examples that cannot run in a page say why, the others are most", async () => {
  expect(inPage.length).toBeGreaterThan(2 * others.length);
  for (const { name, page: source } of others) {
    const html = read(source!.replace(/README\.md$/, "index.html").replace(/\.md$/, ".html"));
    expect(html).not.toContain(`data-run="${name}"`);
    expect(html).toContain("So it does not run in this page.");
  }
});

test("a page fetches nothing of the engine, the examples or search before it is asked to", async () => {
  const before = built.asked.length;
  await open("docs/fill-mask.html");
  await page.waitForNetworkIdle();
  const asked = built.asked.slice(before).map((line) => line.split("/").at(-1));
  expect(asked.sort()).toEqual(["fill-mask.html", "site.css", "site.js"]);
});

describe.each(["light", "dark"] as const)("%s", (scheme) => {
  test.each([360, 1280])("%d pixels wide: no fault of accessibility, nothing stands out of the page", async (width) => {
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const path of [
      "index",
      "docs/reading/03-attention",
      "docs/reading/10-the-backward-pass",
      "docs/fill-mask",
      "docs/api",
      "explorer/index",
    ]) {
      await open(`${path}.html`);
      if (path === "docs/fill-mask") await run("docs-fill-mask-1");
      if (path === "explorer/index") await page.waitForSelector("#head", { timeout: 30_000 });
      expect(await faultsOf(page), path).toEqual([]);
      const wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(wider), path).toBe(0);
    }
  });
});

describe("by keyboard alone", () => {
  const focused = () => page.evaluate("document.activeElement.textContent.trim()") as Promise<string>;
  /** Goes on with Tab to what has a text. */
  async function tabTo(text: string | RegExp): Promise<void> {
    for (let n = 0; n < 120; n++) {
      await page.keyboard.press("Tab");
      if (typeof text === "string" ? (await focused()) === text : text.test(await focused())) return;
    }
    throw new Error(`${text} was not come to`);
  }
  async function follow(text: string | RegExp): Promise<void> {
    await tabTo(text);
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  }

  test("from the first page through the tour to the explorer's step, and back", async () => {
    await open("index.html");
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the page");
    await follow("Tour");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter"); // past the bar
    await follow("3. Attention");
    await follow("in the explorer");
    const { tap } = STEPS[2];
    expect(page.url()).toContain(`#v=1&l=1&more=stepper&tap=${tap}`);
    await page.waitForSelector("#tap", { timeout: 30_000 });
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the pages of plainbert");
    await page.keyboard.press("Enter");
    await follow("The tour: 3. Attention");
    expect(await page.title()).toBe("3. Attention · plainbert");
  });

  test("a search, and an example that runs", async () => {
    await open("index.html");
    await page.keyboard.down("Control");
    await page.keyboard.press("k");
    await page.keyboard.up("Control");
    await page.keyboard.type("fill-mask only some tokens");
    await page.waitForSelector("form li a");
    await page.keyboard.press("ArrowDown");
    expect(await focused()).toContain("Only some tokens");
    await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    expect(page.url()).toContain("docs/fill-mask.html#only-some-tokens");
    await tabTo(/^Run example 3$/);
    await page.keyboard.press("Enter");
    await page.waitForSelector('[data-run="docs-fill-mask-3"][data-ran="same"]');
  });
});

test.each(STEPS.filter(({ tap }) => tap !== null))(
  "$page leads to its step, which is in sight",
  async ({ page: name, tap }) => {
    await page.setViewport({ width: 1280, height: 800 });
    await open(`docs/reading/${name}.html`);
    const link = 'main a[href*="explorer/index.html"]';
    await Promise.all([page.waitForNavigation(), page.click(link)]);
    await page.waitForSelector("#tap", { timeout: 30_000 });
    expect(await page.$$eval(".stepper .names dd", ([first]) => first.textContent)).toContain(tap);
    expect(await page.$eval("#further h2", (heading) => heading.getBoundingClientRect().top)).toBeLessThan(400);
    expect(await page.$$eval(".problem", (all) => all.map(({ textContent }) => textContent?.trim()).join(""))).toBe("");
  },
);

test("the stepper's source line and its page of the tour are links inside the site, to the line and back", async () => {
  const { page: name, tap } = STEPS[2];
  await open(`explorer/index.html${explorerLink(name)}`);
  await page.waitForSelector(".stepper .names a", { timeout: 30_000 });
  const step = page.url();
  await Promise.all([page.waitForNavigation(), page.click('.stepper .names a[href*="#L"]')]);
  const { file, line, code } = SOURCE_LINES.probabilities;
  expect(page.url()).toBe(`${built.origin}${BASES[0]}source/${file}.html#L${line}`);
  const lineOf = (id: string) => `document.getElementById("${id}").getBoundingClientRect().top`;
  const [top, next] = (await page.evaluate(`[${lineOf(`L${line}`)}, ${lineOf(`L${line + 1}`)}]`)) as number[];
  expect(top).toBeGreaterThan(0);
  expect(next).toBeGreaterThan(top);
  expect(await page.$eval("pre.source", ({ textContent }) => textContent?.split("\n") ?? [])).toHaveProperty(
    String(line - 1),
    expect.stringContaining(code),
  );
  await Promise.all([page.waitForNavigation(), page.goBack()]);
  expect(page.url()).toBe(step);
  await page.waitForSelector("#tap", { timeout: 30_000 });
  await Promise.all([page.waitForNavigation(), page.click(`.stepper .names a[href*="${name}"]`)]);
  expect(page.url()).toBe(`${built.origin}${BASES[0]}docs/reading/${name}.html`);
  await Promise.all([page.waitForNavigation(), page.click('main a[href*="explorer/index.html"]')]);
  await page.waitForSelector("#tap", { timeout: 30_000 });
  expect(await page.$eval(".stepper .names", ({ textContent }) => textContent)).toContain(tap);
});

test("the link back goes along with the step that the explorer shows", async () => {
  await open("explorer/index.html");
  const text = () => page.$eval("#tour-step", (link) => [link.textContent, link.getAttribute("href")]);
  expect(await text()).toEqual(["A tour of BERT", "../docs/reading/index.html"]);
  for (const { page: name, tap, explains } of STEPS) {
    if (!explains) continue;
    await page.evaluate(`history.replaceState(null, "", "#tap=${tap}")`);
    await page.waitForFunction(`document.getElementById("tour-step").href.includes("${name}")`);
  }
});

test("all that was opened above asked no other machine", async () => {
  expect(built.outside).toEqual([]);
  await page.goto("about:blank");
  await page.evaluate("fetch('http://elsewhere.test/', { mode: 'no-cors' }).catch(() => {})");
  expect(built.outside).toEqual(["http://elsewhere.test/"]); // so a request would have been seen
});
