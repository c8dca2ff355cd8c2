/**
 * Writes docs/explorer.png, the picture of the explorer on README's first screen: the page at 1280 pixels, twice as fine,
 * with the head whose [MASK] looks at the verb. It needs Chromium, Debian's or the one that `CHROMIUM` names.
 *
 *     npm run docs:picture
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { linkOf } from "../src/explorer/link.ts";
import { INITIAL_STATE } from "../src/explorer/state.ts";
import { launch } from "../test/browser/browsers.ts";
import { Site } from "../test/browser/site.ts";
import { palettePng, pixelsOf } from "./palettePng.ts";

const root = join(import.meta.dirname, "..");
const [WIDTH, FINENESS] = [1280, 2];

await using browser = await launch("chromium");
await using site = await Site.start({ "/": join(root, "dist", "explorer") });
const page = await browser.newPage();
await page.setViewport({ width: WIDTH, height: 600, deviceScaleFactor: FINENESS });
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
await page.goto(`${site.origin}/index.html${linkOf({ ...INITIAL_STATE, layer: 1, head: 1 })}`);
await page.waitForSelector("canvas");
writeFileSync(join(root, "docs", "explorer.png"), palettePng(await pixelsOf(page, { fullPage: true })));
