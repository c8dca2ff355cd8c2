/** What two texts, or two models, differ in, as pictures. */
import type { ComparedGap, ComparedResult, ExplorerResult } from "../explorerResult.ts";
import type { Scene, Shape } from "../scene.ts";
import type { ExplorerState } from "../state.ts";
import { headRow } from "./badges.ts";
import { headMatrix } from "./head.ts";
import { labelOf, roomBeside, roomOfNames } from "./label.ts";
import { signed } from "./signed.ts";

/** What references call numbers that are of both sides. */
export const DIVERGENCE_TAP = "divergence";
export const DIFFERENCE_TAP = "difference";

/** How many heads the list has. */
export const MOST_LISTED = 12;
/** Pixels above the list's rows, and of a bar's thickness. */
const [HEADING, BAR] = [headRow(0).y, 5];
/** Pixels of a cell: the fewest, the fewest beside names, the most. */
const [LEAST_CELL, NAMED_CELL, MOST_CELL] = [3, 17, 40];
/** Pixels of an answer's row, and of a column of numbers. */
const [ANSWER, COLUMN] = [40, 76];
/** Names of columns rise at this angle. */
const TURN = -60;
const [COS, SIN] = [0.5, Math.sqrt(0.75)];

/** A head, and how far it differs. */
export interface DifferingHead {
  readonly layer: number;
  readonly head: number;
  readonly divergence: number;
}

/** The heads that differ most, first. */
export function differingHeads({ divergences }: ComparedResult, heads: number): DifferingHead[] {
  const all = Array.from(divergences ?? [], (divergence, n) => ({
    ...{ layer: Math.floor(n / heads), head: n % heads, divergence },
  }));
  return all.sort((a, b) => b.divergence - a.divergence || a.layer - b.layer || a.head - b.head);
}

/** What a divergence is, in sentences. */
const DIVERGENCE_LEGEND = [
  "A number is the Jensen–Shannon divergence, in bits, of a head's rows above and in the other: the mean over the tokens that both have.",
  "0 is the same attention, 1 nothing in common; a token that one side alone has is looked at by it alone.",
];

/** The heads that differ most. @param width pixels that there are */
export function differingPicture(order: readonly DifferingHead[], width = 480): Scene {
  const shown = order.slice(0, MOST_LISTED);
  const most = shown[0]?.divergence ?? 0;
  return {
    title: "Heads that differ most",
    width,
    height: HEADING + shown.length * headRow(0).height,
    legend: [
      ...DIVERGENCE_LEGEND,
      `A full bar is ${Number(most.toPrecision(3))}.`,
      ...(shown.length < order.length ? [`${shown.length} of ${order.length} heads are shown; Numbers has all.`] : []),
    ],
    shapes: [
      { kind: "text", x: width, y: 14, text: "bits", align: "right", tone: "quiet" },
      ...shown.flatMap(({ layer, head, divergence }, n): Shape[] => {
        const { y } = headRow(n);
        const bar = { x: 0, y: y + 26, width: most > 0 ? (width * divergence) / most : 0, height: BAR };
        const name = `layer ${layer + 1}, head ${head + 1}`;
        return [
          { kind: "text", x: 0, y: y + 18, text: name, align: "left", tone: "plain" },
          { kind: "text", x: width, y: y + 18, text: divergence.toFixed(4), align: "right", tone: "plain" },
          { kind: "rule", ...bar, width, tone: "faint" },
          { kind: "bar", ...bar, value: divergence, ref: { tap: DIVERGENCE_TAP, at: [layer, head] } },
        ];
      }),
    ],
  };
}

/**
 * One head on both sides, in cells of the same size and on one scale of colours.
 *
 * @param width pixels that there are for each
 */
export function headsBeside(
  result: ExplorerResult,
  other: ExplorerResult,
  state: ExplorerState,
  width = 400,
): readonly [above: Scene, other: Scene] {
  const { layer, head } = within(other, state);
  const own = { ...state, query: null, key: null };
  const scenes = [headMatrix(result, own, width), headMatrix(other, { ...own, layer, head }, width)];
  const cell = Math.min(...scenes.map(cellOf));
  const [above, beside] = [
    headMatrix(result, own, width, cell),
    headMatrix(other, { ...own, layer, head }, width, cell),
  ];
  return [
    { ...above, title: `Above: layer ${state.layer + 1}, head ${state.head + 1}` },
    { ...beside, title: `Other: layer ${layer + 1}, head ${head + 1}` },
  ];
}

const cellOf = ({ shapes }: Scene): number => {
  const matrix = shapes.find((shape) => shape.kind === "matrix");
  return matrix?.kind === "matrix" ? matrix.cell : 0;
};

/** The chosen head or, in a model of fewer, its last. */
function within(
  { attentions, heads }: ExplorerResult,
  { layer, head }: ExplorerState,
): { layer: number; head: number } {
  return { layer: Math.min(layer, attentions.length - 1), head: Math.min(head, heads - 1) };
}

/** The tokens that both sides have, by their positions in each. */
export function commonTokens({ there }: ComparedResult): (readonly [here: number, there: number])[] {
  return there.flatMap((u, t) => (u === null ? [] : [[t, u] as const]));
}

/** The differences of a head's probabilities, [n, n] of the tokens that both sides have: above minus other. */
export function differencesOf(result: ExplorerResult, compared: ComparedResult, state: ExplorerState): Float32Array {
  const common = commonTokens(compared);
  const { result: other } = compared;
  const place = within(other, state);
  const [T, U] = [result.tokens.length, other.tokens.length];
  const [p, q] = [result.attentions[state.layer], other.attentions[place.layer]];
  return Float32Array.from(
    common.flatMap(([t, u]) =>
      common.map(([i, j]) => p[(state.head * T + t) * T + i] - q[(place.head * U + u) * U + j]),
    ),
  );
}

/** Where a head's attention differs. @param width pixels that there are */
export function differenceMatrix(
  result: ExplorerResult,
  compared: ComparedResult,
  state: ExplorerState,
  width = 400,
): Scene {
  const common = commonTokens(compared);
  const n = common.length;
  const values = differencesOf(result, compared, state);
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const names = common.map(([t, u]) => {
    const [here, there] = [result.tokens[t].piece, compared.result.tokens[u].piece];
    return here === there ? here : `${here} | ${there}`;
  });
  const room = roomOfNames(names, roomBeside(width, n));
  const slant = Math.ceil(room * COS);
  const cellIn = (pixels: number) => Math.max(LEAST_CELL, Math.min(MOST_CELL, Math.floor(pixels / n)));
  const isNamed = cellIn(width - room - 8 - slant) >= NAMED_CELL;
  const [x, y] = isNamed ? [room + 8, Math.ceil(room * SIN) + 14] : [4, 4];
  const cell = isNamed ? cellIn(width - x - slant) : cellIn(width - x);
  const left = result.tokens.length - n;
  const othersLeft = compared.result.tokens.length - n;
  return {
    title: "Above minus other",
    width: x + n * cell + (isNamed ? slant : 0),
    height: y + n * cell + 8,
    legend: [
      "A number is the probability above minus that in the other: orange is more above, blue more in the other.",
      "Of tokens that stand in each other's place, names are those above, then those in the other.",
      ...(left + othersLeft > 0
        ? [`Left out are tokens without a place in the other text: ${left} above, ${othersLeft} in the other.`]
        : []),
      ...(isNamed ? [] : ["There is no room for names."]),
    ],
    brightest: String(Number(most.toPrecision(3))),
    palette: "diverging",
    shapes: [
      ...(isNamed
        ? names.flatMap((name, t): Shape[] => {
            const [at, text] = [(t + 0.5) * cell, labelOf(name, room)];
            return [
              { kind: "text", x: x - 8, y: y + at + 5, text, align: "right", tone: "plain" },
              { kind: "text", x: x + at + 5, y: y - 8, text, align: "left", tone: "plain", turn: TURN },
            ];
          })
        : []),
      {
        ...{ kind: "matrix", x, y, cell, palette: "diverging", rows: n, columns: n, values },
        strengths: values.map((value) => (most > 0 ? (value / most + 1) / 2 : 0.5)),
        ref: (i, j) => ({ tap: DIFFERENCE_TAP, at: [state.layer, state.head, common[i][0], common[j][0]] }),
      },
    ],
  };
}

/** What fits on both sides, the likeliest pieces of each. @param width pixels that there are */
export function answersBeside(result: ExplorerResult, compared: ComparedResult, gap: ComparedGap, width = 520): Scene {
  const { output, row, position } = result.gaps[gap.here];
  const beside = compared.result.gaps[gap.there];
  const rightOf = (column: number) => width - (2 - column) * COLUMN;
  const text = (x: number, y: number, words: string, tone: "plain" | "quiet" | "strong"): Shape => ({
    ...{ kind: "text", x, y, text: words, align: "right", tone },
  });
  return {
    title: `What fits at position ${position}${position === beside.position ? "" : `, in the other at ${beside.position}`}`,
    width,
    height: HEADING + gap.answers.length * ANSWER,
    legend: [
      "The likeliest pieces of both sides. A full bar is a probability of 1: the upper bar is above, the lower the other's. The last column is above minus other, in percentage points.",
      gap.divergence === null
        ? "The vocabularies differ: – is a piece that the other does not have."
        : `All pieces together differ by ${gap.divergence.toFixed(4)} bits (Jensen–Shannon divergence, 0 to 1).`,
    ],
    shapes: [
      ...["above", "other", "points"].map((words, column) => text(rightOf(column), 14, words, "quiet")),
      ...gap.answers.flatMap(({ here, there }, n): Shape[] => {
        const y = HEADING + n * ANSWER;
        const bar = { x: 0, y: y + 25, width: width * here.probability, height: BAR };
        const below = { x: 0, y: y + 25 + BAR + 1, width: width * (there?.probability ?? 0), height: BAR - 1 };
        const points = there ? signed(100 * (here.probability - there.probability), 2) : "–";
        return [
          {
            kind: "text",
            x: 0,
            y: y + 18,
            text: labelOf(here.piece, width - 3 * COLUMN),
            align: "left",
            tone: "plain",
          },
          text(rightOf(0), y + 18, percent(here.probability), "plain"),
          text(rightOf(1), y + 18, there ? percent(there.probability) : "–", "plain"),
          text(rightOf(2), y + 18, /^\d/.test(points) ? `+${points}` : points, "quiet"),
          { kind: "rule", ...bar, width, tone: "faint" },
          { kind: "bar", ...bar, value: here.logit, ref: { tap: output, at: [row, here.id] } },
          ...(there ? [{ kind: "rule", ...below, tone: "quiet" } as const] : []),
        ];
      }),
    ],
  };
}

const percent = (probability: number): string => `${(100 * probability).toFixed(2)} %`;
