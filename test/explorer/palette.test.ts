import { interpolateCividis } from "d3-scale-chromatic";
import { describe, expect, test } from "vitest";
import { cssColour, PALETTE, shadeOf } from "../../src/explorer/palette.ts";

const shades = Array.from({ length: 256 }, (_, shade) => shade);

/** CIE L* of a colour of sRGB (IEC 61966-2-1), white 100. */
function lightness(red: number, green: number, blue: number): number {
  const linear = (channel: number) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  const Y = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  return Y > (6 / 29) ** 3 ? 116 * Math.cbrt(Y) - 16 : (29 / 3) ** 3 * Y;
}

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
    const light = shades.map((shade) => lightness(PALETTE[3 * shade], PALETTE[3 * shade + 1], PALETTE[3 * shade + 2]));
    expect(light[0]).toBeLessThan(15);
    expect(light[255]).toBeGreaterThan(90);
    // A channel is a whole number, which moves L* by up to 0.3 about the even growth of 0.31 a shade.
    for (let shade = 4; shade < 256; shade++) expect(light[shade]).toBeGreaterThan(light[shade - 4]);
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
