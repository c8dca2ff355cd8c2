/**
 * Writes docs/explorer-at-work.png, README's moving picture of the explorer: a text is typed, heads are looked at, a word is hidden.
 * The page is the real one; how long each picture is seen is set here, so that a run makes the same file as the one before.
 * It needs Chromium, Debian's or the one that `CHROMIUM` names.
 *
 *     npm run docs:animation
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkOf } from "../src/explorer/link.ts";
import { cssColour } from "../src/explorer/palette.ts";
import { type ExplorerState, INITIAL_STATE } from "../src/explorer/state.ts";
import { launch } from "../test/browser/browsers.ts";
import { Site } from "../test/browser/site.ts";
import { animatedPng, type Frame, pixelsOf } from "./palettePng.ts";

const root = join(import.meta.dirname, "..");
const [WIDTH, HEIGHT, COLOURS] = [1280, 900, 160]; // two lists of answers are 877 pixels high
const [KEY, LOOK, END] = [110, 1300, 2600]; // milliseconds
const TEXT = "The storm broke the old [MASK].";
/** Every fifth of the maps' colours, so that a rare strength does not look like another. */
const ramp = Array.from({ length: 52 }, (_, n) => Number.parseInt(cssColour(5 * n).slice(1), 16));
/** What differs from run to run: how long a pass took, and the caret. */
const HIDDEN = "header .quiet { visibility: hidden } * { caret-color: transparent !important }";

await using browser = await launch("chromium", ["--force-color-profile=srgb"]);
await using site = await Site.start({ "/": join(root, "dist", "explorer") });
const frames: Frame[] = [];
const page = await browser.newPage();
await page.setViewport({ width: WIDTH, height: HEIGHT });
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
await page.goto(`${site.origin}/index.html${linkOf({ ...INITIAL_STATE, layer: 1, head: 1 })}`);
await page.waitForSelector("canvas");
const sheet = "const sheet = new CSSStyleSheet(); sheet.replaceSync(HIDDEN); document.adoptedStyleSheets = [sheet]";
await page.evaluate(sheet.replace("HIDDEN", JSON.stringify(HIDDEN))); // the page's policy refuses elements of style
await page.bringToFront();

/** Adds what is on the page now, once it shows the answer to what was done last. */
async function show(milliseconds: number): Promise<void> {
  await page.waitForFunction("!document.querySelector('.stale')");
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))");
  frames.push({ pixels: await pixelsOf(page, { fullPage: false }), milliseconds });
}

/** Shows another state of the page. */
async function showState(state: Partial<ExplorerState>, milliseconds: number): Promise<void> {
  await page.evaluate(`location.hash = ${JSON.stringify(linkOf({ ...INITIAL_STATE, text: TEXT, ...state }))}`);
  await show(milliseconds);
}

await show(LOOK);
await page.focus("#text-a");
await page.$eval("#text-a", (box) => (box as HTMLTextAreaElement).select());
await show(KEY * 4);
for (const letter of TEXT) {
  await page.keyboard.type(letter);
  await show(KEY);
}
await show(LOOK);
for (const head of [0, 2, 3, 1]) await showState({ layer: 1, head }, LOOK);
await showState({ layer: 1, head: 1, query: 6 }, END); // what the gap looks at
await showState({ layer: 1, head: 1, query: 6, view: "matrix" }, END);
await showState({ layer: 1, head: 1, masks: [3] }, KEY * 8); // without the verb
await page.$eval(".views", (views) => views.scrollIntoView()); // what fits both gaps
await show(END);
await page.evaluate("scrollTo(0, 0)");
await showState({ layer: 1, head: 1 }, LOOK);
writeFileSync(join(root, "docs", "explorer-at-work.png"), animatedPng(frames, COLOURS, ramp));
