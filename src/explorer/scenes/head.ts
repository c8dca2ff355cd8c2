import { type ExplorerResult, probabilitiesOf } from "../result.ts";
import type { LineShape, Scene, Shape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";

/** A token as a label. */
export const labelOf = (piece: string): string => piece;

/** Lines of less than this are not drawn; what they are together is written beside the row. */
export const LEAST = 0.01;
/** Pixels of a token's row, of the room for its piece, between the two columns. */
const [ROW, NAMES, SPAN] = [24, 130, 200];

/** Whether an edge is drawn, by the segments of query and key; where there is no second text each one is. */
export function isShown(
  { request, tokens }: ExplorerResult,
  pairs: ExplorerState["pairs"],
  query: number,
  key: number,
): boolean {
  return (
    pairs === "all" || request.pair === "" || pairs === `${"ab"[tokens[query].segment]}${"ab"[tokens[key].segment]}`
  );
}

/** The opacity of a probability p in a row whose largest is `most`. */
export function opacityOf(scale: ExplorerState["scale"], p: number, most: number): number {
  return scale === "linear" ? p : scale === "root" ? Math.sqrt(p) : p / most;
}

/** What a scale is, in a sentence. */
export const SCALE_LEGENDS: Readonly<Record<ExplorerState["scale"], string>> = {
  linear: "A line is as opaque and as wide as its probability: 0 is nothing, 1 is full.",
  root: "A line is as opaque and as wide as the root of its probability, which lifts small ones.",
  row: "A line is as opaque and as wide as its share of the largest probability in its row.",
};

/** One head's attention as lines from each token that looks, on the left, to those that it looks at, on the right. */
export function headLines(result: ExplorerResult, state: ExplorerState): Scene {
  const { layer, head, scale, pairs } = state;
  const { tokens } = result;
  const T = tokens.length;
  const query = state.query !== null && state.query < T ? state.query : null;
  const rows = result.attentions[layer].subarray(head * T * T, (head + 1) * T * T);
  const middle = (t: number) => t * ROW + ROW / 2 + 8;
  const lines: LineShape[] = [];
  const shapes: Shape[] = [];
  const left = { count: 0, sum: 0 };
  for (const [i, { piece }] of tokens.entries()) {
    const row = rows.subarray(i * T, (i + 1) * T);
    const most = Math.max(...row);
    const isPicked = query === null || query === i;
    let [rest, edges] = [0, 0];
    for (const [j, p] of row.entries()) {
      if (!isPicked) continue;
      if (p < LEAST || !isShown(result, pairs, i, j)) {
        rest += p;
        edges++;
        continue;
      }
      const opacity = opacityOf(scale, p, most);
      lines.push({
        ...{ kind: "line", from: [NAMES, middle(i)], to: [NAMES + SPAN, middle(j)], value: p, opacity },
        ...{ width: 0.5 + 5.5 * opacity, ref: { tap: probabilitiesOf(layer), at: [head, i, j] } },
      });
    }
    left.count += edges;
    left.sum += rest;
    const tone = query === i ? "accent" : tokens[i].isSpecial ? "quiet" : "plain";
    shapes.push({ kind: "text", x: NAMES - 8, y: middle(i) + 4, text: labelOf(piece), align: "right", tone });
    shapes.push({
      kind: "text",
      x: NAMES + SPAN + 8,
      y: middle(i) + 4,
      text: labelOf(piece),
      align: "left",
      tone: tokens[i].isSpecial ? "quiet" : "plain",
    });
    if (query === i && edges > 0) {
      const text = `rest of the row: ${rest.toFixed(3)} in ${edges} ${edges === 1 ? "edge" : "edges"}`;
      shapes.push({ kind: "text", x: NAMES + SPAN + 8, y: T * ROW + 26, text, align: "left", tone: "quiet" });
    }
  }
  return {
    title: `Attention of layer ${layer + 1}, head ${head + 1}`,
    width: 2 * NAMES + SPAN,
    height: T * ROW + 36,
    legend: [
      "Left: the token that looks. Right: the tokens that it looks at.",
      SCALE_LEGENDS[scale],
      leftOut(left, query === null ? T : 1, T, pairs !== "all" && result.request.pair !== ""),
    ],
    shapes: [...lines, ...shapes],
  };
}

/** What is not drawn of so many rows of T lines, in a sentence. */
function leftOut({ count, sum }: { count: number; sum: number }, rows: number, T: number, isFiltered: boolean): string {
  if (count === 0) return "Every line is drawn.";
  const which = `those below ${LEAST}${isFiltered ? " and those of other pairs" : ""}`;
  return `${count} of ${rows * T} lines are not drawn, ${which}: ${((100 * sum) / rows).toFixed(2)} % of the attention.`;
}

/** One head's attention as a matrix: a row is a token that looks, a column one that is looked at. */
export function headMatrix(result: ExplorerResult, state: ExplorerState): Scene {
  const { layer, head, query } = state;
  const { tokens } = result;
  const T = tokens.length;
  const cell = Math.max(3, Math.min(24, Math.floor(560 / T)));
  const values = result.attentions[layer].subarray(head * T * T, (head + 1) * T * T);
  const named = cell >= 11;
  const room = named ? 110 : 12;
  const labels = tokens.flatMap(({ piece, isSpecial }, t): Shape[] => {
    if (!named) return [];
    const tone = query === t ? "accent" : isSpecial ? "quiet" : "plain";
    const at = room + t * cell + cell / 2;
    const text = labelOf(piece);
    return [
      { kind: "text", x: room - 8, y: at + 4, text, align: "right", tone },
      { kind: "text", x: at + 4, y: room - 8, text, align: "left", tone, turn: -60 },
    ];
  });
  return {
    title: `Attention of layer ${layer + 1}, head ${head + 1}`,
    width: room + T * cell + (named ? 60 : 12),
    height: room + T * cell + 12,
    legend: [
      "A row is a token that looks, a column one that is looked at. Dark is 0, bright is 1. Each row adds up to 1.",
    ],
    shapes: [
      {
        ...{ kind: "matrix", x: room, y: room, cell, rows: T, columns: T, values, most: 1 },
        ref: (i, j) => ({ tap: probabilitiesOf(layer), at: [head, i, j] }),
      },
      ...labels,
    ],
  };
}
