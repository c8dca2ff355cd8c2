import { type ExplorerResult, probabilitiesOf } from "../result.ts";
import type { MatrixShape, Scene, Shape } from "../scene.ts";

/** A map of more cells a side is drawn with the largest of each block. */
export const MOST_CELLS = 64;

/** Pixels between maps, and of the room for the names of layers and heads. */
const [GAP, NAMES] = [8, 26];

/** The places of the maps: the side of each, and where that of a layer and head begins. */
export function mapPlaces(
  result: ExplorerResult,
  side: number,
): {
  readonly at: (layer: number, head: number) => readonly [x: number, y: number];
  readonly width: number;
  readonly height: number;
} {
  const step = side + GAP;
  return {
    at: (layer, head) => [NAMES + head * step, NAMES + layer * step],
    width: NAMES + result.heads * step,
    height: NAMES + result.attentions.length * step,
  };
}

/**
 * The whole model at a glance: for each layer (downwards) and head (to the right) the attention probabilities [T, T], a
 * query's row by row, on one scale.
 *
 * @param side about how many pixels a map has
 */
export function modelMap(result: ExplorerResult, side: number): Scene {
  const T = result.tokens.length;
  const block = Math.ceil(T / MOST_CELLS);
  const cells = Math.ceil(T / block);
  const cell = Math.max(1, Math.floor(side / cells));
  const places = mapPlaces(result, cell * cells);
  const names: Shape[] = [
    ...result.attentions.map(
      (_, layer): Shape => name(NAMES - 6, places.at(layer, 0)[1] + (cell * cells) / 2 + 4, String(layer + 1), "right"),
    ),
    ...Array.from(
      { length: result.heads },
      (_, head): Shape => name(places.at(0, head)[0] + (cell * cells) / 2, NAMES - 8, String(head + 1), "center"),
    ),
  ];
  const maps = result.attentions.flatMap((probabilities, layer) =>
    Array.from({ length: result.heads }, (_, head): MatrixShape => {
      const own = probabilities.subarray(head * T * T, (head + 1) * T * T);
      const [x, y] = places.at(layer, head);
      const { values, largest } = pooled(own, T, block);
      return {
        ...{ kind: "matrix", x, y, cell, rows: cells, columns: cells, values, most: 1 },
        ref: (i, j) => {
          const place = largest[i * cells + j];
          return { tap: probabilitiesOf(layer), at: [head, Math.floor(place / T), place % T] };
        },
      };
    }),
  );
  return {
    title: `Attention of ${result.attentions.length} layers and ${result.heads} heads`,
    width: places.width,
    height: places.height,
    legend: [
      "Layers from top to bottom, heads from left to right. In each map a row is a token that looks, a column one that is looked at.",
      "Dark is 0, bright is 1.",
      ...(block > 1 ? [`Each cell is the largest of ${block} × ${block} numbers.`] : []),
    ],
    shapes: [...names, ...maps],
  };
}

function name(x: number, y: number, text: string, align: "right" | "center"): Shape {
  return { kind: "text", x, y, text, align, tone: "quiet" };
}

/** The largest number of each block of a matrix [T, T], and its place. */
function pooled(matrix: Float32Array, T: number, block: number): { values: Float32Array; largest: Int32Array } {
  const cells = Math.ceil(T / block);
  const values = new Float32Array(cells * cells).fill(-1);
  const largest = new Int32Array(cells * cells);
  for (let i = 0; i < T; i++) {
    for (let j = 0; j < T; j++) {
      const at = Math.floor(i / block) * cells + Math.floor(j / block);
      if (matrix[i * T + j] <= values[at]) continue;
      values[at] = matrix[i * T + j];
      largest[at] = i * T + j;
    }
  }
  return { values, largest };
}
