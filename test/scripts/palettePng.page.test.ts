import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { animatedPng, type Frame, palettePng } from "../../scripts/palettePng.ts";
import { launch } from "../browser/browsers.ts";
import { Site } from "../browser/site.ts";

/** Pictures as Chromium decodes them. */
let browser: Browser;
let site: Site;
beforeAll(async () => {
  [browser, site] = [await launch("chromium"), await Site.start({})];
  site.texts.set("/page.html", '<!doctype html><link rel="icon" href="data:,">');
});
afterAll(async () => {
  await browser?.close();
  await site?.[Symbol.asyncDispose]();
});

/** A picture of some colours, each pixel by its number. */
const picture = (width: number, height: number, colourOf: (n: number) => number) => ({
  ...{ width, height, colours: Uint32Array.from({ length: width * height }, (_, n) => colourOf(n)) },
});

/** The frames of a PNG file: their pixels, and how long each is seen. */
async function decoded(file: Buffer): Promise<{ readonly pixels: number[]; readonly milliseconds: number }[]> {
  const page = await browser.newPage();
  const program = `(async () => {
    const data = Uint8Array.fromBase64("${file.toString("base64")}");
    const decoder = new ImageDecoder({ data, type: "image/png" });
    await decoder.tracks.ready;
    const frames = [];
    for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
      const { image } = await decoder.decode({ frameIndex });
      const canvas = new OffscreenCanvas(image.displayWidth, image.displayHeight).getContext("2d");
      canvas.drawImage(image, 0, 0);
      const { data: rgba } = canvas.getImageData(0, 0, image.displayWidth, image.displayHeight);
      const pixels = Array.from({ length: rgba.length / 4 }, (_, n) => (rgba[4 * n] << 16) | (rgba[4 * n + 1] << 8) | rgba[4 * n + 2]);
      frames.push({ pixels, milliseconds: (image.duration ?? 0) / 1000 });
    }
    return frames;
  })()`;
  await page.goto(`${site.origin}/page.html`); // ImageDecoder is for secure pages alone
  const frames = (await page.evaluate(program)) as { pixels: number[]; milliseconds: number }[];
  await page.close();
  return frames;
}

test("a picture of few colours, black among them, is kept", async () => {
  const given = picture(7, 5, (n) => [0, 0xffffff, 0x0b5cc4][n % 3]);
  expect((await decoded(palettePng(given)))[0].pixels).toEqual([...given.colours]);
});

test("of more colours than there is room for, the rare ones become the nearest of the others", async () => {
  const given = picture(300, 2, (n) => (n < 300 ? n % 256 : 0xff0000 + (n % 7 === 0 ? 1 : 0)));
  const [{ pixels }] = await decoded(palettePng(given));
  expect(new Set(pixels).size).toBeLessThanOrEqual(256);
  for (const [n, colour] of pixels.entries()) expect(Math.abs(colour - given.colours[n])).toBeLessThanOrEqual(2);
});

test("an animation has every frame and its time; equal frames are one, black is not transparent", async () => {
  const frames: Frame[] = [
    { pixels: picture(40, 30, (n) => (n % 5) * 0x102030), milliseconds: 100 },
    { pixels: picture(40, 30, (n) => (n === 616 ? 0 : (n % 5) * 0x102030)), milliseconds: 200 },
    { pixels: picture(40, 30, (n) => (n === 616 ? 0 : (n % 5) * 0x102030)), milliseconds: 50 },
    { pixels: picture(40, 30, (n) => ((n * n) % 7) * 0x102030), milliseconds: 300 },
    { pixels: picture(40, 30, () => 0), milliseconds: 400 },
  ];
  const shown = await decoded(animatedPng(frames, 255));
  expect(shown.map(({ milliseconds }) => milliseconds)).toEqual([100, 250, 300, 400]);
  for (const [n, frame] of [0, 1, 3, 4].entries()) expect(shown[n].pixels).toEqual([...frames[frame].pixels.colours]);
});
