/** Two texts, or two models, side by side: which tokens belong together, and how far attention and answers differ. */
import type { BertModel, BertTokenizer } from "../index.ts";
import {
  type ComparedGap,
  type ComparedResult,
  type ComparedText,
  computeWithScores,
  type ExplorerRequest,
  type ExplorerResult,
  type ExplorerToken,
  inputOf,
} from "./explorerResult.ts";
import { ranked } from "./ranked.ts";

/** A model and its tokenizer. */
interface Side {
  readonly bert: BertModel;
  readonly tokenizer: BertTokenizer;
}

/** How many of the likeliest pieces of each side are compared. */
const TOP = 8;

/**
 * Computes a text, and what it is compared with.
 *
 * @param other the model of the other text
 * @throws BertError as `compute`
 */
export function computeCompared(own: Side, other: Side, request: ExplorerRequest): ExplorerResult {
  const { compare, ...rest } = request;
  const here = computeWithScores(own.bert, own.tokenizer, rest);
  if (!compare) return here.result;
  const { top, targets } = request;
  const text = comparedText(here.result, compare, other);
  const there = computeWithScores(other.bert, other.tokenizer, { ...text, top, ...(targets && { targets }) });
  const aligned = alignedTokens(here.result.tokens, there.result.tokens);
  const compared: ComparedResult = {
    ...{ result: there.result, there: aligned },
    divergences: divergencesOf(here.result, there.result, aligned),
    gaps: here.result.gaps.flatMap(({ position }, n) => {
      const m = there.result.gaps.findIndex((gap) => gap.position === aligned[position]);
      return m < 0 ? [] : [{ here: n, there: m, ...answersOf(own, other, here.scores[n], there.scores[m]) }];
    }),
  };
  return { ...here.result, request: { ...here.result.request, compare }, compared };
}

/** What a result is compared with, for the other side; in a text that is the same the same characters are hidden. */
function comparedText(
  { request, tokens }: ExplorerResult,
  { text, pair, masks }: ComparedText,
  { bert, tokenizer }: Side,
): { readonly text: string; readonly pair: string; readonly masks: readonly number[] } {
  const own = { text: text ?? request.text, pair: pair ?? request.pair };
  const isSame = [text, pair].map((one) => one === null);
  const hidden = new Set(tokens.flatMap((token) => (token.hidden && isSame[token.segment] ? [spanOf(token)] : [])));
  const others = inputOf(bert, tokenizer, { ...own, masks: [], top: 0 }).tokens;
  return { ...own, masks: [...others.keys()].filter((u) => masks.includes(u) || hidden.has(spanOf(others[u]))) };
}

/** Which characters a token is. */
const spanOf = ({ segment, span }: ExplorerToken): string => `${segment} ${span}`;

/** What a token is, whether it is hidden or not. */
const nameOf = ({ hidden, piece }: ExplorerToken): string => hidden?.piece ?? piece;

/**
 * The tokens of one text that are those of another: of a longest common subsequence in each segment. As many tokens
 * between two such in the one text as in the other stand in each other's place.
 */
export function alignedTokens(tokens: readonly ExplorerToken[], others: readonly ExplorerToken[]): (number | null)[] {
  const [T, U] = [tokens.length, others.length];
  const isSame = (t: number, u: number): boolean =>
    tokens[t].segment === others[u].segment && nameOf(tokens[t]) === nameOf(others[u]);
  // [T + 1, U + 1]: how long the longest common subsequence is from t and u on.
  const lengths = new Uint16Array((T + 1) * (U + 1));
  for (let t = T - 1; t >= 0; t--)
    for (let u = U - 1; u >= 0; u--) {
      const at = t * (U + 1) + u;
      lengths[at] = isSame(t, u) ? lengths[at + U + 2] + 1 : Math.max(lengths[at + U + 1], lengths[at + 1]);
    }
  const there: (number | null)[] = Array(T).fill(null);
  let [t, u] = [0, 0];
  let [from, fromOther] = [0, 0]; // what has no place yet
  const replace = (): void => {
    if (t - from === u - fromOther) for (let n = 0; n < t - from; n++) there[from + n] = fromOther + n;
  };
  while (t < T && u < U) {
    const at = t * (U + 1) + u;
    if (isSame(t, u)) {
      replace();
      there[t++] = u++;
      [from, fromOther] = [t, u];
    } else if (lengths[at + U + 1] >= lengths[at + 1]) t++;
    else u++;
  }
  [t, u] = [T, U];
  replace();
  return there;
}

/**
 * How far each head's attention differs, [L, A]: the mean over the tokens that both texts have of the Jensen–Shannon
 * divergence of their two rows (Lin 1991), in bits:
 *
 *     ½ Σ p log₂(p / m) + ½ Σ q log₂(q / m),   m = ½ (p + q)
 *
 * 0 where the rows are the same, 1 where they share nothing. A key that one text alone has is one of its own.
 *
 * @returns null where there are other layers or heads, or no token in common
 */
export function divergencesOf(
  here: Pick<ExplorerResult, "attentions" | "heads" | "tokens">,
  other: Pick<ExplorerResult, "attentions" | "heads" | "tokens">,
  there: readonly (number | null)[],
): Float64Array | null {
  const { attentions, heads } = here;
  const rows = there.flatMap((u, t) => (u === null ? [] : [[t, u] as const]));
  if (other.attentions.length !== attentions.length || other.heads !== heads || rows.length === 0) return null;
  const [T, U] = [here.tokens.length, other.tokens.length];
  const found = new Set(there);
  const [mine, theirs] = [here, other].map(({ tokens }) => [...tokens.keys()]);
  const [alone, othersAlone] = [mine.filter((t) => there[t] === null), theirs.filter((u) => !found.has(u))];
  const divergence = (p: Float32Array, q: Float32Array): number =>
    rows.reduce((sum, [t, u]) => sum + apart(p[t], q[u]), 0) +
    alone.reduce((sum, t) => sum + apart(p[t], 0), 0) +
    othersAlone.reduce((sum, u) => sum + apart(0, q[u]), 0);
  return Float64Array.from({ length: attentions.length * heads }, (_, n) => {
    const [layer, head] = [Math.floor(n / heads), n % heads];
    const rowOf = (data: Float32Array, count: number, t: number) =>
      data.subarray((head * count + t) * count, (head * count + t + 1) * count);
    const all = rows.map(([t, u]) => divergence(rowOf(attentions[layer], T, t), rowOf(other.attentions[layer], U, u)));
    return all.reduce((sum, one) => sum + one, 0) / rows.length;
  });
}

/** What one outcome gives to the divergence. */
function apart(p: number, q: number): number {
  const m = (p + q) / 2;
  return ((p > 0 ? p * Math.log2(p / m) : 0) + (q > 0 ? q * Math.log2(q / m) : 0)) / 2;
}

/** The likeliest pieces of both sides, with the numbers that each has there. */
function answersOf(
  own: Side,
  other: Side,
  here: Float32Array,
  there: Float32Array,
): Pick<ComparedGap, "answers" | "divergence"> {
  const [mine, theirs] = [ranked(here, own.tokenizer), ranked(there, other.tokenizer)];
  const ofOther = theirs.ids.slice(0, TOP).flatMap((id) => own.tokenizer.tokenToId(theirs.answerOf(id).piece) ?? []);
  const ids = [...new Set([...mine.ids.slice(0, TOP), ...ofOther])];
  const answers = ids.map((id) => {
    const answer = mine.answerOf(id);
    const otherId = other.tokenizer.tokenToId(answer.piece);
    return { here: answer, there: otherId === undefined ? null : theirs.answerOf(otherId) };
  });
  const isSame = mine.ids.length === theirs.ids.length && mine.ids.every((id) => own.tokenizer.idToToken(id) === other.tokenizer.idToToken(id)); // biome-ignore format: one line
  const divergence = isSame
    ? mine.ids.reduce((sum, id) => sum + apart(mine.probabilityOf(id), theirs.probabilityOf(id)), 0)
    : null;
  return { answers, divergence };
}
