/** A scene as a picture of its own: SVG with its legend, for papers and slides. */
import { cssColour, shadeOf } from "../palette.ts";
import type { Scene, Shape } from "../scene.ts";
import type { Ink } from "./canvas.ts";
import { paperOf } from "./paper.ts";

/** The colours of a picture on white paper, by what they are for. */
export const PAPER_INK: Ink = {
  ...{ plain: "#1b1f24", quiet: "#59616a", strong: "#1b1f24", accent: "#0b5cc4", faint: "#e6e8eb" },
  font: '"Helvetica Neue", Arial, sans-serif',
};

/** Text as it may stand in SVG; for what XML 1.0 has no character (§2.2), and control characters, stands U+FFFD. */
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "\ufffd");

const round = (number: number): string => String(Math.round(number * 100) / 100);

/**
 * The file of a scene.
 *
 * @param notes what stands below the legend: the texts, the model
 */
export function svgOf(scene: Scene, notes: readonly string[]): string {
  const { width, height, shapes } = paperOf(scene, notes);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${escaped(PAPER_INK.font)}" font-size="14">
<title>${escaped(scene.title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${shapes.map(elementOf).join("\n")}
</svg>
`;
}

function elementOf(shape: Shape): string {
  switch (shape.kind) {
    case "line": {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      const middle = (x1 + x2) / 2;
      return `<path d="M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}" fill="none" stroke="${PAPER_INK[shape.tone]}" stroke-width="${round(shape.width)}" opacity="${round(shape.opacity)}" data-value="${shape.value}"/>`;
    }
    case "bar":
      return `<rect ${boxOf(shape)} fill="${PAPER_INK.accent}" data-value="${shape.value}"/>`;
    case "rule":
      return `<rect ${boxOf(shape)} fill="${PAPER_INK[shape.tone]}"/>`;
    case "ramp": {
      const step = shape.width / 64;
      const shades = Array.from({ length: 64 }, (_, n) => {
        const box = { ...shape, x: shape.x + n * step, width: step };
        return `<rect ${boxOf(box)} fill="${cssColour(Math.round((n * 255) / 63), shape.palette)}"/>`;
      });
      return `<g shape-rendering="crispEdges">${shades.join("")}</g>`;
    }
    case "text": {
      const anchor = { left: "start", right: "end", center: "middle" }[shape.align];
      const turn = shape.turn === undefined ? "" : ` transform="rotate(${shape.turn} ${shape.x} ${shape.y})"`;
      const weight = shape.tone === "strong" ? ' font-weight="600"' : "";
      return `<text x="${round(shape.x)}" y="${round(shape.y)}" text-anchor="${anchor}" fill="${PAPER_INK[shape.tone]}"${weight}${turn}>${escaped(shape.text)}</text>`;
    }
    case "matrix": {
      const { x, y, cell, height = cell, rows, columns, values, strengths, palette } = shape;
      const cells: string[] = [];
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const n = i * columns + j;
          const box = { x: x + j * cell, y: y + i * height, width: cell, height };
          const fill = cssColour(shadeOf(strengths[n]), palette);
          cells.push(`<rect ${boxOf(box)} fill="${fill}" data-value="${values[n]}"/>`);
        }
      }
      return `<g shape-rendering="crispEdges">${cells.join("")}</g>`;
    }
  }
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function boxOf({ x, y, width, height }: Box): string {
  return `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`;
}
