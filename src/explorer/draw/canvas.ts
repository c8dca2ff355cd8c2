/** A scene on a canvas: a matrix as pixels, the rest by the canvas's own commands. */
import { PALETTE, shadeOf } from "../palette.ts";
import type { MatrixShape, Scene } from "../scene.ts";

/** The colours of the page, by what they are for; the page's style sheet has them. */
export interface Ink {
  readonly plain: string;
  readonly quiet: string;
  readonly strong: string;
  readonly accent: string;
  readonly font: string;
}

/** Draws a scene anew. @param ratio pixels of the canvas for each pixel of the scene */
export function drawScene(canvas: HTMLCanvasElement, scene: Scene, ink: Ink, ratio: number): void {
  canvas.width = Math.ceil(scene.width * ratio);
  canvas.height = Math.ceil(scene.height * ratio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.imageSmoothingEnabled = false;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (const shape of scene.shapes) {
    if (shape.kind === "matrix") drawMatrix(context, shape);
    else if (shape.kind === "line") {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      context.globalAlpha = shape.opacity;
      context.lineWidth = shape.width;
      context.strokeStyle = ink.accent;
      context.beginPath();
      context.moveTo(x1, y1);
      context.bezierCurveTo((x1 + x2) / 2, y1, (x1 + x2) / 2, y2, x2, y2);
      context.stroke();
      context.globalAlpha = 1;
    } else if (shape.kind === "bar") {
      context.fillStyle = ink.accent;
      context.fillRect(shape.x, shape.y, shape.width, shape.height);
    } else {
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
}

/** A matrix: one pixel for each cell, put on the canvas at its size without smoothing. */
function drawMatrix(context: CanvasRenderingContext2D, { x, y, cell, rows, columns, values, most }: MatrixShape): void {
  const image = new ImageData(columns, rows);
  for (let i = 0; i < values.length; i++) {
    const shade = 3 * shadeOf(values[i], most);
    image.data[4 * i] = PALETTE[shade];
    image.data[4 * i + 1] = PALETTE[shade + 1];
    image.data[4 * i + 2] = PALETTE[shade + 2];
    image.data[4 * i + 3] = 255;
  }
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  small.getContext("2d")?.putImageData(image, 0, 0);
  context.drawImage(small, x, y, columns * cell, rows * cell);
}
