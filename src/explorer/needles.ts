/** What heads are searched for: how much attention goes to keys of a kind, and how far and how evenly it goes. */
import type { ExplorerResult, ExplorerToken } from "./explorerResult.ts";
import type { NEEDLES } from "./state.ts";

/** One of those that a head has in any text, and a profile tells. */
export type Needle = Exclude<(typeof NEEDLES)[number], "pair">;

/** What they are called. */
export const NEEDLE_NAMES: Readonly<Record<(typeof NEEDLES)[number], string>> = {
  previous: "the token before",
  next: "the token after",
  self: "the token itself",
  cls: "[CLS]",
  sep: "[SEP]",
  punctuation: "punctuation",
  pieces: "same word's other pieces",
  same: "same piece elsewhere",
  other: "the other text",
  mask: "[MASK]",
  distance: "distance",
  entropy: "entropy",
  pair: "the picked pair",
};

/** The needles of a profile. */
export const KINDS: readonly Needle[] = Object.keys(NEEDLE_NAMES).filter((name) => name !== "pair") as Needle[];

/** What a head's rows add up to; several texts' can be added. */
export interface Tally {
  /** The rows that have a key of the kind. */
  readonly rows: number;
  readonly sum: number;
  /** What the sum would be if each row had 1/T everywhere. */
  readonly even: number;
}

/** The mean over the rows; null where no row has such a key. */
export const meanOf = ({ rows, sum }: Tally): number | null => (rows === 0 ? null : sum / rows);

/** How many times that of an even row it is; null where there is nothing to compare. */
export const liftOf = ({ rows, sum, even }: Tally): number | null => (rows === 0 || even === 0 ? null : sum / even);

const PUNCTUATION = /^[\p{P}$+<=>^`|~]+$/u;

type IsKey = (token: ExplorerToken, j: number, query: ExplorerToken, i: number) => boolean;

/** Whether a query's key is of a kind. */
const IS_KEY: Readonly<Record<Exclude<Needle, "distance" | "entropy">, IsKey>> = {
  previous: (_, j, __, i) => j === i - 1,
  next: (_, j, __, i) => j === i + 1,
  self: (_, j, __, i) => j === i,
  cls: (_, j) => j === 0,
  sep: ({ isSpecial }, j) => isSpecial && j > 0,
  punctuation: ({ piece, isSpecial }) => !isSpecial && PUNCTUATION.test(piece),
  pieces: ({ word, segment }, j, query, i) =>
    word !== null && word === query.word && segment === query.segment && j !== i,
  same: ({ piece, isSpecial, isMasked }, j, query, i) =>
    piece === query.piece && !isSpecial && !isMasked && !query.isSpecial && j !== i,
  other: ({ segment, isSpecial }, _, query) => segment !== query.segment && !isSpecial,
  mask: ({ isMasked }) => isMasked,
};

/** The weight of each key in each row, [T, T], whose sum with the probabilities is what is looked for. */
function weightsOf(needle: Exclude<Needle, "entropy">, tokens: readonly ExplorerToken[]): Float32Array {
  const T = tokens.length;
  return Float32Array.from({ length: T * T }, (_, n) => {
    const [i, j] = [Math.floor(n / T), n % T];
    if (needle === "distance") return Math.abs(i - j);
    return Number(IS_KEY[needle](tokens[j], j, tokens[i], i));
  });
}

/** What each head does with a text, [L, A]. */
export function talliesOf(result: ExplorerResult, needle: Needle): Tally[][] {
  const { tokens, attentions, heads, entropies } = result;
  const T = tokens.length;
  if (needle === "entropy") {
    return entropies.map((own) => own.map((entropy) => ({ rows: T, sum: T * entropy, even: T * Math.log(T) })));
  }
  const weights = weightsOf(needle, tokens);
  const inRow = tokens.map((_, i) => weights.subarray(i * T, (i + 1) * T).reduce((sum, one) => sum + one, 0));
  const rows = needle === "distance" ? T : inRow.filter((sum) => sum > 0).length;
  const even = inRow.reduce((sum, one) => sum + one, 0) / T;
  const places = Uint32Array.from([...weights.keys()].filter((n) => weights[n] > 0)); // of most kinds a few in each row
  return attentions.map((data) =>
    Array.from({ length: heads }, (_, head) => {
      let sum = 0;
      for (const n of places) sum += weights[n] * data[head * T * T + n];
      return { rows, sum, even };
    }),
  );
}

/** Several texts' tallies as one. */
export const added = (a: Tally, b: Tally): Tally => ({
  rows: a.rows + b.rows,
  sum: a.sum + b.sum,
  even: a.even + b.even,
});
