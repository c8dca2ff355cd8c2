import { readFileSync } from "node:fs";
import { interpolateCividis } from "d3-scale-chromatic";
import { describe, expect, test } from "vitest";
import { cssColour, DIVERGING, PALETTE, shadeOf } from "../../src/explorer/palette.ts";

const CSS = new URL("../../src/explorer/explorer.css", import.meta.url);
const shades = Array.from({ length: 256 }, (_, shade) => shade);

type Colour = readonly [number, number, number];

/** A colour of sRGB in linear light (IEC 61966-2-1), 0 to 1. */
const linearOf = (colour: readonly number[]): Colour =>
  colour.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as unknown as Colour;

const times = (matrix: readonly Colour[], [a, b, c]: Colour): Colour =>
  matrix.map(([x, y, z]) => x * a + y * b + z * c) as unknown as Colour;

/** CIE L*a*b* of a colour in linear light, white D65 (ISO/CIE 11664-4). */
function labOf(colour: Colour): Colour {
  const f = (t: number) => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29);
  const XYZ: readonly Colour[] = [
    [0.4124, 0.3576, 0.1805],
    [0.2126, 0.7152, 0.0722],
    [0.0193, 0.1192, 0.9505],
  ];
  const [X, Y, Z] = times(XYZ, colour);
  const [x, y, z] = [f(X / 0.9505), f(Y), f(Z / 1.089)];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** What eyes see that lack one kind of cones, in linear light (Machado, Oliveira & Fernandes 2009, severity 1). */
const EYES: Readonly<Record<string, readonly Colour[]>> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

/** The colours of the page's themes, light and dark, by name. */
const THEMES = [...readFileSync(CSS, "utf8").matchAll(/:root \{([^}]*)\}/g)].slice(0, 2).map(([, rules]) => {
  const colours = [...rules.matchAll(/--([\w-]+): #([0-9a-f]{6})/g)];
  return Object.fromEntries(
    colours.map(([, name, hex]) => [name, [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16))]),
  );
});

describe("the palette", () => {
  test("is d3's cividis, every colour", () => {
    expect(PALETTE.length).toBe(768);
    const wanted = shades.map((shade) =>
      interpolateCividis(shade / 255)
        .match(/\d+/g)
        ?.map(Number),
    );
    expect(shades.map((shade) => [...PALETTE.subarray(3 * shade, 3 * shade + 3)])).toEqual(wanted);
  });

  test("is the same in CSS", () => {
    for (const shade of shades) {
      const hex = [...PALETTE.subarray(3 * shade, 3 * shade + 3)].map((c) => c.toString(16).padStart(2, "0"));
      expect(cssColour(shade)).toBe(`#${hex.join("")}`);
    }
  });

  test("grows lighter with every number", () => {
    const light = shades.map((shade) => labOf(linearOf([...PALETTE.subarray(3 * shade, 3 * shade + 3)]))[0]);
    expect(light[0]).toBeLessThan(15);
    expect(light[255]).toBeGreaterThan(90);
    // A channel is a whole number, which moves L* by up to 0.3 about the even growth of 0.31 a shade.
    for (let shade = 4; shade < 256; shade++) expect(light[shade]).toBeGreaterThan(light[shade - 4]);
  });

  test.each(Object.entries(EYES))("to %s eyes: it grows lighter, and sevenths of it are far apart", (_, matrix) => {
    const seen = shades.map((shade) => labOf(times(matrix, linearOf([...PALETTE.subarray(3 * shade, 3 * shade + 3)]))));
    for (let shade = 8; shade < 256; shade++) expect(seen[shade][0]).toBeGreaterThan(seen[shade - 8][0]);
    for (let shade = 36; shade < 256; shade += 36)
      expect(Math.hypot(...seen[shade].map((one, n) => one - seen[shade - 36][n]))).toBeGreaterThan(10);
  });

  test.each(Object.entries(EYES))(
    "to %s eyes: lines of words and those of [CLS] and [SEP] are far apart",
    (_, matrix) => {
      expect(THEMES.length).toBe(2);
      for (const { accent, quiet, paper } of THEMES) {
        const [a, q, p] = [accent, quiet, paper].map((colour) => labOf(times(matrix, linearOf(colour))));
        for (const [one, other] of [[a, q], [a, p], [q, p]]) // biome-ignore format: one line
          expect(Math.hypot(...one.map((part, n) => part - other[n]))).toBeGreaterThan(10);
      }
    },
  );

  test.each(Object.entries(EYES))(
    "with a sign, to %s eyes: lightest in the middle, darker with every step from it, and its sides are far apart",
    (_, matrix) => {
      const seen = shades.map((shade) => labOf(times(matrix, linearOf([...DIVERGING.subarray(3 * shade, 3 * shade + 3)])))); // biome-ignore format: one line
      for (const middle of [127, 128]) expect(seen[middle][0]).toBeGreaterThan(95);
      for (let step = 8; step < 128; step++) {
        expect(seen[127 - step][0]).toBeLessThan(seen[127 - step + 8][0]);
        expect(seen[128 + step][0]).toBeLessThan(seen[128 + step - 8][0]);
      }
      for (let step = 32; step < 128; step += 32) {
        const [low, high] = [seen[127 - step], seen[128 + step]];
        expect(Math.hypot(...low.map((one, n) => one - high[n]))).toBeGreaterThan(10);
      }
    },
  );

  test("with a sign: CSS has its ends and its middle, and colours are written as they are drawn", () => {
    const [, ends] =
      readFileSync(CSS, "utf8").match(/diverging i \{\s*background: linear-gradient\(to right, (.*)\)/) ?? [];
    const [low, middle, high] = ends.split(", ");
    expect([cssColour(0, "diverging"), cssColour(255, "diverging")]).toEqual([low, high]);
    const channels = [1, 3, 5].map((at) => Number.parseInt(middle.slice(at, at + 2), 16));
    for (const [n, channel] of channels.entries())
      for (const shade of [127, 128]) expect(Math.abs(DIVERGING[3 * shade + n] - channel)).toBeLessThanOrEqual(1);
  });

  test.each([
    [0, 0],
    [1, 255],
    [0.5, 128],
    [1e-3, 0],
    [2e-3, 1],
    [1.0000001, 255], // a row may add up to a little more than 1
    [-1, 0],
  ])("the strength %d has shade %i", (strength, shade) => {
    expect(shadeOf(strength)).toBe(shade);
  });
});
