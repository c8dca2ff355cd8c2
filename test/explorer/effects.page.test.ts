import type { Browser, Page } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change } from "../../src/explorer/effects/changedInput.ts";
import type { HeadAt } from "../../src/explorer/effects/choices.ts";
import { effectOf, headMaskOf } from "../../src/explorer/effects/effect.ts";
import type { Effect } from "../../src/explorer/effects/outputAnswers.ts";
import type { Tensor } from "../../src/index.ts";
import type { Site } from "../browser/site.ts";
import { LEAVING, openBuilt } from "./built.ts";
import { HOSTILE } from "./hostile.ts";
import { explored, small } from "./models.ts";

/** What the page shows without heads and without words: by mouse and keyboard, in the link, with the numbers of Node. */
const model = await small();
/** The page's backend is simd, the tests' own plain. */
const NEAR = 2e-4;

const A = "The carpenter opened the [MASK] with a screwdriver.";
const result = explored(model, A);
const subject = { kind: "gap", position: result.gaps[0].position } as const;

const without = (change: Change | null, ids: readonly number[] = []): Effect =>
  effectOf(model.model, model.tokenizer, { request: result.request, subject, change, ids, vector: null });
const untouched = without(null);

/** ln p of the likeliest pieces of the untouched model with ids or heads of our own, less that of the untouched. */
function changesOf(ids: readonly number[], headMask: number[][]): number[] {
  const logsOf = (options: object, own: readonly number[]) => {
    const { predictionLogits } = model.model.forwardSync([{ inputIds: [...own] }], options);
    const { data, shape } = predictionLogits as Tensor;
    const row = [...data.subarray(subject.position * shape[2], (subject.position + 1) * shape[2])];
    const sum = row.reduce((total, x) => total + Math.exp(x), 0);
    return untouched.answers.map(({ id }) => row[id] - Math.log(sum));
  };
  const before = logsOf({}, result.tokens.map(({ id }) => id)); // biome-ignore format: one line
  return logsOf({ headMask }, ids).map((log, n) => log - before[n]);
}

let opened: Awaited<ReturnType<typeof openBuilt>> | undefined;
let browser: Browser;
let site: Site;
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  opened = await openBuilt();
  ({ browser, site } = opened);
}, 240_000);
afterAll(() => opened?.[Symbol.asyncDispose]());
beforeEach(async () => {
  complaints.length = 0;
  page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    dialog.dismiss();
  });
  await page.evaluateOnNewDocument(LEAVING);
  page.on("request", (request) => {
    const isOwn = ["data:", "blob:", site.origin].some((own) => request.url().startsWith(own));
    if (!isOwn) complaints.push(request.url());
  });
});
afterEach(async () => {
  await page.close();
  expect(complaints).toEqual([]);
});

const until = (condition: string) => page.waitForFunction(condition, { timeout: 20_000 });
const text = (selector: string) => page.$eval(selector, ({ textContent }) => textContent ?? "");
const focused = (field: string) => page.evaluate(`document.activeElement.dataset.${field}`);

/** Everything that was asked for has been computed. */
const WHOLE = `(() => { const [, come, all] = /^(\\d+) of (\\d+) /.exec(document.querySelector(".come")?.textContent.trim() ?? "") ?? [];
    return come !== undefined && come === all && document.querySelector(".late") === null; })()`;
const whole = () => until(WHOLE);

async function open(fields: Record<string, string>): Promise<void> {
  await page.goto(`${site.origin}/index.html#${new URLSearchParams({ v: "1", l: "0", h: "0", ...fields })}`);
  await page.waitForSelector("#further figure", { timeout: 60_000 });
}

async function fields(): Promise<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(((await page.evaluate("location.hash")) as string).slice(1)));
}

/** The numbers of the panel's n-th table from its end, row by row. */
const tableOf = (n: number) =>
  page.evaluate(`[...[...document.querySelectorAll("#further table")].at(${n}).querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("data")].map(({ value }) => Number(value)))`) as Promise<number[][]>;

function expectNear(got: readonly (readonly number[])[], wanted: readonly (readonly number[])[]): void {
  expect(got.map(({ length }) => length)).toEqual(wanted.map(({ length }) => length));
  for (const [i, row] of got.entries())
    for (const [j, one] of row.entries())
      if (!(Math.abs(one - wanted[i][j]) <= NEAR)) expect.fail(`[${i}, ${j}]: ${one}, not ${wanted[i][j]}`);
}

const ALL: readonly HeadAt[] = Array.from({ length: 16 }, (_, n) => [Math.floor(n / 4), n % 4]);

describe("heads that are switched off", () => {
  test("each alone: the numbers are those of Node", async () => {
    await open({ a: A, more: "ablation", n: "1" });
    await whole();
    const ids = result.tokens.map(({ id }) => id);
    expectNear(
      await tableOf(-1),
      ALL.map((head) => changesOf(ids, headMaskOf(model.model, [head]))),
    );
  });

  test("together: the answers beside the untouched ones are those of Node", async () => {
    const heads = [[0, 2], [2, 3]] as const; // biome-ignore format: one line
    await open({ a: A, more: "ablation", n: "1", off: "0.2,2.3" });
    await page.waitForSelector("#beside");
    await whole();
    expect(await text(".besides > :last-child h3")).toBe("Answers without 1·3, 3·4");
    const change = { how: "heads", heads } as const;
    const ids = [...untouched.answers, ...without(change).answers].map(({ id }) => id);
    const [changed, both] = [without(change, ids), without(null, ids)];
    const shown = new Map(
      (
        (await page.evaluate(`[...document.querySelectorAll(".besides table tbody tr")].map((row) =>
          [row.querySelector("th").textContent, [...row.querySelectorAll("data")].map(({ value }) => Number(value))])`)) as [
          string,
          number[],
        ][]
      ).map(([name, numbers]) => [name, numbers] as const),
    );
    expect(shown.size).toBeGreaterThan(8);
    for (const [name, numbers] of shown) {
      const [before, after] = [both, changed].map(({ answers }) => answers.find((answer) => answer.name === name));
      const wanted = [before, after].flatMap((one) => [one?.rank, one?.numbers[0].value, one?.probability] as number[]);
      expect([numbers[0], numbers[3]]).toEqual([wanted[0], wanted[3]]);
      expectNear([numbers], [[...wanted, (after?.score ?? Number.NaN) - (before?.score ?? Number.NaN)]]);
    }
  });

  test("by mouse: a head, its layer, all but it, all on; the browser's way back undoes each", async () => {
    await open({ a: A, more: "ablation" });
    await whole();
    const isPressed = (n: number) => page.$eval(`.controls button:nth-of-type(${n})`, ({ ariaPressed }) => ariaPressed);
    await page.click('[data-off="1,2"]');
    expect(await fields()).toMatchObject({ off: "1.2", l: "1", h: "2" });
    expect(await isPressed(1)).toBe("true");
    await page.waitForSelector("#beside");
    await page.click("#further .controls button:nth-of-type(2)");
    expect(await fields()).toMatchObject({ off: "1.0,1.1,1.2,1.3" });
    expect(await page.$$eval('#further [role="gridcell"][aria-selected="true"]', (cells) => cells.length)).toBe(4);
    await page.click("#further .controls button:nth-of-type(3)");
    expect(await fields()).toMatchObject({ off: ALL.filter(([l, h]) => l !== 1 || h !== 2).join(",").replace(/(\d),(\d)(,|$)/g, "$1.$2$3") }); // biome-ignore format: one line
    await until('document.querySelector(".besides > :last-child h3").textContent === "Answers without 15 heads"');
    await page.click("#further .controls button:nth-of-type(4)");
    expect(await fields()).not.toHaveProperty("off");
    expect(await page.$("#beside")).toBeNull();
    for (const off of [/^(\d\.\d,){14}\d\.\d$/, /^1\.0,1\.1,1\.2,1\.3$/, /^1\.2$/]) {
      await page.evaluate("history.back()");
      await until(`(new URLSearchParams(location.hash.slice(1)).get("off") ?? "").match(${off})`);
    }
    await page.evaluate("history.back()");
    await until('!location.hash.includes("off=")');
    expect(await page.$$eval('#further [role="gridcell"][aria-selected="true"]', (cells) => cells.length)).toBe(0);
  });

  test("by keyboard alone, and what a screen reader is told", async () => {
    await open({ a: A, more: "ablation" });
    await whole();
    await page.focus("#tab-ablation");
    for (let n = 0; n < 30 && (await focused("off")) === undefined; n++) await page.keyboard.press("Tab");
    expect(await focused("off")).toBe("0,0");
    for (const key of ["ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft"] as const) await page.keyboard.press(key);
    expect(await focused("off")).toBe("1,1");
    await until('/^Without layer 2, head 2: “door” \\d/.test(document.querySelector("#further .readout").textContent)');
    const label = (at: string) => page.$eval(`[data-off="${at}"]`, ({ ariaLabel }) => ariaLabel ?? "");
    expect(await label("1,1")).toMatch(
      /^On\. Without layer 2, head 2: “door” \d+\.\d\d % → \d+\.\d\d %, Δ\u00a0log\u00a0p [−+]\d\.\d+\.$/,
    );
    await page.keyboard.press("Enter");
    expect(await fields()).toMatchObject({ off: "1.1" });
    expect(await label("1,1")).toMatch(/^Off\. /);
    await until('document.getElementById("spoken").textContent.includes("1 head is off")');
    await page.keyboard.press("l");
    expect(await fields()).toMatchObject({ off: "1.0,1.1,1.2,1.3" });
    await page.keyboard.press("l");
    expect(await fields()).not.toHaveProperty("off");
    await page.keyboard.press("o");
    expect((await fields()).off.split(",").length).toBe(15);
    await page.keyboard.press("Escape");
    expect(await fields()).not.toHaveProperty("off");
    await page.keyboard.press("End");
    expect(await focused("off")).toBe("1,3");
    await page.keyboard.press("ArrowRight"); // there is none
    expect(await focused("off")).toBe("1,3");
  });

  test("heads stay off while the text is typed; of the text's vector the map shows the cosine", async () => {
    await open({ a: A, more: "ablation", off: "0.0", answer: "vector", n: "1" });
    await page.waitForSelector("#beside");
    await whole();
    expect(await text("#further figcaption")).toContain(
      "is the cosine of the text's vector to the untouched one, less 1",
    );
    const rows = await tableOf(-1);
    expect(rows.length).toBe(16);
    for (const [change] of rows) expect(change).toBeLessThan(0);
    await page.focus("textarea");
    await page.keyboard.type("x");
    await until(
      'location.hash.includes("x") && location.hash.includes("off=0.0") && location.hash.includes("answer=vector")',
    );
    await whole();
  });
});

describe("words that are taken away", () => {
  const WORDS = [[1], [2, 3, 4], [5], [6], [8], [9], [10, 11, 12, 13], [14]];

  test.each([
    ["mask", "[MASK]"],
    ["unk", "[UNK]"],
  ])("each alone by %s: the numbers are those of Node", async (by, token) => {
    await open({ a: A, more: "occlusion", n: "1", by });
    await whole();
    const own = result.tokens.map(({ id }) => id);
    const other = model.tokenizer.tokenToId(token) as number;
    const wanted = WORDS.map((positions) =>
      changesOf(
        own.map((id, t) => (positions.includes(t) ? other : id)),
        headMaskOf(model.model, []),
      ),
    );
    expectNear(await tableOf(-1), wanted);
  });

  test("each token left out: the numbers are those of Node", async () => {
    await open({ a: A, more: "occlusion", n: "1", by: "removed", units: "token" });
    await whole();
    const ids = untouched.answers.map(({ id }) => id);
    const positions = result.tokens.flatMap(({ isSpecial, isMasked }, t) => (isSpecial || isMasked ? [] : [t]));
    const wanted = positions.map((t) => {
      const { answers } = without({ how: "removed", positions: [t] }, ids);
      return untouched.answers.map(
        ({ id, score }) => (answers.find((one) => one.id === id)?.score ?? Number.NaN) - score,
      );
    });
    expectNear(await tableOf(-1), wanted);
    expect(await text("#further h3")).toBe("Each token taken away alone");
  });

  test("by keyboard: a word is pointed at and told, picked, and let go of; so by mouse", async () => {
    await open({ a: A, more: "occlusion" });
    await whole();
    await until('document.querySelector("#beside")');
    await page.focus("#tab-occlusion");
    for (let n = 0; n < 30 && !(await page.evaluate('document.activeElement.matches(".picture")')); n++)
      await page.keyboard.press("Tab");
    for (const key of ["ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"] as const) await page.keyboard.press(key);
    await until(
      '/^Without “carpenter” at position 2: “door” \\d/.test(document.querySelector("#further .readout").textContent)',
    );
    expect(await page.$(".around")).not.toBeNull();
    await until('document.getElementById("spoken").textContent.startsWith("Without “carpenter”")');
    await page.keyboard.press("Enter");
    expect(await fields()).toMatchObject({ k: "2" });
    await until(
      'document.querySelector(".besides > :last-child h3").textContent === "Answers without “carpenter” at position 2"',
    );
    await page.keyboard.press("End");
    await until('document.querySelector("#further .readout").textContent.startsWith("Without “.”")');
    await page.keyboard.press("Escape");
    expect(await fields()).not.toHaveProperty("k");
    await page.evaluate("history.back()");
    await until('location.hash.includes("k=2")');
    const box = await (await page.$("#occlusion"))?.boundingBox();
    await page.mouse.click((box?.x ?? 0) + 58, (box?.y ?? 0) + 20);
    expect(await fields()).toMatchObject({ k: "1" });
    await page.mouse.click((box?.x ?? 0) + 5, (box?.y ?? 0) + 20); // [CLS] stays
    expect(await fields()).toMatchObject({ k: "1" });
  });

  test("what is chosen is in the link, and a reload shows the same", async () => {
    await open({ a: A, more: "occlusion", n: "1" });
    await whole();
    const choose = (n: number, value: string) =>
      page.evaluate(`(() => { const select = document.querySelectorAll("#further select")[${n}];
        select.value = "${value}"; select.dispatchEvent(new Event("change")); })()`);
    await choose(0, "vector");
    await choose(1, "removed");
    await page.click("#further .segments button:last-child");
    expect(await fields()).toMatchObject({ answer: "vector", by: "removed", units: "token" });
    await whole();
    const [before, legend] = [await tableOf(-1), await text("#further figcaption")];
    await page.reload();
    await page.waitForSelector("#further figure");
    await whole();
    expect(await tableOf(-1)).toEqual(before);
    expect(await text("#further figcaption")).toBe(legend);
  });

  test("of a long text it waits to be asked for, says how far it has come, stops, and goes on", async () => {
    await open({ a: `${"the door was shut and then ".repeat(20)}[MASK]`, more: "occlusion" });
    const count = async () => Number(/^(\d+) of 120 words/.exec((await text(".come")).trim())?.[1]);
    await until('document.querySelector(".come button")?.textContent === "Compute all 120"');
    expect(await count()).toBe(0);
    await page.click(".come button");
    await until('Number(/^\\d+/.exec(document.querySelector(".come").textContent.trim())[0]) >= 2');
    expect(await page.$eval(".come progress", ({ ariaLabel }) => ariaLabel)).toBe("words that are computed");
    await page.evaluate('document.querySelector(".come button").click()');
    await until('document.querySelector(".come button")?.textContent === "Go on"');
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    const stopped = await count();
    expect(stopped).toBeLessThan(120);
    expect(await text("#further figcaption")).toContain(" of 120 words are computed.");
    // What is typed is answered; the one that was under way at the stop has come at most.
    await page.click("#tab-lens");
    await page.click("#tab-occlusion");
    await until('document.querySelector(".come button")?.textContent === "Go on"');
    expect(await count()).toBeLessThanOrEqual(stopped + 1);
    await page.click(".come button");
    await whole();
    expect(await count()).toBe(120);
  });

  test.each(Object.entries(HOSTILE).filter(([name]) => !name.includes("10,000")))(
    "a text that is %s is shown as what it is, in both views",
    async (_, hostile) => {
      for (const more of ["occlusion", "ablation"]) {
        await open({ a: hostile, b: `${hostile.slice(0, 40)} [MASK]`, more, off: "0.0", n: "1" });
        await until(`/There is no word|Compute all/.test(document.querySelector("#further").textContent) || ${WHOLE}`);
        expect(await page.$$eval("#further :is(img, script, iframe)", (found) => found.length)).toBe(0);
        expect(await page.$$eval('[role="alert"]', (alerts) => alerts.map(({ textContent }) => textContent))).toEqual(
          [],
        );
      }
    },
  );
});

test.each([
  ["ablation", 16],
  ["occlusion", 8],
])("%s: its two pictures can be saved, and its numbers are in the JSON", async (more, count) => {
  await open({ a: A, more, off: "0.2", k: "2" });
  await page.waitForSelector("#beside");
  await whole();
  const click = (condition: string, at: number) =>
    page.evaluate(`[...document.querySelectorAll(".menu button")].filter((button) => ${condition}).at(${at}).click()`);
  const left = (n: number) => page.evaluate(`left[${n}].text()`) as Promise<string>;
  for (const at of [-2, -1]) await click('/ as SVG$/.test(button.ariaLabel ?? "")', at);
  await click('button.textContent === "Everything as JSON"', 0);
  await until("left.length === 3");
  expect((await left(0)).match(/data-value="/g)?.length).toBe(count);
  expect(await left(1)).toContain(
    more === "ablation" ? "Answers without 1·3" : "Answers without “carpenter” at position 2",
  );
  const { effects } = JSON.parse(await left(2));
  expect(effects.answer).toEqual(subject);
  expect(effects.untouched.map(({ id }: { id: number }) => id)).toEqual(untouched.answers.map(({ id }) => id));
  expect(effects.changes.length).toBe(count);
  const [{ answers, ...change }] = effects.changes as (Change & Pick<Effect, "answers">)[];
  const wanted = without(change as Change, untouched.answers.map(({ id }) => id)); // biome-ignore format: one line
  expect(answers.length).toBe(wanted.answers.length);
  for (const { id, score } of answers)
    expect(Math.abs(score - (wanted.answers.find((one) => one.id === id)?.score ?? Number.NaN))).toBeLessThan(NEAR);
});
