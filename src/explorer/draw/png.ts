/** A scene as a picture of pixels, two for each of the page's, on white paper. */
import type { Scene } from "../scene.ts";
import { drawScene } from "./canvas.ts";
import { paperOf } from "./paper.ts";
import { PAPER_INK } from "./svg.ts";

/**
 * The file of a scene.
 *
 * @param notes what stands below the legend: the texts, the model
 */
export async function pngOf(scene: Scene, notes: readonly string[]): Promise<Blob> {
  const canvas = document.createElement("canvas");
  drawScene(canvas, paperOf(scene, notes), PAPER_INK, 2);
  const context = canvas.getContext("2d");
  if (context) {
    context.globalCompositeOperation = "destination-over"; // the paper, behind what is drawn
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#ffffff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large to draw."))),
      "image/png",
    ),
  );
}
