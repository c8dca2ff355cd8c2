/** The pictures of the page: each scene is made once for what it shows, and drawn once. */
import { html, type TemplateResult } from "lit-html";
import { drawScene, type Ink } from "../draw/canvas.ts";
import type { MatrixShape, Scene } from "../scene.ts";

/** Scenes by the id of their canvas. */
export class Pictures {
  private readonly made = new Map<string, { readonly of: readonly unknown[]; readonly scene: Scene }>();
  private readonly drawn = new WeakMap<HTMLCanvasElement, string>();
  private readonly numbers = new WeakMap<Scene, number>();
  private last = 0;

  /** A scene; the same one as before where it is made of the same. */
  scene(id: string, of: readonly unknown[], make: () => Scene): Scene {
    const before = this.made.get(id);
    if (before && before.of.length === of.length && before.of.every((part, n) => part === of[n])) return before.scene;
    const scene = make();
    this.made.set(id, { of, scene });
    this.numbers.set(scene, ++this.last);
    return scene;
  }

  /** Draws what is on the page and has changed. */
  draw(): void {
    const [ink, ratio] = [inkOfPage(), devicePixelRatio];
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>("canvas[id]")) {
      const scene = this.made.get(canvas.id)?.scene;
      if (!scene) continue;
      const now = JSON.stringify([this.numbers.get(scene), ink, ratio]);
      if (this.drawn.get(canvas) === now) continue;
      this.drawn.set(canvas, now);
      drawScene(canvas, scene, ink, ratio);
      [canvas.style.width, canvas.style.height] = [`${scene.width}px`, `${scene.height}px`];
    }
  }
}

/** The colours and the font of the style sheet. */
function inkOfPage(): Ink {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name: string) => styles.getPropertyValue(name).trim();
  return {
    ...{ plain: colour("--ink"), strong: colour("--ink"), quiet: colour("--quiet"), accent: colour("--accent") },
    faint: colour("--faint"),
    font: styles.fontFamily,
  };
}

/** The canvas of a scene. @param label what a screen reader says it is; left out: it is hidden from it */
export function canvasOf(id: string, label?: string): TemplateResult {
  return label === undefined
    ? html`<canvas id=${id} aria-hidden="true"></canvas>`
    : html`<canvas id=${id} role="img" aria-label=${label}></canvas>`;
}

/** What stands below a picture. */
export function captionOf({ legend, brightest, palette = "sequential" }: Scene): TemplateResult {
  const [least, most, colours] = {
    sequential: ["0", brightest, `0, dark, to ${brightest}, bright`],
    diverging: [`−${brightest}`, brightest, `−${brightest}, blue, over 0, white, to ${brightest}, orange`],
    belowZero: [`−${brightest}`, "0", `−${brightest}, blue, to 0, white`],
  }[palette];
  return html`<figcaption>
    ${brightest === undefined ? "" : html`<span class="ramp ${palette}" role="img" aria-label="Colours from ${colours}"><span>${least}</span><i></i><span>${most}</span></span>`}
    ${legend.join(" ")}
  </figcaption>`;
}

/** Where a pointer is on the canvas of a scene. @param around what has the canvas */
export function placeOn(event: MouseEvent, around: EventTarget | null, scene: Scene): readonly [x: number, y: number] {
  const box = (around as HTMLElement | null)?.querySelector("canvas")?.getBoundingClientRect();
  return box
    ? [((event.clientX - box.left) * scene.width) / box.width, ((event.clientY - box.top) * scene.width) / box.width]
    : [-1, -1];
}

/** The cell of a matrix at a place of its scene; null: none. */
export function cellAt(
  { x, y, cell, height = cell, rows, columns }: MatrixShape,
  [px, py]: readonly [x: number, y: number],
): readonly [i: number, j: number] | null {
  const [i, j] = [Math.floor((py - y) / height), Math.floor((px - x) / cell)];
  return i < 0 || j < 0 || i >= rows || j >= columns ? null : [i, j];
}
