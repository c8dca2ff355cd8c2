import type { ExplorerResult } from "../explorerResult.ts";
import type { Projections } from "../further/further.ts";
import type { Scene, Shape } from "../scene.ts";
import { signed } from "./signed.ts";

/** A term of the dot product of a query and a key. */
export interface Term {
  /** Of the head, from 0. */
  readonly dimension: number;
  readonly q: number;
  readonly k: number;
  readonly product: number;
  /** The sum of the products so far. */
  readonly sum: number;
}

/** How a head comes from a query and a key to a probability. */
export interface PairSteps {
  readonly layer: number;
  readonly head: number;
  readonly query: number;
  readonly key: number;
  /** The head's dimensions. */
  readonly size: number;
  /** The terms, of the largest magnitude first. */
  readonly terms: readonly Term[];
  /** Their sum divided by √d. */
  readonly score: number;
  /** The largest score of the query's row, and Σ exp(score − largest) over it. */
  readonly largest: number;
  readonly total: number;
  /** exp(score − largest) / Σ, recomputed here, … */
  readonly probability: number;
  /** … and the engine's. */
  readonly engine: number;
}

/** How many terms the picture has; the table has all. */
const TERMS = 16;
/** Pixels of a row, of the heading, of the lines below, and of a number's column at most. */
const [ROW, HEADING, LINE, COLUMN] = [24, 24, 24, 90];

/** Computes a number of the attention again, in float64, from the engine's queries and keys. */
export function pairSteps(
  { tokens, attentions, heads }: ExplorerResult,
  { layer, query: Q, key: K }: Projections,
  { head, query, key }: { readonly head: number; readonly query: number; readonly key: number },
): PairSteps {
  const T = tokens.length;
  const H = Q.length / T;
  const size = H / heads;
  const of = (data: Float32Array, t: number) => data.subarray(t * H + head * size, t * H + (head + 1) * size);
  const q = of(Q, query);
  const scoreOf = (j: number) => of(K, j).reduce((sum, k, d) => sum + q[d] * k, 0) / Math.sqrt(size);
  const scores = tokens.map((_, j) => scoreOf(j));
  const largest = scores.reduce((a, b) => Math.max(a, b));
  const total = scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
  const products = [...of(K, key)].map((k, dimension) => ({
    dimension,
    q: q[dimension],
    k,
    product: q[dimension] * k,
  }));
  products.sort((a, b) => Math.abs(b.product) - Math.abs(a.product) || a.dimension - b.dimension);
  let sum = 0;
  const terms = products.map((term) => {
    sum += term.product;
    return { ...term, sum };
  });
  const score = sum / Math.sqrt(size);
  return {
    ...{ layer, head, query, key, size, terms, score, largest, total },
    probability: Math.exp(score - largest) / total,
    engine: attentions[layer][(head * T + query) * T + key],
  };
}

/** The name in a reference of the products. */
export const PRODUCTS = "q∘k";

/**
 * The terms of a pair by magnitude, and the way from their sum to the probability.
 *
 * @param projections what the numbers are of
 * @param width       pixels that there are
 */
export function pairPicture(result: ExplorerResult, projections: Projections, steps: PairSteps, width = 800): Scene {
  const { layer, head, query, key, size, terms, score, largest, total, probability, engine } = steps;
  const { taps } = projections;
  const shown = terms.slice(0, TERMS);
  const most = Math.abs(terms[0].product);
  const column = Math.min(COLUMN, Math.floor((width - 40) / 5));
  const left = 40 + 4 * column + 30;
  const axis = shown.some(({ product }) => product < 0) ? (left + width) / 2 : left;
  const hasBars = width - left >= 120;
  const text = (x: number, y: number, words: string, tone: "plain" | "quiet" | "strong" = "plain"): Shape => ({
    ...{ kind: "text", x, y, text: words, align: "right", tone },
  });
  const rows = shown.flatMap(({ dimension, q, k, product, sum }, n): Shape[] => {
    const y = HEADING + n * ROW;
    const numbers = [q, k, product, sum].map((number, m) => text(40 + (m + 1) * column, y + 16, signed(number, 3)));
    const length = most > 0 ? ((width - axis) * Math.abs(product)) / most : 0;
    const bar = { x: product < 0 ? axis - length : axis, y: y + 6, width: hasBars ? length : 0, height: 12 };
    return [
      text(34, y + 16, String(dimension), "quiet"),
      ...numbers,
      { kind: "bar", ...bar, value: product, ref: { tap: PRODUCTS, at: [layer, head, query, key, dimension] } },
    ];
  });
  const bottom = HEADING + shown.length * ROW;
  const rest = terms.slice(shown.length);
  const sum = terms[terms.length - 1].sum;
  const lines = [
    ...(rest.length > 0
      ? [`the other ${rest.length} terms together: ${signed(sum - shown[shown.length - 1].sum, 3)}`]
      : []),
    `sum ${signed(sum, 4)} / √${size} = score ${signed(score, 4)}`,
    `exp(score − ${signed(largest, 4)}) / ${total.toFixed(4)} = ${probability.toFixed(6)}`,
    `the engine's probability: ${engine.toFixed(6)}`,
  ];
  const name = (t: number) => `“${result.tokens[t].piece}”`;
  return {
    title: `Layer ${layer + 1}, head ${head + 1}: query ${name(query)} at ${query}, key ${name(key)} at ${key}`,
    width,
    height: bottom + lines.length * LINE + 12,
    legend: [
      `Each row is a dimension of the head: q of the query, k of the key, their product, and the sum so far. ${
        rest.length > 0 ? `The ${shown.length} largest of ${size} products are shown; Numbers has all.` : ""
      }`.trim(),
      ...(hasBars ? ["A bar to the right is a positive product, one to the left a negative."] : []),
      `q and k are the engine's, of ${taps[0]} and ${taps[1]}; the rest is computed again from them in float64, with every key of the row in the softmax.`,
      `Engine and page differ by ${Math.abs(probability - engine)
        .toExponential(1)
        .replace("-", "−")}.`,
    ],
    shapes: [
      ...["q", "k", "q · k", "sum"].map((words, m) => text(40 + (m + 1) * column, 14, words, "quiet")),
      ...(hasBars
        ? [{ kind: "rule", x: axis - 0.5, y: HEADING, width: 1, height: shown.length * ROW, tone: "quiet" } as const]
        : []),
      ...rows,
      ...lines.map(
        (words, n): Shape => ({
          ...{ kind: "text", x: 0, y: bottom + 20 + n * LINE, text: words, align: "left" },
          tone: n === lines.length - 1 ? "strong" : "plain",
        }),
      ),
    ],
  };
}
