/**
 * Writes docs/explorer.png, the picture of the explorer on README's first screen: the page at 1280 pixels, twice as fine,
 * with the head whose [MASK] looks at the verb. It needs Chromium, Debian's or the one that `CHROMIUM` names.
 *
 *     npm run docs:picture
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import type { Page } from "puppeteer-core";
import { INITIAL_STATE, linkOf } from "../src/explorer/state.ts";
import { launch } from "../test/browser/browsers.ts";
import { Site } from "../test/browser/site.ts";

const root = join(import.meta.dirname, "..");
const [WIDTH, FINENESS] = [1280, 2];

/** A picture's pixels, 24 bits of red, green and blue each. */
interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly colours: Uint32Array;
}

/** A program that decodes a picture in a page. @param png its file in base64 */
const decoding = (png: string): string => `(async () => {
  const image = new Image();
  image.src = "data:image/png;base64,${png}";
  await image.decode();
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, rgba: new Uint8Array(data.buffer).toBase64() };
})()`;

/** Pixels of the whole page. */
async function pixelsOf(page: Page): Promise<Pixels> {
  const png = await page.screenshot({ encoding: "base64", fullPage: true });
  const decoded = await page.evaluate(decoding(png));
  const { width, height, rgba } = decoded as { width: number; height: number; rgba: string };
  const bytes = Buffer.from(rgba, "base64");
  return { width, height, colours: Uint32Array.from({ length: width * height }, (_, n) => bytes.readUIntBE(4 * n, 3)) };
}

/** The square of the distance of two colours. */
const distance = (a: number, b: number): number =>
  ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;

/**
 * A PNG of the 256 commonest colours; others become the nearest of these. In this way the file has a third of the bytes
 * (PNG 3rd edition, §11.2: IHDR with colour type 3, PLTE, IDAT, IEND).
 */
function palettePng({ width, height, colours }: Pixels): Buffer {
  const counts = new Map<number, number>();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const palette = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 256).map(([colour]) => colour); // biome-ignore format: one line
  const nearest = new Map<number, number>();
  for (const colour of counts.keys()) {
    const distances = palette.map((one) => distance(one, colour));
    nearest.set(colour, distances.indexOf(Math.min(...distances)));
  }
  const rows = new Uint8Array(height * (width + 1)); // each row begins with its filter: 0, none
  for (let n = 0; n < colours.length; n++) rows[n + Math.floor(n / width) + 1] = nearest.get(colours[n]) as number;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3], 8);
  const entries = palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    ...[chunk("IHDR", header), chunk("PLTE", Uint8Array.from(entries))],
    ...[chunk("IDAT", deflateSync(rows, { level: 9, memLevel: 9 })), chunk("IEND", new Uint8Array())],
  ]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}

await using browser = await launch("chromium");
await using site = await Site.start({ "/": join(root, "dist", "explorer") });
const page = await browser.newPage();
await page.setViewport({ width: WIDTH, height: 600, deviceScaleFactor: FINENESS });
await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
await page.goto(`${site.origin}/index.html${linkOf({ ...INITIAL_STATE, layer: 1, head: 1 })}`);
await page.waitForSelector("canvas");
writeFileSync(join(root, "docs", "explorer.png"), palettePng(await pixelsOf(page)));
