import type { Similarity } from "../further/similarity.ts";
import type { Scene, Shape } from "../scene.ts";
import { labelOf, roomOfNames } from "./label.ts";
import { signed } from "./signed.ts";

/** What a reference calls the pairs. */
const PAIRS_TAP = "cosine";

/** What the biases' row and column are called. */
const BIAS = "bias";

/** Pixels of a cell: the fewest, the fewest beside names, the most; of a sum beside a row; and of a slanted name. */
const [LEAST_CELL, NAMED_CELL, MOST_CELL, SUM] = [3, 20, 44, 64];
/** Names of columns rise at this angle. */
const TURN = -60;
const [COS, SIN] = [0.5, Math.sqrt(0.75)];
/** How many of the strongest pairs are listed, and pixels of one. */
const [LISTED, ROW] = [12, 26];

/** The names of the rows and of the columns. */
export function namesOf({ texts, hasBias }: Similarity): [rows: string[], columns: string[]] {
  const [rows, columns] = texts.map(({ pieces }) => [...pieces, ...(hasBias ? [BIAS] : [])]);
  return [rows, columns];
}

/** What each row gives in all, and each column. */
export function sumsOf(similarity: Similarity): [rows: Float64Array, columns: Float64Array] {
  const [{ length: n }, { length: m }] = namesOf(similarity);
  const [rows, columns] = [new Float64Array(n), new Float64Array(m)];
  for (const [at, value] of similarity.pairs.entries()) {
    rows[Math.floor(at / m)] += value;
    columns[at % m] += value;
  }
  return [rows, columns];
}

/** What is told of every picture. */
function legendOf(similarity: Similarity): string[] {
  const { texts, hasBias, pairs, cosine, recipe, isListed } = similarity;
  const sum = pairs.reduce((total, value) => total + value, 0);
  const cut = texts.flatMap(({ pieces, whole }, n) =>
    whole > pieces.length ? [`Text ${"AB"[n]} is cut after ${pieces.length} of ${whole} tokens.`] : [],
  );
  return [
    `All numbers together are ${signed(sum, 6)}; the cosine of the two vectors is ${signed(cosine, 6)}.`,
    `A text's vector is made of its tokens' vectors by: ${recipe.join(", ")}.${isListed ? "" : " The model's folder does not say how, so the mean is taken; the model was not trained to compare texts."}`,
    ...(hasBias ? ["“bias” is the Dense's own bias, which is in each vector whatever the text."] : []),
    "A token's vector is the last layer's: it carries the words around it. So a number says which vectors are alike, not what a word would do alone.",
    ...cut,
  ];
}

/** Pixels that a matrix needs for its columns to have names. */
export function widthNamed(similarity: Similarity): number {
  const [{ left, slant }, m] = [roomBeside(similarity), namesOf(similarity)[1].length];
  return left + m * NAMED_CELL + slant;
}

/** Pixels at the left, for the names of rows; above, for those of columns; and at the right, for sums and slant. */
function roomBeside(similarity: Similarity): { readonly left: number; readonly above: number; readonly slant: number } {
  const [rows, above] = namesOf(similarity).map((names) => roomOfNames(names, 110));
  return { left: rows + 8, above, slant: Math.max(SUM, Math.ceil(above * COS)) };
}

/**
 * What each token of the one text gives to the cosine with each of the other.
 *
 * @param width pixels that there are
 */
export function similarityMatrix(similarity: Similarity, width = 800): Scene {
  const [rowNames, columnNames] = namesOf(similarity);
  const [n, m] = [rowNames.length, columnNames.length];
  const values = Float32Array.from(similarity.pairs);
  const most = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const { left, above, slant } = roomBeside(similarity);
  const cell = Math.max(LEAST_CELL, Math.min(MOST_CELL, Math.floor((width - left - slant) / m)));
  const isNamed = cell >= NAMED_CELL;
  const height = Math.max(NAMED_CELL, cell);
  const y = isNamed ? Math.ceil(above * SIN) + 14 : 26;
  const [rowSums, columnSums] = sumsOf(similarity);
  const step = [4, 8, 16].find((count) => count * cell >= 36) ?? 32;
  const [right, bottom] = [left + m * cell, y + n * height];
  const isSummed = cell >= 36; // so that a sum fits below its column
  return {
    title: `What makes the texts alike: cosine ${signed(similarity.cosine, 4)}`,
    width: right + slant,
    height: bottom + (isSummed ? 28 : 6),
    legend: [
      "A row is a token of text A, a column one of text B; a number is what the two give to the cosine.",
      "Blue takes from it, white is 0, orange adds.",
      `At the right stand the sums of the rows${isSummed ? ", below those of the columns" : ""}.`,
      ...(isNamed ? [] : ["The numbers above are positions."]),
      ...legendOf(similarity),
    ],
    brightest: String(Number(most.toPrecision(3))),
    palette: "diverging",
    shapes: [
      ...rowNames.map((name, i): Shape => {
        const text = labelOf(name, left - 8);
        return { kind: "text", x: 0, y: y + (i + 0.5) * height + 5, text, align: "left", tone: toneOf(name) };
      }),
      ...columnNames.flatMap((name, j): Shape[] => {
        const x = left + j * cell + cell / 2;
        if (isNamed) {
          const text = labelOf(name, above);
          return [{ kind: "text", x: x + 5, y: y - 8, text, align: "left", tone: toneOf(name), turn: TURN }];
        }
        return j % step === 0 ? [{ kind: "text", x, y: y - 8, text: String(j), align: "center", tone: "quiet" }] : [];
      }),
      {
        ...{ kind: "matrix", x: left, y, cell, height, palette: "diverging", rows: n, columns: m, values },
        strengths: values.map((value) => (most > 0 ? (value / most + 1) / 2 : 0.5)),
        ref: (i, j) => ({ tap: PAIRS_TAP, at: [i, j] }),
      },
      ...Array.from(rowSums, (sum, i): Shape => {
        const at = { x: right + SUM, y: y + (i + 0.5) * height + 5 };
        return { kind: "text", ...at, text: signed(sum, 3), align: "right", tone: "plain" };
      }),
      ...(isSummed
        ? Array.from(columnSums, (sum, j): Shape => {
            const at = { x: left + (j + 0.5) * cell, y: bottom + 18 };
            return { kind: "text", ...at, text: short(sum), align: "center", tone: "plain" };
          })
        : []),
    ],
  };
}

const toneOf = (name: string): "quiet" | "plain" => (/^\[.*\]$|^bias$/.test(name) ? "quiet" : "plain");

/** A number in few characters, as below a column. */
const short = (number: number): string => signed(number, 2).replace(/^(−?)0\./, "$1.");

/** A pair of tokens, and what it gives. */
interface RankedPair {
  readonly row: number;
  readonly column: number;
  readonly value: number;
}

/** All pairs, the strongest first. */
export function rankedPairs(similarity: Similarity): RankedPair[] {
  const m = namesOf(similarity)[1].length;
  const all = Array.from(similarity.pairs, (value, at) => ({ row: Math.floor(at / m), column: at % m, value }));
  return all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value) || a.row - b.row || a.column - b.column);
}

/**
 * The pairs that give most to the cosine, or take most from it.
 *
 * @param width pixels that there are
 */
export function strongestPairs(similarity: Similarity, width = 800): Scene {
  const [rows, columns] = namesOf(similarity);
  const all = rankedPairs(similarity);
  const shown = all.slice(0, LISTED);
  const rest = all.slice(LISTED).reduce((total, { value }) => total + value, 0);
  const most = shown.reduce((a, { value }) => Math.max(a, Math.abs(value)), 0);
  const names = Math.min(280, Math.floor(width * 0.5));
  const left = names + 64;
  const axis = shown.some(({ value }) => value < 0) ? (left + width) / 2 : left;
  const room = width - axis;
  const text = (x: number, n: number, words: string, align: "left" | "right", tone: "plain" | "quiet"): Shape => ({
    ...{ kind: "text", x, y: n * ROW + 18, text: words, align, tone },
  });
  const half = Math.floor((names - 24) / 2);
  const placed = (pieces: readonly string[], at: number): string => {
    const isToken = pieces[at] !== BIAS || at < pieces.length - 1;
    return isToken ? `${labelOf(pieces[at], half - 24)} ${at}` : BIAS;
  };
  return {
    title: "The pairs that count most",
    width,
    height: (shown.length + (all.length > LISTED ? 1 : 0)) * ROW + 4,
    legend: [
      "First stands the token of text A with its position, then that of text B.",
      "A bar to the right adds to the cosine, one to the left takes from it.",
    ],
    shapes: [
      { kind: "rule", x: axis - 0.5, y: 0, width: 1, height: shown.length * ROW, tone: "quiet" },
      ...shown.flatMap(({ row, column, value }, n): Shape[] => {
        const length = most > 0 ? (room * Math.abs(value)) / most : 0;
        const bar = { x: value < 0 ? axis - length : axis, y: n * ROW + 8, width: length, height: 12 };
        return [
          text(0, n, `${placed(rows, row)} · ${placed(columns, column)}`, "left", "plain"),
          text(left - 12, n, signed(value, 4), "right", "quiet"),
          { kind: "bar", ...bar, value, ref: { tap: PAIRS_TAP, at: [row, column] } },
        ];
      }),
      ...(all.length > LISTED
        ? [
            text(0, shown.length, `the other ${all.length - LISTED} pairs`, "left", "quiet"),
            text(left - 12, shown.length, signed(rest, 4), "right", "quiet"),
          ]
        : []),
    ],
  };
}
