import { describe, expect, test } from "vitest";
import { layoutOf } from "../../src/explorer/page/layout.ts";
import { widthOf } from "../../src/explorer/scenes/modelMap.ts";

/** The parts of the page in windows of every width. */
const WIDTHS = Array.from({ length: 900 }, (_, n) => 320 + 3 * n);

describe.each([1, 2, 3, 4, 8, 9, 12, 16, 24])("a model of %d heads", (heads) => {
  test("columns fit the window, with what the style sheet has around and between them", () => {
    for (const width of WIDTHS) {
      const { name, columns, map, head, answers } = layoutOf(width, heads);
      const inner = Math.min(width - 2 * (width < 640 ? 16 : 32), 2240);
      if (name === "one") {
        expect([map, head, answers]).toEqual([inner, inner, inner]);
        continue;
      }
      const pixels = columns.split(" ").map((column) => Number(/^(\d+)px$/.exec(column)?.[1]));
      const gaps = (pixels.length - 1) * (width < 1500 ? 40 : 64);
      expect(pixels.reduce((sum, column) => sum + column, gaps)).toBeLessThanOrEqual(inner);
      expect(pixels).toEqual(name === "three" ? [map, head, answers] : [map, head]);
      expect(Math.min(map, head, answers)).toBeGreaterThanOrEqual(120);
      expect(head).toBeGreaterThanOrEqual(280);
      expect(answers).toBeLessThanOrEqual(name === "deep" ? head : answers);
    }
  });

  test("maps are 20 to 148 pixels, and as large as they fit", () => {
    for (const width of WIDTHS) {
      const { side, map } = layoutOf(width, heads);
      expect(side).toBeGreaterThanOrEqual(20);
      expect(side).toBeLessThanOrEqual(148);
      if (heads <= 12 && width >= 360) expect(widthOf(heads, side)).toBeLessThanOrEqual(map);
      if (side > 20) expect(widthOf(heads, side)).toBeLessThanOrEqual(map);
      if (side < 148) expect(widthOf(heads, side + 1)).toBeGreaterThan(map);
    }
  });
});
