/**
 * PNG files with a palette (PNG 3rd edition): of a screenshot they have a third of the bytes that all its colours take. They may
 * be animated; what shows no animation shows the first picture.
 */
import { crc32, deflateSync } from "node:zlib";
import type { Page } from "puppeteer-core";

/** A picture's pixels, 24 bits of red, green and blue each. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly colours: Uint32Array;
}

/** A picture of an animation, and how long it is seen. */
export interface Frame {
  readonly pixels: Pixels;
  readonly milliseconds: number;
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

/** Pixels of what a page shows. */
export async function pixelsOf(page: Page, { fullPage }: { readonly fullPage: boolean }): Promise<Pixels> {
  const png = await page.screenshot({ encoding: "base64", fullPage });
  const decoded = await page.evaluate(decoding(png));
  const { width, height, rgba } = decoded as { width: number; height: number; rgba: string };
  const bytes = Buffer.from(rgba, "base64");
  return { width, height, colours: Uint32Array.from({ length: width * height }, (_, n) => bytes.readUIntBE(4 * n, 3)) };
}

/** A PNG of the 256 commonest colours of a picture; others become the nearest of these. */
export function palettePng(pixels: Pixels): Buffer {
  const palette = commonest([pixels], 256);
  const indices = indicesOf(pixels, nearestIn(palette, [pixels], 0));
  return file(pixels, [paletteChunk(palette), chunk("IDAT", deflated(indices, pixels.width)), chunk("IEND")]);
}

/** What is left of one frame and drawn over the one before: entry 0 of an animation's palette is transparent. */
const SAME = 0;

/**
 * An animated PNG, which is played again and again. A frame has the part that has changed since the one before.
 *
 * @param size how many colours it has, at most 255
 * @param kept colours that are among them, common or not
 */
export function animatedPng(frames: readonly Frame[], size: number, kept: readonly number[] = []): Buffer {
  const pictures = frames.map(({ pixels }) => pixels);
  const palette = [0, ...new Set([...kept, ...commonest(pictures, size)])].slice(0, size + 1);
  const nearest = nearestIn(palette, pictures, SAME + 1);
  const parts = partsOf(frames, (pixels) => indicesOf(pixels, nearest));
  const chunks = [chunk("acTL", uint32(parts.length, 0)), paletteChunk(palette), chunk("tRNS", Buffer.from([0]))];
  let order = 0;
  for (const [n, { milliseconds, x, y, width, data, isOver }] of parts.entries()) {
    const numbers = uint32(order++, width, data.height, x, y);
    // Left there by the next frame; drawn over what is there, or in its place.
    chunks.push(chunk("fcTL", numbers, uint16(milliseconds, 1000), Buffer.from([0, isOver ? 1 : 0])));
    chunks.push(n === 0 ? chunk("IDAT", data.bytes) : chunk("fdAT", uint32(order++), data.bytes));
  }
  return file(pictures[0], [...chunks, chunk("IEND")]);
}

/** A part of a picture, compressed. */
interface Part {
  milliseconds: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly data: { readonly height: number; readonly bytes: Buffer };
  readonly isOver: boolean;
}

function partsOf(frames: readonly Frame[], indices: (pixels: Pixels) => Uint8Array): Part[] {
  const parts: Part[] = [];
  let last: Uint8Array | null = null;
  for (const { pixels, milliseconds } of frames) {
    const now = indices(pixels);
    const part = partOf(now, last, pixels.width, milliseconds);
    const before = parts.at(-1);
    if (part) parts.push(part);
    else if (before) before.milliseconds += milliseconds;
    last = now;
  }
  return parts;
}

/** The part that is not as before, whole or without what is the same, whichever is smaller; null: there is none. */
function partOf(now: Uint8Array, last: Uint8Array | null, width: number, milliseconds: number): Part | null {
  let [left, top, right, bottom] = [width, now.length / width, -1, -1];
  for (let i = 0; i < now.length; i++) {
    if (last?.[i] === now[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  }
  if (right < 0) return null;
  const [columns, rows] = [right - left + 1, bottom - top + 1];
  const place = (i: number) => (top + Math.floor(i / columns)) * width + left + (i % columns);
  const whole = Uint8Array.from({ length: columns * rows }, (_, i) => now[place(i)]);
  const changed = whole.map((index, i) => (last?.[place(i)] === index ? SAME : index));
  const [drawnOver, inPlace] = [changed, whole].map((part) => deflated(part, columns));
  const isOver = drawnOver.length < inPlace.length;
  const data = { height: rows, bytes: isOver ? drawnOver : inPlace };
  return { milliseconds, x: left, y: top, width: columns, data, isOver };
}

/** The commonest colours, the most common first. */
function commonest(pictures: readonly Pixels[], size: number): number[] {
  const counts = new Map<number, number>();
  for (const { colours } of pictures) for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  return sorted.slice(0, size).map(([colour]) => colour);
}

/** For each colour of some pictures the nearest entry of a palette, from its first one that is seen. */
function nearestIn(
  palette: readonly number[],
  pictures: readonly Pixels[],
  first: number,
): ReadonlyMap<number, number> {
  const seen = palette.slice(first);
  const nearest = new Map<number, number>();
  for (const { colours } of pictures) {
    for (const colour of colours) {
      if (nearest.has(colour)) continue;
      const distances = seen.map((one) => distance(one, colour));
      nearest.set(colour, first + distances.indexOf(Math.min(...distances)));
    }
  }
  return nearest;
}

/** The square of the distance of two colours. */
const distance = (a: number, b: number): number =>
  ((a >> 16) - (b >> 16)) ** 2 + (((a >> 8) & 255) - ((b >> 8) & 255)) ** 2 + ((a & 255) - (b & 255)) ** 2;

const indicesOf = ({ colours }: Pixels, nearest: ReadonlyMap<number, number>): Uint8Array =>
  Uint8Array.from(colours, (colour) => nearest.get(colour) as number);

/** Rows of palette entries, each behind its filter: 0, none. */
function deflated(indices: Uint8Array, width: number): Buffer {
  const rows = new Uint8Array(indices.length + indices.length / width);
  for (let n = 0; n < indices.length; n++) rows[n + Math.floor(n / width) + 1] = indices[n];
  return deflateSync(rows, { level: 9, memLevel: 9 });
}

function file({ width, height }: Pixels, chunks: readonly Buffer[]): Buffer {
  const header = chunk("IHDR", uint32(width, height), Buffer.from([8, 3, 0, 0, 0])); // 8 bits a pixel, of a palette
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), header, ...chunks]);
}

const paletteChunk = (palette: readonly number[]): Buffer =>
  chunk("PLTE", Buffer.from(palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255])));

function chunk(name: string, ...data: readonly Buffer[]): Buffer {
  const named = Buffer.concat([Buffer.from(name, "latin1"), ...data]);
  return Buffer.concat([uint32(named.length - 4), named, uint32(crc32(named))]);
}

function uint32(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [n, value] of values.entries()) bytes.writeUInt32BE(value, 4 * n);
  return bytes;
}

function uint16(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [n, value] of values.entries()) bytes.writeUInt16BE(value, 2 * n);
  return bytes;
}
