/** A scene on a canvas: a matrix as pixels, the rest by the canvas's own commands. */
import { PALETTES, shadeOf } from "../palette.ts";
import type { MatrixShape, Scene, Shape } from "../scene.ts";

/** The colours of the page, by what they are for; the page's style sheet has them. */
export interface Ink {
  readonly plain: string;
  readonly quiet: string;
  readonly strong: string;
  readonly accent: string;
  readonly faint: string;
  readonly font: string;
}

/** Browsers draw nothing on a canvas of more pixels a side. */
const MOST_PIXELS = 16384;

/** Draws a scene anew. @param ratio pixels of the canvas for each pixel of the scene */
export function drawScene(canvas: HTMLCanvasElement, scene: Scene, ink: Ink, ratio: number): void {
  const fits = Math.min(ratio, MOST_PIXELS / Math.max(scene.width, scene.height));
  canvas.width = Math.ceil(scene.width * fits);
  canvas.height = Math.ceil(scene.height * fits);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.imageSmoothingEnabled = false;
  context.setTransform(fits, 0, 0, fits, 0, 0);
  for (const shape of scene.shapes) drawShape(context, shape, ink);
}

function drawShape(context: CanvasRenderingContext2D, shape: Shape, ink: Ink): void {
  switch (shape.kind) {
    case "matrix":
      drawCells(context, shape, shape.strengths);
      return;
    case "ramp": {
      const strengths = Float32Array.from({ length: 256 }, (_, shade) => shade / 255);
      drawCells(context, { ...shape, rows: 1, columns: 256 }, strengths);
      return;
    }
    case "line": {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      context.globalAlpha = shape.opacity;
      context.lineWidth = shape.width;
      context.strokeStyle = ink[shape.tone];
      context.beginPath();
      context.moveTo(x1, y1);
      context.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
      context.stroke();
      context.globalAlpha = 1;
      return;
    }
    case "bar":
    case "rule":
      context.fillStyle = shape.kind === "bar" ? ink.accent : ink[shape.tone];
      context.fillRect(shape.x, shape.y, shape.width, shape.height);
      return;
    case "text":
      context.fillStyle = ink[shape.tone];
      context.font = `${shape.tone === "strong" ? "600 " : ""}14px ${ink.font}`;
      context.textAlign = shape.align;
      context.save();
      context.translate(shape.x, shape.y);
      context.rotate(((shape.turn ?? 0) * Math.PI) / 180);
      context.fillText(shape.text, 0, 0);
      context.restore();
  }
}

type Cells = Pick<MatrixShape, "x" | "y" | "rows" | "columns" | "palette"> &
  ({ readonly cell: number; readonly height?: number } | { readonly width: number; readonly height: number });

/** Cells: one pixel for each, put on the canvas at its size without smoothing. */
function drawCells(context: CanvasRenderingContext2D, cells: Cells, strengths: Float32Array): void {
  const { x, y, rows, columns, palette = "sequential" } = cells;
  const [width, height] =
    "cell" in cells ? [columns * cells.cell, rows * (cells.height ?? cells.cell)] : [cells.width, cells.height];
  const colours = PALETTES[palette];
  const image = new ImageData(columns, rows);
  for (let i = 0; i < strengths.length; i++) {
    const shade = 3 * shadeOf(strengths[i]);
    image.data[4 * i] = colours[shade];
    image.data[4 * i + 1] = colours[shade + 1];
    image.data[4 * i + 2] = colours[shade + 2];
    image.data[4 * i + 3] = 255;
  }
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.drawImage(small, x, y, width, height);
}
