import { join } from "node:path";
import type { Browser, Page } from "puppeteer-core";
import { build } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { cssColour, PALETTE, shadeOf } from "../../src/explorer/palette.ts";
import { type MatrixShape, numbersOf, type Scene } from "../../src/explorer/scene.ts";
import { headMatrix } from "../../src/explorer/scenes/head.ts";
import { type ExplorerState, SCALES } from "../../src/explorer/state.ts";
import { launch } from "../browser/browsers.ts";
import { HOSTILE } from "./hostile.ts";
import { explored, small, stateOf } from "./models.ts";
import { VIEWS } from "./views.ts";

/** The colours on a canvas, in a picture of the page and in files are those of the scene's numbers. */
const model = await small();
const SHORT = explored(model, "She opened the [MASK] and looked out.", { pair: "It was locked." });
const LONG = explored(model, "The ship came into the harbour and the door was shut. ".repeat(8));

let browser: Browser;
let page: Page;
beforeAll(async () => {
  browser = await launch("chromium", ["--force-color-profile=srgb"]);
  page = await browser.newPage();
  const [{ code }] = (
    await build({
      ...{ input: join(import.meta.dirname, "drawProgram.ts"), write: false, platform: "browser", tsconfig: false },
      output: { format: "iife", name: "drawing" },
    })
  ).output;
  await page.setContent('<!doctype html><meta charset="utf-8"><style>body { margin: 0 }</style>');
  await page.addScriptTag({ content: code });
});
afterAll(() => browser?.close());

async function call<T>(name: string, ...given: readonly unknown[]): Promise<T> {
  return (await page.evaluate(`program.${name}(...${JSON.stringify(given)})`)) as T;
}

/** Draws a view in the page, and gives the scene that it must be. */
async function drawn(
  view: keyof typeof VIEWS,
  result: ExplorerResult,
  state: ExplorerState,
  ratio: number,
): Promise<Scene> {
  const attentions = result.attentions.map((numbers) => [...numbers]);
  await call("draw", view, { ...result, attentions }, state, ratio);
  return VIEWS[view](result, state);
}

const matricesOf = ({ shapes }: Scene): MatrixShape[] => shapes.filter((shape) => shape.kind === "matrix");

/** The colours that the cells of each matrix must have, 0xrrggbb. */
function coloursOf(scene: Scene): number[][] {
  return matricesOf(scene).map(({ strengths }) =>
    Array.from(strengths, (strength) => {
      const [red, green, blue] = PALETTE.subarray(3 * shadeOf(strength));
      return red * 65_536 + green * 256 + blue;
    }),
  );
}

/** The cells whose colour is another than that of their number. */
function wrongCells(got: number[][], want: number[][]): string[] {
  expect(got.map(({ length }) => length)).toEqual(want.map(({ length }) => length));
  return want.flatMap((colours, n) =>
    colours.flatMap((colour, c) =>
      got[n][c] === colour ? [] : [`matrix ${n}, cell ${c}: ${got[n][c]}, not ${colour}`],
    ),
  );
}

describe.each([1, 1.25, 1.5, 2, 3])("at %d pixels for each of the page", (ratio) => {
  test.each([
    ["map", "short", "linear", SHORT],
    ["map", "long, of the largest of blocks", "row", LONG],
    ["sorted", "short", "root", SHORT],
    ["matrix", "short", "row", SHORT],
    ["matrix", "long", "linear", LONG],
  ] as const)(
    "%s, %s, %s: each cell has its number's colour, also in a file of PNG",
    async (view, _, scale, result) => {
      const scene = await drawn(view, result, stateOf({ layer: 2, head: 1, sort: "previous", scale }), ratio);
      const want = coloursOf(scene);
      expect(new Set(want.flat()).size).toBeGreaterThan(20);
      expect(wrongCells(await call("cells", null), want)).toEqual([]);
      expect(wrongCells(await call("cells", await call("png")), want)).toEqual([]);
    },
  );
});

test("what the browser shows of a map has these colours too", async () => {
  const scene = await drawn("map", SHORT, stateOf(), 1);
  const shot = await (await page.$("canvas"))?.screenshot({ encoding: "base64" });
  expect(wrongCells(await call("cells", `data:image/png;base64,${shot}`), coloursOf(scene))).toEqual([]);
});

test.each([
  ["map", SHORT],
  ["map", LONG],
  ["sorted", SHORT],
  ["matrix", SHORT],
] as const)("the file of PNG that the page saves of the %s has these colours too", async (view, result) => {
  const scene = await drawn(view, result, stateOf({ layer: 3, head: 2, sort: "sharp" }), 1);
  expect(wrongCells(await call("saved", ["She opened it.", "the model"]), coloursOf(scene))).toEqual([]);
});

test("a map of another head does not pass", async () => {
  await drawn("matrix", SHORT, stateOf({ layer: 2, head: 1 }), 1);
  const other = headMatrix(SHORT, stateOf({ layer: 2, head: 2 }));
  expect(wrongCells(await call("cells", null), coloursOf(other)).length).toBeGreaterThan(20);
});

test.each(SCALES.flatMap((scale) => [[scale, "accent", 1] as const, [scale, "quiet, as of [CLS]", 0] as const]))(
  "a line alone is as opaque as it says, %s, and %s",
  async (scale, tone, first) => {
    const T = 2;
    const values = [0.0078125, 0.9921875, 0.75, 0.25]; // a line of each is alone where the other key has less than 0.01
    const tokens = SHORT.tokens.slice(first, first + T);
    const result = { ...SHORT, tokens, attentions: [Float32Array.from(values)], heads: 1 };
    for (const query of [0, 1]) {
      const made = query === 0 ? result : { ...result, attentions: [Float32Array.from([0, 1, 0.25, 0.0078125])] };
      const scene = await drawn("lines", made, stateOf({ scale, query }), 2);
      const [line, ...more] = scene.shapes.filter((shape) => shape.kind === "line");
      expect(more).toEqual([]);
      const [[red, green, blue, alpha]] = await call<number[][]>("middles");
      expect(Math.abs(alpha - 255 * line.opacity)).toBeLessThanOrEqual(1);
      // The canvas holds colours multiplied by their opacity, in whole numbers.
      const wanted = tone === "accent" ? [0x0b, 0x63, 0xce] : [0, 255, 0];
      for (const [n, want] of wanted.entries()) {
        const got = [red, green, blue][n];
        expect(Math.abs(got - want)).toBeLessThanOrEqual(Math.ceil(255 / alpha));
      }
    }
  },
);

describe("a file of SVG", () => {
  test.each([
    ["map", "linear", SHORT],
    ["map", "root", LONG],
    ["matrix", "row", SHORT],
    ["lines", "linear", SHORT],
  ] as const)("of the %s, %s, has each number of the scene, in order, to the last bit", async (view, scale, result) => {
    const scene = await drawn(view, result, stateOf({ layer: 1, head: 3, scale }), 1);
    const { numbers, texts } = await call<{ numbers: string[][]; texts: string[] }>("svg", ["a note", "the model"]);
    const want = [...numbersOf(scene)].map(({ value }) => value);
    expect(numbers.map(([value]) => Number(value))).toEqual(want);
    const lines = scene.shapes.filter((shape) => shape.kind === "line");
    const strengths = matricesOf(scene).flatMap((matrix) => [...matrix.strengths]);
    for (const [n, [, element, fill, opacity]] of numbers.entries()) {
      if (element === "rect") expect(fill).toBe(cssColour(shadeOf(strengths[n])));
      else expect(Math.abs(Number(opacity) - lines[n].opacity)).toBeLessThanOrEqual(0.005);
    }
    const words = scene.shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
    const ends = view === "lines" ? [] : ["0", scale === "row" ? "the row's largest" : "1"];
    expect(texts.slice(0, 1 + words.length + ends.length)).toEqual([scene.title, ...words, ...ends]);
    const below = [...scene.legend, "a note", "the model"];
    expect(texts.slice(1 + words.length + ends.length).join("")).toBe(below.join(""));
  });

  test.each(Object.entries(HOSTILE))("of a text that is %s is one, with the text as it is", async (_, text) => {
    const result = explored(model, text.slice(0, 60), { pair: text.slice(0, 20) });
    const scene = await drawn("lines", result, stateOf(), 1);
    const { texts } = await call<{ texts: string[] }>("svg", [text]);
    const words = scene.shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
    const readable = (given: string) => given.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "\ufffd");
    expect(texts.slice(0, words.length + 1)).toEqual([scene.title, ...words].map(readable));
    expect(texts.slice(words.length + 1).join("")).toBe([...scene.legend, text].map(readable).join(""));
  });
});
