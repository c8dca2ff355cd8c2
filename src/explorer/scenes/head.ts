import type { ExplorerResult } from "../explorerResult.ts";
import type { LineShape, RuleShape, Scene, Shape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";
import { labelOf, roomBeside, roomOf } from "./label.ts";
import { brightestOf, colourLegend, largestOf, lineLegend, strengthOf, strengthsOf } from "./scale.ts";

/** Lines of less than this are not drawn; what they are together is written below. */
const LEAST = 0.01;
/** Of more tokens, where all rows are shown, so many lines of each row are drawn: 512 tokens have 262,144. */
const [MANY, LARGEST] = [100, 10];
/** Of the lines, pixels above the first token's row, of the room for a number, and below the last row. */
const [TOP, NUMBER, FOOT] = [8, 46, 32];
/** Pixels of a token's row, of so many tokens. */
const rowOf = (T: number): number => (T <= 40 ? 24 : 18);
/** Of the matrix, pixels of a cell: the fewest, the most, the fewest beside names; and the most tokens with names. */
const [LEAST_CELL, MOST_CELL, NAMED_CELL, MOST_NAMES] = [3, 44, 17, 32];
/** Of a matrix without names, pixels of the room for positions on the left and above. */
const [LEFT_TICKS, TOP_TICKS] = [34, 22];
/** Names of columns rise at this angle. */
const TURN = -60;
const [COS, SIN] = [0.5, Math.sqrt(0.75)];

/** What the marks at the sides of maps and matrices are, in a sentence. */
export const TICKS = "Ticks mark where text B begins.";

/** What a pair filter shows, in words. */
export const PAIR_NAMES: Readonly<Record<ExplorerState["pairs"], string>> = {
  all: "all",
  aa: "A → A",
  ab: "A → B",
  ba: "B → A",
  bb: "B → B",
};

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

/** A position that the text has; null where it has none such. */
const inText = (position: number | null, T: number): number | null =>
  position !== null && position < T ? position : null;

/**
 * One head's attention as lines from each token that looks, on the left, to those that it looks at, on the right. Of a
 * picked query its row alone, with numbers; of a picked key without a query its column.
 *
 * @param width pixels that there are
 */
export function headLines(result: ExplorerResult, state: ExplorerState, width = 460): Scene {
  const { layer, head, scale, pairs } = state;
  const { tokens, largest: full } = result;
  const T = tokens.length;
  const [query, key] = [inText(state.query, T), inText(state.key, T)];
  const { names, left, right } = sidesOf(result, width);
  const rows = result.attentions[layer].subarray(head * T * T, (head + 1) * T * T);
  const [lines, labels]: [LineShape[], Shape[]] = [[], []];
  const rest = { count: 0, sum: 0 };
  let whole = 0;
  const isWhole = query === null && key === null;
  const middleOf = (t: number) => lineOf(T, t).y + rowOf(T) / 2;
  for (const [i, { piece, isSpecial }] of tokens.entries()) {
    const row = rows.subarray(i * T, (i + 1) * T);
    const [most, least] = [largestOf(row), leastOf(row, isWhole, full)];
    for (const [j, p] of row.entries()) {
      const isPicked = query === null ? key === null || key === j : query === i;
      if (!isPicked) continue;
      whole += p;
      if (p < least || !isShown(result, pairs, i, j)) {
        rest.sum += p;
        rest.count++;
        continue;
      }
      const opacity = strengthOf(scale, p, most, full);
      lines.push({
        ...{ kind: "line", from: [left, middleOf(i)], to: [right, middleOf(j)], value: p, opacity },
        ...{ width: 0.5 + 5.5 * opacity, tone: isSpecial || tokens[j].isSpecial ? "quiet" : "accent" },
        ref: { tap: result.taps[layer], at: [head, i, j] },
      });
      const number = { kind: "text", y: middleOf(j) + 5, text: p.toFixed(3), align: "right", tone: "quiet" } as const;
      if (query === i) labels.push({ ...number, x: right + 8 + names + NUMBER });
    }
    const label = { kind: "text", y: middleOf(i) + 5, text: labelOf(piece, names) } as const;
    const tone = isSpecial ? "quiet" : "plain";
    labels.push(
      { ...label, x: names, align: "right", tone: query === i ? "accent" : tone },
      { ...label, x: right + 8, align: "left", tone: key === i ? "accent" : tone },
    );
  }
  const isFiltered = pairs !== "all" && result.request.pair !== "";
  const excluded = isFiltered ? excludedBy(result, pairs, query, key) : null;
  if (excluded !== null) {
    const text = `${excluded} in ${PAIR_NAMES[pairs]}`;
    labels.push({ kind: "text", x: (left + right) / 2, y: TOP + rowOf(T), text, align: "center", tone: "quiet" });
  }
  if (query !== null && rest.count > 0) {
    const text = `rest of the row: ${rest.sum.toFixed(3)} in ${rest.count} ${rest.count === 1 ? "line" : "lines"}`;
    const place = { x: (left + right) / 2, y: TOP + T * rowOf(T) + 22 };
    labels.push({ kind: "text", ...place, text, align: "center", tone: "quiet" });
  }
  return {
    title: `Layer ${layer + 1}, head ${head + 1}`,
    width: right + 8 + names + NUMBER,
    height: TOP + T * rowOf(T) + FOOT,
    legend: [
      "Left: the token that looks. Right: the tokens that it looks at.",
      ...lineLegend(scale, full),
      "Grey lines are those of [CLS] and [SEP].",
      ...(isFiltered ? [`Lines ${PAIR_NAMES[pairs]} alone; A is the first text, B the second.`] : []),
      leftOut(rest, full === undefined ? null : whole, query === null ? T : 1, query === null && key !== null ? 1 : T, [
        `those below ${Number(leastOf(rows.subarray(0, T), false, full).toPrecision(2))}`,
        ...(isWhole && T > MANY ? [`those that are not among the ${LARGEST} largest of their row`] : []),
        ...(isFiltered ? ["those of other pairs"] : []),
      ]),
    ],
    shapes: [
      ...beginOfB(tokens, (b) => [
        { x: 0, y: TOP + b * rowOf(T) - 0.5, width: 2 * names + right - left + 16, height: 1 },
      ]),
      ...lines,
      ...labels,
    ],
  };
}

/** Why a filter leaves nothing of what is picked, in words; null: it leaves something. */
function excludedBy(
  { tokens }: ExplorerResult,
  pairs: ExplorerState["pairs"],
  query: number | null,
  key: number | null,
): string | null {
  const sideOf = (t: number) => "ab"[tokens[t].segment];
  if (query !== null && sideOf(query) !== pairs[0]) return `${sideOf(query).toUpperCase()} has no lines`;
  if (key === null || sideOf(key) === pairs[1]) return null;
  return `${query === null ? "" : "the picked "}${sideOf(key).toUpperCase()} is not looked at`;
}

/** Where the second text begins, as rules beside numbers, never over them; none where there is no second text. */
export function beginOfB(
  tokens: ExplorerResult["tokens"],
  rulesAt: (b: number) => readonly Omit<RuleShape, "kind" | "tone">[],
): RuleShape[] {
  const b = tokens.findIndex(({ segment }) => segment === 1);
  return b < 1 ? [] : rulesAt(b).map((box) => ({ kind: "rule", ...box, tone: "quiet" }));
}

/**
 * From which probability on the lines of a row are drawn. It is no more than each token has where all have the same, so
 * that a row of many tokens has lines.
 */
function leastOf(row: Float32Array, isWhole: boolean, full = 1): number {
  const least = full * Math.min(LEAST, 1 / row.length);
  return isWhole && row.length > MANY ? Math.max(least, row.toSorted()[row.length - LARGEST]) : least;
}

/** Pixels of the names of tokens, and where lines begin and end. */
function sidesOf({ tokens }: ExplorerResult, width: number): { names: number; left: number; right: number } {
  const names = roomOf(tokens, Math.max(40, Math.floor((width - NUMBER - 100) / 2)));
  return { names, left: names + 8, right: Math.max(names + 108, width - NUMBER - names - 8) };
}

/** Where the line of a token begins, and how high it is, of T of them. */
export const lineOf = (T: number, t: number): { readonly y: number; readonly height: number } => ({
  y: TOP + t * rowOf(T),
  height: rowOf(T),
});

/** Which token's line is at a place of the lines, and whether it is the one looked at; null: none. */
export function tokenAt(
  result: ExplorerResult,
  scene: Scene,
  x: number,
  y: number,
): { readonly token: number; readonly isKey: boolean } | null {
  const token = Math.floor((y - TOP) / rowOf(result.tokens.length));
  if (token < 0 || token >= result.tokens.length) return null;
  return { token, isKey: x > (scene.width - NUMBER) / 2 };
}

/**
 * What is not drawn of so many rows and columns, in a sentence.
 *
 * @param whole what all of them add up to, where they are no probabilities
 */
function leftOut(
  { count, sum }: { count: number; sum: number },
  whole: number | null,
  rows: number,
  columns: number,
  which: readonly string[],
): string {
  if (count === 0) return "Every line is drawn.";
  const share = ((100 * sum) / (whole ?? rows)).toFixed(2);
  return `${count} of ${rows * columns} lines ${count === 1 ? "is" : "are"} not drawn, ${which.join(" and ")}: ${share} % of ${whole === null ? "the attention" : "what they add up to"}.`;
}

/**
 * One head's attention as a matrix: a row is a token that looks, a column one that is looked at.
 *
 * @param width    pixels that there are
 * @param mostCell pixels of a cell at most
 */
export function headMatrix(
  result: ExplorerResult,
  state: ExplorerState,
  width = 640,
  mostCell: number = MOST_CELL,
): Scene {
  const { layer, head, query, key, scale } = state;
  const { tokens, largest: full } = result;
  const T = tokens.length;
  const values = result.attentions[layer].subarray(head * T * T, (head + 1) * T * T);
  const names = roomOf(tokens, roomBeside(width, T));
  const left = names + 8;
  const slant = Math.ceil(names * COS);
  const cellOf = (room: number, least: number) => Math.max(least, Math.min(mostCell, Math.floor(room / T)));
  const isNamed = T <= MOST_NAMES || cellOf(width - left - slant, LEAST_CELL) >= NAMED_CELL;
  const [x, y] = isNamed ? [left, Math.ceil(names * SIN) + 14] : [LEFT_TICKS, TOP_TICKS];
  const cell = isNamed ? cellOf(width - left - slant, NAMED_CELL) : cellOf(width - LEFT_TICKS, LEAST_CELL);
  const labels = tokens.flatMap(({ piece, isSpecial }, t): Shape[] => {
    const tone = isSpecial ? "quiet" : "plain";
    const at = t * cell + cell / 2;
    const text = labelOf(piece, names);
    return [
      { kind: "text", x: x - 8, y: y + at + 5, text, align: "right", tone: query === t ? "accent" : tone },
      { kind: "text", x: x + at + 5, y: y - 8, text, align: "left", tone: key === t ? "accent" : tone, turn: TURN },
    ];
  });
  return {
    title: `Layer ${layer + 1}, head ${head + 1}`,
    width: x + T * cell + (isNamed ? slant : 0),
    height: y + T * cell + 8,
    legend: [
      `A row is a token that looks, a column one that is looked at.${full === undefined ? " Each row adds up to 1." : ""}`,
      ...colourLegend(scale, full),
      ...(result.request.pair === "" ? [] : [TICKS]),
      ...(isNamed ? [] : ["The numbers at the sides are positions."]),
    ],
    brightest: brightestOf(scale, full),
    shapes: [
      {
        ...{ kind: "matrix", x, y, cell, rows: T, columns: T, values, strengths: strengthsOf(scale, values, T, full) },
        ref: (i, j) => ({ tap: result.taps[layer], at: [head, i, j] }),
      },
      ...beginOfB(tokens, (b) => [
        { x: x - 7, y: y + b * cell - 0.5, width: 7, height: 1 },
        { x: x + b * cell - 0.5, y: y - 7, width: 1, height: 7 },
      ]),
      ...(isNamed ? labels : ticksOf(T, cell)),
    ],
  };
}

/** The positions of every 16th or, of many tokens, 32nd row and column of a matrix without names. */
function ticksOf(T: number, cell: number): Shape[] {
  const step = T <= 256 ? 16 : 32;
  return Array.from({ length: Math.ceil(T / step) }, (_, n) => n * step).flatMap((t): Shape[] => {
    const [at, text] = [(t + 0.5) * cell, String(t)];
    return [
      { kind: "text", x: LEFT_TICKS - 8, y: TOP_TICKS + at + 5, text, align: "right", tone: "quiet" },
      { kind: "rule", x: LEFT_TICKS - 5, y: TOP_TICKS + at - 0.5, width: 4, height: 1, tone: "quiet" },
      { kind: "text", x: LEFT_TICKS + at, y: TOP_TICKS - 8, text, align: "center", tone: "quiet" },
      { kind: "rule", x: LEFT_TICKS + at - 0.5, y: TOP_TICKS - 5, width: 1, height: 4, tone: "quiet" },
    ];
  });
}
