/** The order of the heads on the map, by what each does with the text that is shown. */
import type { ExplorerResult } from "../explorerResult.ts";
import type { ExplorerState } from "../state.ts";

/** A head and what it is ordered by; null where that is its place alone. */
export interface HeadPlace {
  readonly layer: number;
  readonly head: number;
  readonly score: number | null;
}

/** What an order goes by, in words. */
export const SORT_NAMES: Readonly<Record<ExplorerState["sort"], string>> = {
  place: "layer and head",
  sharp: "sharpest first",
  previous: "the token before",
  next: "the token after",
  self: "the token itself",
  cls: "[CLS]",
  sep: "[SEP]",
  pair: "the picked pair",
};

/** What heads are ordered by. */
export const SORT_LEGENDS: Readonly<Record<Exclude<ExplorerState["sort"], "place">, string>> = {
  sharp: "the mean entropy of a row as a share of the most it can be, ln T",
  previous: "the mean probability of the token before",
  next: "the mean probability of the token after",
  self: "the mean probability of the token itself",
  cls: "the mean probability of [CLS]",
  sep: "the mean probability of all [SEP] together",
  pair: "the probability of the picked key in the picked query's row",
};

type Order = Pick<ExplorerState, "sort" | "query" | "key">;

/** The heads, the one that does it most first; those that do it alike by layer and head. */
export function headOrder(result: ExplorerResult, { sort, query, key }: Order): HeadPlace[] {
  const isByPlace = sort === "place" || (sort === "pair" && (query === null || key === null));
  const places = result.attentions.flatMap((_, layer) =>
    Array.from({ length: result.heads }, (_, head) => {
      const score = isByPlace ? null : scoreOf(result, layer, head, { sort, query, key });
      return { layer, head, score };
    }),
  );
  const sign = sort === "sharp" ? -1 : 1;
  return isByPlace ? places : places.sort((a, b) => sign * ((b.score ?? 0) - (a.score ?? 0)));
}

/** What an order goes by, of one head. */
function scoreOf({ tokens, attentions, entropies }: ExplorerResult, layer: number, head: number, order: Order): number {
  const T = tokens.length;
  const matrix = attentions[layer].subarray(head * T * T, (head + 1) * T * T);
  const at = (i: number, j: number) => matrix[i * T + j];
  const mean = (from: number, to: number, of: (i: number) => number) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += of(i);
    return sum / Math.max(1, to - from);
  };
  switch (order.sort) {
    case "sharp":
      return entropies[layer][head] / Math.log(Math.max(2, T));
    case "previous":
      return mean(1, T, (i) => at(i, i - 1));
    case "next":
      return mean(0, T - 1, (i) => at(i, i + 1));
    case "self":
      return mean(0, T, (i) => at(i, i));
    case "cls":
      return mean(0, T, (i) => at(i, 0));
    case "sep": {
      const seps = [...tokens.keys()].filter((t) => t > 0 && tokens[t].isSpecial);
      return mean(0, T, (i) => seps.reduce((sum, j) => sum + at(i, j), 0));
    }
    default:
      return at(order.query ?? 0, order.key ?? 0);
  }
}

/** The head to begin with: its rows have the largest maxima on average; of those that are alike the first. */
export function clearestHead({ tokens, attentions, heads }: ExplorerResult): { layer: number; head: number } {
  const T = tokens.length;
  let clearest = { layer: 0, head: 0, sum: -1 };
  for (const [layer, data] of attentions.entries()) {
    for (let head = 0; head < heads; head++) {
      let sum = 0;
      for (let i = head * T; i < (head + 1) * T; i++)
        sum += data.subarray(i * T, (i + 1) * T).reduce((a, b) => Math.max(a, b), 0);
      if (sum > clearest.sum) clearest = { layer, head, sum };
    }
  }
  return { layer: clearest.layer, head: clearest.head };
}

/** What a head does most with the text, in words: which of the orders it stands highest in, and how sharp it is. */
export function habitOf(result: ExplorerResult, layer: number, head: number): string {
  const scores = HABITS.map((sort) => [sort, scoreOf(result, layer, head, { sort, query: null, key: null })] as const);
  const [sort, score] = scores.reduce((best, next) => (next[1] > best[1] ? next : best));
  const sharpness = scoreOf(result, layer, head, { sort: "sharp", query: null, key: null });
  return `${Math.round(100 * score)} % to ${SORT_NAMES[sort]}, entropy ${sharpness.toFixed(2)} of ln T`;
}

const HABITS = ["previous", "next", "self", "cls", "sep"] as const;
