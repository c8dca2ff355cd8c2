import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runReport } from "../../src/training/report/runReport.ts";
import { evaluationOf, HOSTILE, RUN } from "../training/report/hostile.ts";
import { launch } from "./browsers.ts";

/** Reports of runs as a reader sees them, without JavaScript: on a telephone and a screen, light and dark. */
const folder = mkdtempSync(join(tmpdir(), "plainbert-report-"));
let browser: Browser;
beforeAll(async () => {
  browser = await launch("chromium");
});
afterAll(async () => {
  await browser?.close();
  rmSync(folder, { recursive: true });
});

/** What stands out to the right of the page, and the least contrast of a text with what is behind it (WCAG 2.2, 1.4.3). */
const LOOKS = `(() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const backOf = (element) => {
    if (element === null) return [255, 255, 255];
    const own = parts(getComputedStyle(element).backgroundColor);
    return own.length === 4 && own[3] === 0 ? backOf(element.parentElement) : over(own, backOf(element.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = [...document.body.querySelectorAll("*")].filter((element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ""));
  const contrasts = texts.map((element) => {
    const style = getComputedStyle(element);
    const back = backOf(element);
    const ink = over(parts(element.closest("svg") ? style.fill : style.color), back);
    const [a, b] = [light(ink), light(back)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  });
  const { scrollWidth, clientWidth } = document.documentElement;
  return { wider: scrollWidth - clientWidth, texts: texts.length, contrast: Math.min(...contrasts) };
})()`;

test.each([360, 1280].flatMap((width) => (["light", "dark"] as const).map((scheme) => [width, scheme] as const)))(
  "%d pixels wide, %s: nothing stands out of the page, nothing is loaded or run, every text can be read",
  async (width, scheme) => {
    const long = "a label without an end ".repeat(20);
    const evaluation = {
      ...evaluationOf(200),
      examples: [{ input: "x".repeat(900), expected: HOSTILE, predicted: long }],
    };
    const file = join(folder, "report.html");
    writeFileSync(file, runReport({ ...RUN, about: { model: HOSTILE, data: "/a/long/path".repeat(20) }, evaluation }));
    const page = await browser.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("dialog", (dialog) => void dialog.dismiss().then(() => asked.push("a dialog")));
    await page.setJavaScriptEnabled(false);
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.setViewport({ width, height: 800 });
    await page.goto(pathToFileURL(file).href);
    const looks = (await page.evaluate(LOOKS)) as { wider: number; texts: number; contrast: number };
    expect(looks.wider).toBe(0);
    expect(looks.texts).toBeGreaterThan(600);
    expect(looks.contrast).toBeGreaterThan(4.5);
    expect(asked).toEqual([pathToFileURL(file).href]);
    await page.close();
  },
);
