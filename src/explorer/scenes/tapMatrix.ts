/** The numbers of a tap as a strip of colours: a row for each token, a column for each number of its vector. */
import type { ExplorerToken } from "../explorerResult.ts";
import type { MatrixShape, Scene, Shape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";
import type { TapNumbers } from "../steps/tapAnswers.ts";
import { labelOf, roomOf } from "./label.ts";
import { strengthOf } from "./scale.ts";

/** Pixels of a cell's width: the fewest and the most; of its height with a name beside it, and without. */
const [LEAST_CELL, MOST_CELL, NAMED_HEIGHT, HEIGHT] = [3, 18, 18, 6];
/** So many rows have names beside them; so many are shown at once, named or not. */
const [MOST_NAMED, MOST_ROWS] = [32, 96];
/** Pixels of the positions at the side, and above the strip. */
const [SIDE, TOP] = [44, 22];

/** What of a tap is shown. */
export interface TapWindow {
  readonly title: string;
  readonly numbers: TapNumbers;
  readonly tokens: readonly Pick<ExplorerToken, "piece">[];
  /** Of attention probabilities the head; null for other taps. */
  readonly head: number | null;
  /** A number that is among those that are shown; null: the first ones are. */
  readonly place: ExplorerState["place"];
  readonly scale: ExplorerState["scale"];
}

/** How many rows and columns a tap has: of attention probabilities those of one head. */
export function sizeOfTap({ shape }: Pick<TapNumbers, "shape">): readonly [rows: number, columns: number] {
  return [shape.at(-2) as number, shape.at(-1) as number];
}

/** A strip of a tap. @param width pixels that there are */
export function tapMatrix({ title, numbers, tokens, head, place, scale }: TapWindow, width: number): Scene {
  const { tap, data, min, max, positions } = numbers;
  const [allRows, allColumns] = sizeOfTap(numbers);
  const isNamed = allRows <= MOST_NAMED;
  const names = isNamed ? roomOf(positions.map((t) => tokens[t] as ExplorerToken), Math.min(130, Math.floor(width / 4))) : SIDE; // biome-ignore format: one line
  const room = Math.floor(width) - names - 8;
  const fitting = Math.max(1, Math.floor(room / LEAST_CELL));
  const columns = allColumns <= fitting ? allColumns : Math.max(1, fitting - (fitting % 16));
  const rows = Math.min(allRows, isNamed ? MOST_NAMED : MOST_ROWS);
  const [top, left] = [startOf(place?.[0] ?? 0, rows, allRows), startOf(place?.[1] ?? 0, columns, allColumns)];
  const cell = Math.min(MOST_CELL, Math.max(LEAST_CELL, Math.floor(room / columns)));
  const height = isNamed ? NAMED_HEIGHT : HEIGHT;

  const isSigned = min < 0;
  const most = Math.max(Math.abs(min), Math.abs(max));
  const offset = (head ?? 0) * allRows * allColumns;
  const values = new Float32Array(rows * columns);
  const strengths = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const row = offset + (top + i) * allColumns;
    const ofRow = data.subarray(row, row + allColumns).reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
    for (let j = 0; j < columns; j++) {
      const value = data[row + left + j];
      const share = most > 0 ? Math.abs(value) / most : 0;
      const strength = scale === "row" ? strengthOf("row", Math.abs(value), ofRow) : strengthOf(scale, share, 1);
      values[i * columns + j] = value;
      strengths[i * columns + j] = isSigned ? 0.5 + Math.sign(value) * (strength / 2) : strength;
    }
  }
  const [x, y] = [names + 8, TOP];
  const matrix: MatrixShape = {
    ...{ kind: "matrix", x, y, cell, height, rows, columns, values, strengths },
    palette: isSigned ? "diverging" : "sequential",
    ref: (i, j) => ({ tap, at: [...(head === null ? [] : [head]), top + i, left + j] }),
  };
  return {
    title,
    width: x + columns * cell + 8,
    height: y + rows * height + 8,
    legend: [
      head === null
        ? "A row is a token, a column a number of it."
        : "A row is a token that looks, a column one that is looked at. Each row adds up to 1.",
      legendOf(isSigned, scale),
      ...leftOut("rows", top, rows, allRows),
      ...leftOut("columns", left, columns, allColumns),
    ],
    brightest: scale === "row" ? "the row's largest" : digits(most),
    palette: isSigned ? "diverging" : "sequential",
    shapes: [
      matrix,
      ...rowLabels(matrix, positions.slice(top, top + rows), isNamed ? tokens : null, names),
      ...columnLabels(matrix, left),
    ],
  };
}

/** Where the window of a number begins: windows stand side by side, the last one ends at the end. */
const startOf = (at: number, size: number, all: number): number =>
  Math.max(0, Math.min(Math.floor(at / size) * size, all - size));

/** A number with six digits. */
export const digits = (x: number): string => String(Number(x.toPrecision(6))).replaceAll("-", "−");

function legendOf(isSigned: boolean, scale: ExplorerState["scale"]): string {
  const colours = isSigned ? "Blue is negative, white 0, orange positive" : "Dark is 0";
  return {
    linear: `${colours}; colours go by the number.`,
    root: `${colours}; colours go by the square root of the number without its sign, which lifts small ones.`,
    row: `${colours}; colours go by the share of the largest of the row, without its sign.`,
  }[scale];
}

function leftOut(what: string, from: number, count: number, all: number): string[] {
  return count === all ? [] : [`Shown are ${what} ${from} to ${from + count - 1} of ${all}.`];
}

function rowLabels(
  { y, height = 0 }: MatrixShape,
  positions: readonly number[],
  tokens: TapWindow["tokens"] | null,
  width: number,
): Shape[] {
  return positions.flatMap((t, i): Shape[] => {
    if (tokens === null && i % 16 !== 0) return [];
    const text = tokens === null ? String(t) : labelOf(tokens[t].piece, width);
    return [{ kind: "text", x: width, y: y + (i + 0.5) * height + 5, text, align: "right", tone: "quiet" }];
  });
}

function columnLabels({ x, y, cell, columns }: MatrixShape, left: number): Shape[] {
  const step = cell * 8 >= 40 ? 8 : 16;
  return Array.from({ length: Math.ceil(columns / step) }, (_, n) => n * step).flatMap((j): Shape[] => [
    { kind: "text", x: x + (j + 0.5) * cell, y: y - 7, text: String(left + j), align: "center", tone: "quiet" },
    { kind: "rule", x: x + (j + 0.5) * cell - 0.5, y: y - 4, width: 1, height: 3, tone: "quiet" },
  ]);
}
