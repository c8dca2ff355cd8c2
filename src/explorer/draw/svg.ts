/** A scene as a picture of its own: SVG with its legend, for papers and slides. */
import { cssColour, shadeOf } from "../palette.ts";
import type { Scene, Shape } from "../scene.ts";

/** Text as it may stand in SVG; for what XML 1.0 has no character (§2.2), and control characters, stands U+FFFD. */
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, "\ufffd");

const round = (number: number): string => String(Math.round(number * 100) / 100);

/** The colours of a picture on white paper, by what they are for. */
const INK = {
  plain: "#1f2328",
  quiet: "#656d76",
  strong: "#1f2328",
  accent: "#0b63ce",
  line: "#0b63ce",
  bar: "#0b63ce",
};

/**
 * The file of a scene.
 *
 * @param notes what stands below the legend: the texts, the model
 */
export function svgOf(scene: Scene, notes: readonly string[]): string {
  const captions = [...scene.legend, ...notes];
  const [width, height] = [Math.max(scene.width, 360), scene.height + 30 + captions.length * 18];
  const lines = captions.map(
    (caption, n) =>
      `<text x="8" y="${scene.height + 44 + 18 * n - 20}" fill="${INK.quiet}" font-size="12">${escaped(caption)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="14">
<title>${escaped(scene.title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${scene.shapes.map(shapeOf).join("\n")}
${lines.join("\n")}
</svg>
`;
}

function shapeOf(shape: Shape): string {
  switch (shape.kind) {
    case "line": {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to];
      return `<path d="M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}" fill="none" stroke="${INK.line}" stroke-width="${round(shape.width)}" opacity="${round(shape.opacity)}" data-value="${shape.value}"/>`;
    }
    case "bar":
      return `<rect x="${shape.x}" y="${shape.y}" width="${round(shape.width)}" height="${shape.height}" rx="2" fill="${INK.bar}" data-value="${shape.value}"/>`;
    case "text": {
      const anchor = { left: "start", right: "end", center: "middle" }[shape.align];
      const turn = shape.turn === undefined ? "" : ` transform="rotate(${shape.turn} ${shape.x} ${shape.y})"`;
      const weight = shape.tone === "strong" ? ' font-weight="600"' : "";
      return `<text x="${round(shape.x)}" y="${round(shape.y)}" text-anchor="${anchor}" fill="${INK[shape.tone]}"${weight}${turn}>${escaped(shape.text)}</text>`;
    }
    case "matrix": {
      const cells: string[] = [];
      for (let i = 0; i < shape.rows; i++) {
        for (let j = 0; j < shape.columns; j++) {
          const value = shape.values[i * shape.columns + j];
          cells.push(
            `<rect x="${shape.x + j * shape.cell}" y="${shape.y + i * shape.cell}" width="${shape.cell}" height="${shape.cell}" fill="${cssColour(shadeOf(value, shape.most))}" data-value="${value}"/>`,
          );
        }
      }
      return `<g shape-rendering="crispEdges">${cells.join("")}</g>`;
    }
  }
}
