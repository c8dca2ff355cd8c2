/** What `pixels.page.test.ts` calls in a page: draws a scene as the explorer does, and tells what is on the canvas. */
import { drawScene, type Ink } from "../../src/explorer/draw/canvas.ts";
import { paperOf } from "../../src/explorer/draw/paper.ts";
import { pngOf } from "../../src/explorer/draw/png.ts";
import { svgOf } from "../../src/explorer/draw/svg.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import type { ExplorerState } from "../../src/explorer/state.ts";
import { VIEWS } from "./views.ts";

/** A result as it comes by JSON. */
type Posted = Omit<ExplorerResult, "attentions"> & { readonly attentions: readonly (readonly number[])[] };

/** Colours of a page, none of them on the palette. */
const INK: Ink = {
  plain: "#ff0000",
  quiet: "#00ff00",
  strong: "#ff00ff",
  accent: "#0b63ce",
  faint: "#ffff00",
  font: "sans-serif",
};

let scene: Scene;
let ratio = 1;

/** The canvas of the page, with a view drawn on it. */
function draw(view: keyof typeof VIEWS, posted: Posted, state: ExplorerState, given: number): void {
  const attentions = posted.attentions.map((numbers) => Float32Array.from(numbers));
  [scene, ratio] = [VIEWS[view]({ ...posted, attentions }, state), given];
  const canvas = document.querySelector("canvas") ?? document.body.appendChild(document.createElement("canvas"));
  drawScene(canvas, scene, INK, ratio);
  [canvas.style.display, canvas.style.width] = ["block", `${canvas.width}px`];
}

/** The pixels of a picture: of the canvas, or of a file of it. */
async function pixelsOf(file: string | null): Promise<ImageData> {
  let source: CanvasImageSource & { width: number; height: number } = document.querySelector(
    "canvas",
  ) as HTMLCanvasElement;
  if (file !== null)
    source = await createImageBitmap(await (await fetch(file)).blob(), { colorSpaceConversion: "none" });
  const copy = new OffscreenCanvas(source.width, source.height).getContext("2d") as OffscreenCanvasRenderingContext2D;
  copy.drawImage(source, 0, 0);
  return copy.getImageData(0, 0, source.width, source.height);
}

/** A file of PNG as the page saves it, and the colours of its matrices' cells. */
async function saved(notes: readonly string[]): Promise<number[][]> {
  const url = URL.createObjectURL(await pngOf(scene, notes));
  [scene, ratio] = [paperOf(scene, notes), 2];
  return cells(url);
}

/** For each matrix the colours of its cells, 0xrrggbb; −1 of a cell that has several. */
async function cells(file: string | null): Promise<number[][]> {
  const { data, width } = await pixelsOf(file);
  const colourAt = (x: number, y: number) => {
    const at = 4 * (y * width + x);
    return data[at + 3] === 255 ? data[at] * 65_536 + data[at + 1] * 256 + data[at + 2] : -1;
  };
  const colourOf = ({ x, y, cell }: MatrixShape, i: number, j: number) => {
    const middle = [x + (j + 0.5) * cell, y + (i + 0.5) * cell].map((at) => Math.floor(at * ratio));
    const found = new Set([colourAt(middle[0], middle[1])]);
    // Whole pixels of the cell; one that an edge goes through has a part of each side
    for (let py = Math.ceil((y + i * cell) * ratio); py < Math.floor((y + (i + 1) * cell) * ratio); py++)
      for (let px = Math.ceil((x + j * cell) * ratio); px < Math.floor((x + (j + 1) * cell) * ratio); px++)
        found.add(colourAt(px, py));
    return found.size === 1 ? [...found][0] : -1;
  };
  return scene.shapes.flatMap((shape) => {
    if (shape.kind !== "matrix") return [];
    const { rows, columns } = shape;
    return [Array.from({ length: rows * columns }, (_, n) => colourOf(shape, Math.floor(n / columns), n % columns))];
  });
}

/** The red, green, blue and opacity of the pixel at the middle of the line of each number. */
async function middles(): Promise<number[][]> {
  const { data, width } = await pixelsOf(null);
  return scene.shapes.flatMap((shape) => {
    if (shape.kind !== "line") return [];
    const [x, y] = [0, 1].map((axis) => Math.floor(((shape.from[axis] + shape.to[axis]) / 2) * ratio));
    return [[...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)]];
  });
}

/** The numbers and texts of a file of SVG, as a browser reads it; throws where it is none. */
function svg(notes: readonly string[]): { numbers: (readonly [string, string, string, string])[]; texts: string[] } {
  const file = new DOMParser().parseFromString(svgOf(scene, notes), "image/svg+xml");
  const error = file.querySelector("parsererror");
  if (error) throw new Error(error.textContent ?? "");
  const numbers = [...file.querySelectorAll("[data-value]")].map((element) => {
    const of = (name: string) => element.getAttribute(name) ?? "";
    return [of("data-value"), element.localName, of("fill"), of("opacity")] as const;
  });
  return { numbers, texts: [...file.querySelectorAll("text")].map(({ textContent }) => textContent ?? "") };
}

/** The canvas as a file of PNG. */
const png = (): string => (document.querySelector("canvas") as HTMLCanvasElement).toDataURL("image/png");

// A page has no imports: the test calls these by their names
Object.assign(globalThis, { program: { draw, cells, saved, middles, svg, png } });
