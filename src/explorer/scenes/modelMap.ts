import type { ExplorerResult } from "../explorerResult.ts";
import type { MatrixShape, Scene, Shape, TextShape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";
import { beginOfB, TICKS } from "./head.ts";
import type { HeadPlace } from "./order.ts";
import { brightestOf, colourLegend, strengthsOf } from "./scale.ts";

/** A map of more cells a side is drawn with the largest of each block. */
const MOST_CELLS = 64;

/** Pixels of the room for the names of layers and heads, and above each map for its own name. */
const [NAMES, LABEL] = [26, 22];

/** Maps of fewer pixels a side stand closer together. */
const WIDE = 64;

/** Beside the names of maps of fewer pixels a side there is no room for the number that they are ordered by. */
export const SCORED_SIDE = 72;

/** Pixels between maps whose sides have so many. */
const gapOf = (side: number): number => (side < WIDE ? 4 : 8);

/** How wide the maps of so many heads are. */
export const widthOf = (heads: number, side: number): number => NAMES + heads * (side + gapOf(side));

/** The side of the maps of so many heads in a width: as long as fits, within these. */
export function sideIn(width: number, heads: number, least: number, most: number): number {
  const step = Math.floor((width - NAMES) / heads);
  const side = step - gapOf(WIDE) >= WIDE ? step - gapOf(WIDE) : Math.min(WIDE - 1, step - gapOf(0));
  return Math.max(least, Math.min(most, side));
}

/**
 * The places of the maps: where that of a layer and head begins; in an order that goes by what heads do, the n-th.
 *
 * @param side   pixels of a map's side
 * @param sorted whether each has its own name above it
 */
export function mapPlaces(
  result: ExplorerResult,
  side: number,
  sorted = false,
): {
  readonly at: (layer: number, head: number) => readonly [x: number, y: number];
  readonly width: number;
  readonly height: number;
} {
  const [across, down] = [side + gapOf(side), side + gapOf(side) + (sorted ? LABEL : 0)];
  const [left, top] = sorted ? [4, LABEL] : [NAMES, NAMES];
  return {
    at: (layer, head) => [left + head * across, top + layer * down],
    width: left + result.heads * across,
    height: top + result.attentions.length * down - gapOf(side) - (sorted ? LABEL : 0),
  };
}

/**
 * The whole model at a glance: for each layer (downwards) and head (to the right) the attention probabilities [T, T], a
 * query's row by row, on one scale; of a result of `weighted` the norms.
 *
 * @param side  pixels of a map's side
 * @param order the heads in the order of `headOrder`, row by row; left out: by layer and head
 * @param scale how a probability, or the largest of a block, becomes a colour
 */
export function modelMap(
  result: ExplorerResult,
  side: number,
  order: readonly HeadPlace[] = [],
  scale: ExplorerState["scale"] = "linear",
): Scene {
  const T = result.tokens.length;
  const block = Math.ceil(T / Math.min(MOST_CELLS, side)); // a cell has at least a pixel
  const cells = Math.ceil(T / block);
  const { heads, attentions, largest: full } = result;
  const sorted = order.some(({ score }) => score !== null);
  const places = mapPlaces(result, side, sorted);
  const byPlace = attentions.flatMap((_, layer) => Array.from({ length: heads }, (_, head) => ({ layer, head })));
  const names = sorted ? ownNames(order, heads, side, places.at) : axisNames(result, side, places.at);
  const maps = (sorted ? order : byPlace).map(({ layer, head }, n): MatrixShape => {
    const own = attentions[layer].subarray(head * T * T, (head + 1) * T * T);
    const [x, y] = places.at(Math.floor(n / heads), n % heads);
    const { values, largest } = pooled(own, T, block);
    return {
      ...{ kind: "matrix", x, y, cell: side / cells, rows: cells, columns: cells, values },
      strengths: strengthsOf(scale, values, cells, full),
      ref: (i, j) => {
        const place = largest[i * cells + j];
        return { tap: result.taps[layer], at: [head, Math.floor(place / T), place % T] };
      },
    };
  });
  return {
    title: `Attention of ${attentions.length} layers and ${heads} heads`,
    width: places.width,
    height: places.height,
    legend: [
      sorted ? "Each map is named by its layer and head." : "Layers from top to bottom, heads from left to right.",
      "In each map a row is a token that looks, a column one that is looked at.",
      ...colourLegend(scale, full),
      ...(result.request.pair === "" ? [] : [TICKS]),
      ...(block > 1 ? [`Each cell is the largest of ${block} × ${block} numbers.`] : []),
    ],
    brightest: brightestOf(scale, full),
    shapes: [
      ...names,
      ...maps.flatMap((map) => [
        map,
        ...beginOfB(result.tokens, (b) => [
          { x: map.x - 3, y: map.y + (b / block) * map.cell - 0.5, width: 3, height: 1 },
          { x: map.x + (b / block) * map.cell - 0.5, y: map.y - 3, width: 1, height: 3 },
        ]),
      ]),
    ],
  };
}

type Places = ReturnType<typeof mapPlaces>["at"];

/** The numbers of layers, on the left, and of heads, above. */
function axisNames({ attentions, heads }: ExplorerResult, side: number, at: Places): Shape[] {
  return [
    ...attentions.map((_, layer) => name(NAMES - 8, at(layer, 0)[1] + side / 2 + 5, String(layer + 1), "right")),
    ...Array.from({ length: heads }, (_, head) =>
      name(at(0, head)[0] + side / 2, NAMES - 8, String(head + 1), "center"),
    ),
  ];
}

/** Layer, head and score above each map; the score only where there is room for it. */
function ownNames(order: readonly HeadPlace[], heads: number, side: number, at: Places): Shape[] {
  return order.flatMap(({ layer, head, score }, n) => {
    const [x, y] = at(Math.floor(n / heads), n % heads);
    const own: Shape = { ...name(x, y - 7, `${layer + 1}·${head + 1}`, "left"), tone: "plain" };
    return side < SCORED_SIDE || score === null ? [own] : [own, name(x + side, y - 7, score.toFixed(2), "right")];
  });
}

function name(x: number, y: number, text: string, align: "left" | "right" | "center"): TextShape {
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
