import type { ExplorerResult } from "../explorerResult.ts";
import type { Residual, StreamMeasure } from "../further/residual.ts";
import type { Scene, Shape } from "../scene.ts";
import { labelOf, roomOf } from "./label.ts";
import { stateName } from "./layerLens.ts";
import { signed } from "./signed.ts";

/** What is measured, in a word or two. */
export const STREAM_NAMES: Readonly<Record<StreamMeasure, string>> = {
  norm: "length",
  before: "cosine to the layer before",
  embedding: "cosine to the embedding",
  attention: "attention's share",
  feedForward: "feed-forward's share",
};

/** What a number is, in a sentence. */
const LEGENDS: Readonly<Record<StreamMeasure, string>> = {
  norm: "A number is the length of a token's vector, its L2 norm.",
  before: "A number is the cosine of a token's vector to the one that it has a layer before.",
  embedding: "A number is the cosine of a token's vector to its embedding.",
  attention: "A number is ‖a‖ / (‖a‖ + ‖x‖): a is what attention adds to the layer's input x, before LayerNorm.",
  feedForward: "A number is ‖f‖ / (‖f‖ + ‖x‖): f is what the feed-forward network adds to x, before LayerNorm.",
};

/** Pixels of the names of layers, of a cell: the fewest, the most, the fewest beside names. */
const [NAMES, LEAST_CELL, MOST_CELL, NAMED_CELL] = [88, 3, 40, 17];
/** Names of columns rise at this angle. */
const TURN = -60;
const [COS, SIN] = [0.5, Math.sqrt(0.75)];
/** Pixels of a row of dimensions, of a column of them, of a bar's thickness; and the most columns. */
const [ROW, COLUMN, BAR, MOST_COLUMNS] = [34, 112, 4, 8];

/** The name in a reference of a measure. */
export const streamTap = (stream: StreamMeasure, isWithout: boolean): string =>
  isWithout ? `${stream} without outliers` : stream;

/** The numbers of a measure, [rows, T], and the first layer that has a row; 0 is the embeddings. */
export function streamRows(
  residual: Residual,
  stream: StreamMeasure,
  isWithout: boolean,
  T: number,
): { readonly values: Float32Array; readonly rows: number; readonly first: number } {
  const values = (isWithout ? residual.without : residual.whole)[stream];
  return { values, rows: values.length / T, first: stream === "norm" ? 0 : 1 };
}

/**
 * A measure of each layer and token as a matrix, a layer in each row.
 *
 * @param picked a token that is marked; null: none
 * @param width  pixels that there are
 */
export function streamMatrix(
  { tokens }: Pick<ExplorerResult, "tokens">,
  residual: Residual,
  { stream, without, picked }: { stream: StreamMeasure; without: boolean; picked: number | null },
  width = 800,
): Scene {
  const T = tokens.length;
  const { values, rows, first } = streamRows(residual, stream, without, T);
  const names = roomOf(tokens, 130);
  const slant = Math.ceil(names * COS);
  const cellOf = (room: number) => Math.max(LEAST_CELL, Math.min(MOST_CELL, Math.floor(room / T)));
  const isNamed = cellOf(width - NAMES - slant) >= NAMED_CELL;
  const beyond = isNamed ? slant : 12; // of the last column's name or position
  const cell = cellOf(width - NAMES - beyond);
  const row = Math.max(cell, NAMED_CELL);
  const y = isNamed ? Math.ceil(names * SIN) + 14 : 26;
  const isCosine = stream === "before" || stream === "embedding";
  const palette = isCosine ? "diverging" : "sequential";
  const most = stream === "norm" ? values.reduce((a, b) => Math.max(a, b), 0) : 1;
  const strengths = values.map((value) => (isCosine ? (value + 1) / 2 : value / most));
  const step = [4, 8, 16].find((count) => count * cell >= 36) ?? 32;
  const labels = tokens.flatMap(({ piece, isSpecial }, t): Shape[] => {
    const x = NAMES + t * cell + cell / 2;
    const tone = picked === t ? "accent" : isSpecial ? "quiet" : "plain";
    if (isNamed)
      return [{ kind: "text", x: x + 5, y: y - 8, text: labelOf(piece, names), align: "left", tone, turn: TURN }];
    return t % step === 0 ? [{ kind: "text", x, y: y - 8, text: String(t), align: "center", tone: "quiet" }] : [];
  });
  return {
    title: `Residual stream: ${STREAM_NAMES[stream]}`,
    width: NAMES + T * cell + beyond,
    height: y + rows * row + 4,
    legend: [
      LEGENDS[stream],
      isCosine ? "Blue is −1, white 0, orange 1." : `Dark is 0, bright is ${stream === "norm" ? "the largest" : "1"}.`,
      ...(isNamed ? [] : ["The numbers above are positions."]),
      outlierSentence(residual, without),
    ],
    brightest: stream === "norm" ? String(Number(most.toPrecision(3))) : "1",
    palette,
    shapes: [
      ...labels,
      ...Array.from({ length: rows }, (_, n): Shape => {
        const text = stateName(first + n);
        return { kind: "text", x: 0, y: y + (n + 0.5) * row + 5, text, align: "left", tone: "quiet" };
      }),
      {
        ...{ kind: "matrix", x: NAMES, y, cell, height: row, palette, rows, columns: T, values, strengths },
        ref: (i, j) => ({ tap: streamTap(stream, without), at: [i, j] }),
      },
    ],
  };
}

/** Which dimensions are outliers, and whether they count, in a sentence. */
function outlierSentence({ outliers }: Residual, isWithout: boolean): string {
  const what = "dimensions whose mean magnitude over the tokens is more than 5 standard deviations above that of all";
  if (outliers.length === 0) return `There are no outliers: ${what}.`;
  const named = outliers.slice(0, 12).map(({ dimension, at }) => `${dimension} (${at.map(stateName).join(", ")})`);
  const more = outliers.length > named.length ? `; ${outliers.length - named.length} more` : "";
  return `Outliers are ${what}. Here they are, each with the layers where it is one: ${named.join("; ")}${more}. ${isWithout ? "They are left out of every number here." : "They are counted in every number here."}`;
}

/**
 * The dimensions of the largest magnitude of a token's vector, by layer.
 *
 * @param isWithout whether outliers are left out, so that the bars are longer
 * @param width     pixels that there are
 */
export function largestDimensions(
  residual: Residual,
  T: number,
  token: number,
  isWithout: boolean,
  width = 800,
): Scene {
  const { taps, dimensions, values } = residual;
  const N = dimensions.length / (taps.length * T);
  const left = new Set(isWithout ? residual.outliers.map(({ dimension }) => dimension) : []);
  const count = Math.max(2, Math.min(MOST_COLUMNS, Math.floor((width - NAMES) / COLUMN)));
  const rows = taps.map((tap, n) => {
    const first = (n * T + token) * N;
    const all = Array.from({ length: N }, (_, m) => ({ dimension: dimensions[first + m], value: values[first + m] }));
    return { tap, cells: all.filter(({ dimension }) => !left.has(dimension)).slice(0, count) };
  });
  const most = rows.flatMap(({ cells }) => cells).reduce((a, { value }) => Math.max(a, Math.abs(value)), 0);
  const column = Math.min(160, Math.floor((width - NAMES) / count));
  const room = column - 14;
  return {
    ...{ title: `Largest dimensions at position ${token}`, width, height: rows.length * ROW },
    legend: [
      `The dimension, counted from 0, and its number; the longest bar is ${Number(most.toPrecision(3))} or its negative.`,
      isWithout ? "Outliers are left out." : "Outliers are shown too.",
    ],
    shapes: rows.flatMap(({ tap, cells }, n): Shape[] => [
      { kind: "text", x: 0, y: n * ROW + 18, text: stateName(n), align: "left", tone: "quiet" },
      ...cells.flatMap(({ dimension, value }, m): Shape[] => {
        const [x, y] = [NAMES + m * column, n * ROW];
        const bar = { x, y: y + 23, width: most > 0 ? (room * Math.abs(value)) / most : 0, height: BAR };
        return [
          { kind: "text", x, y: y + 18, text: String(dimension), align: "left", tone: "quiet" },
          { kind: "text", x: x + room, y: y + 18, text: signed(value, 2), align: "right", tone: "plain" },
          { kind: "rule", ...bar, width: room, tone: "faint" },
          { kind: "bar", ...bar, value, ref: { tap, at: [token, dimension] } },
        ];
      }),
    ]),
  };
}
