/** Which answers stand beside which: those of the same gap, in a text that is kept, or in the one before. */
import type { ExplorerGap, ExplorerRequest, ExplorerResult } from "../explorerResult.ts";
import type { Compared } from "../scenes/answers.ts";

/** Characters of a text that stand in a name. */
const MOST = 60;

const cut = (text: string): string => (text.length <= MOST ? text : `${text.slice(0, MOST)}…`);

/** Milliseconds that a result stands before later ones are compared with it. */
const PAUSE = 1000;

/** What the answers are compared with: one result that is kept or, without, the one before the last pause. */
export class Comparison {
  kept: ExplorerResult | null = null;
  before: ExplorerResult | null = null;
  private shownAt = 0;
  private readonly show: () => void;

  /** @param show shows what has changed */
  constructor(show: () => void) {
    this.show = show;
  }

  /** Another result is shown now. @param last the one that was shown */
  came(last: ExplorerResult | null): void {
    if (performance.now() - this.shownAt >= PAUSE) this.before = last;
    this.shownAt = performance.now();
  }

  /** Keeps a result, or lets go of the one that is kept. */
  keep(result: ExplorerResult | null): void {
    this.kept = result;
    this.show();
  }

  /** Lets go of both. */
  forget(): void {
    [this.kept, this.before] = [null, null];
  }
}

/** What a result is of: its texts, and what is hidden in them. */
export function nameOf({ request: { text, pair }, tokens }: ExplorerResult): string {
  const texts = [text, ...(pair === "" ? [] : [pair])].map((one) => `“${cut(one)}”`).join(" and ");
  const hidden = tokens.flatMap(({ hidden: own }, t) => (own ? [`“${own.piece}” at position ${t}`] : []));
  return hidden.length === 0 ? texts : `${texts} without ${cut(hidden.join(", "))}`;
}

/** The kept answers for a gap: of the same position or, elsewhere, of the same hidden word if it is hidden once. */
export function keptOf(gap: ExplorerGap, { tokens }: ExplorerResult, kept: ExplorerResult): Compared | null {
  const word = tokens[gap.position].hidden?.id;
  const wordOf = ({ position }: ExplorerGap) => kept.tokens[position].hidden?.id;
  const sameWord = kept.gaps.filter((one) => word !== undefined && wordOf(one) === word);
  const same = kept.gaps.find((one) => one.position === gap.position);
  const isOther = same && word !== undefined && wordOf(same) !== undefined && wordOf(same) !== word;
  const found = same && !isOther ? same : sameWord.length === 1 ? sameWord[0] : null;
  return found && { gap: found, name: `what was kept, position ${found.position} of ${nameOf(kept)}` };
}

/** The answers before, where but a mask or a word has changed since. */
export function beforeOf(gap: ExplorerGap, result: ExplorerResult, before: ExplorerResult): Compared | null {
  if (!isNear(before.request, result.request)) return null;
  if (before.request.targets?.join() !== result.request.targets?.join()) return null;
  const [hidden, length] = [result.tokens[gap.position].hidden?.id, result.tokens.length];
  // A gap keeps its distance to the beginning where the change is behind it, to the end where it is before it.
  const places = [gap.position, gap.position + before.tokens.length - length];
  const found = before.gaps.find(
    ({ position }) => places.includes(position) && before.tokens[position].hidden?.id === hidden,
  );
  return found ? { gap: found, name: `the answers before, for ${nameOf(before)}` } : null;
}

/** Whether two texts differ in one word at most. */
function isNear(one: ExplorerRequest, other: ExplorerRequest): boolean {
  if (one.text !== other.text && one.pair !== other.pair) return false;
  const [a, b] = one.text === other.text ? [one.pair, other.pair] : [one.text, other.text];
  const [before, after] = [a, b].map((text) => text.split(/\s+/).filter(Boolean));
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  return Math.max(before.length, after.length) - start - end <= 1;
}
