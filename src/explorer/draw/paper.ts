/** A scene as it leaves the page: its title above, the legend and what it was computed from below, on white paper. */
import type { Scene, Shape } from "../scene.ts";

/** Pixels around, of the title, and of a line below. */
const [MARGIN, TITLE, LINE] = [24, 34, 20];
/** Characters of a line below for each pixel of width; a letter of 14 px is about 7 wide. */
const CHARACTERS = 1 / 7;
/** A picture is at least so wide, so that what stands below it needs few lines. */
const LEAST_WIDTH = 420;

/** @param notes what stands below the legend: the texts, the model */
export function paperOf(scene: Scene, notes: readonly string[]): Scene {
  const width = Math.max(scene.width, LEAST_WIDTH);
  const top = MARGIN + TITLE;
  const { brightest, palette } = scene;
  const isSigned = palette === "diverging" || palette === "belowZero";
  const ramp = MARGIN + (isSigned ? 8 * (brightest?.length ?? 0) + 16 : 16);
  const below = top + scene.height + 16;
  const words = below + (brightest === undefined ? 0 : 34);
  const lines = [...scene.legend, ...notes].flatMap((text) => wrapped(text, Math.floor(width * CHARACTERS)));
  const quiet = { kind: "text", tone: "quiet" } as const;
  return {
    ...{ title: scene.title, legend: scene.legend },
    width: width + 2 * MARGIN,
    height: words + lines.length * LINE + MARGIN,
    shapes: [
      { kind: "text", x: MARGIN, y: MARGIN + 14, text: scene.title, align: "left", tone: "strong" },
      ...scene.shapes.map((shape) => moved(shape, MARGIN, top)),
      ...(brightest === undefined
        ? []
        : ([
            { ...quiet, x: MARGIN, y: below + 12, text: isSigned ? `−${brightest}` : "0", align: "left" },
            { kind: "ramp", x: ramp, y: below + 2, width: 128, height: 10, ...(palette && { palette }) },
            { ...quiet, x: ramp + 136, y: below + 12, text: palette === "belowZero" ? "0" : brightest, align: "left" },
          ] as const)),
      ...lines.map((text, n) => ({ ...quiet, x: MARGIN, y: words + 14 + n * LINE, text, align: "left" }) as const),
    ],
  };
}

function moved(shape: Shape, x: number, y: number): Shape {
  if (shape.kind !== "line") return { ...shape, x: shape.x + x, y: shape.y + y };
  const { from, to } = shape;
  return { ...shape, from: [from[0] + x, from[1] + y], to: [to[0] + x, to[1] + y] };
}

/** Lines of at most so many characters, broken after a space where there is one; together they are the text. */
function wrapped(text: string, most: number): string[] {
  const lines: string[] = [];
  let rest = [...text];
  while (rest.length > most) {
    const space = rest.lastIndexOf(" ", most - 1);
    const end = space > 0 ? space + 1 : most;
    lines.push(rest.slice(0, end).join(""));
    rest = rest.slice(end);
  }
  return [...lines, rest.join("")];
}
