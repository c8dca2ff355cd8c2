/** Tokens that stay hidden while the text around them is typed. */

/** A hidden token, by its characters rather than by its position. */
export interface HiddenPiece {
  /** 0 for the first text, 1 for the second. */
  readonly segment: number;
  /** Its characters in its text, as `slice` takes them. */
  readonly span: readonly [from: number, to: number];
  /** What it is without [MASK] in its place. */
  readonly id: number;
  readonly piece: string;
}

/** A token of the text; `hidden` is what it is where a click has put [MASK] in its place. */
interface Token extends HiddenPiece {
  readonly hidden: { readonly id: number; readonly piece: string } | null;
}

/** The tokens at positions that are hidden, whether [MASK] is in their place yet or not. */
export function hiddenPieces(tokens: readonly Token[], masks: readonly number[]): HiddenPiece[] {
  return masks.flatMap((t) => {
    if (t >= tokens.length) return [];
    const { segment, span, hidden, id, piece } = tokens[t];
    return [{ ...(hidden ?? { id, piece }), segment, span }];
  });
}

/** Hidden tokens where a text has become another: those outside of what was typed, and those that it has touched. */
export function carriedOver(
  pieces: readonly HiddenPiece[],
  segment: number,
  before: string,
  after: string,
): { readonly kept: readonly HiddenPiece[]; readonly lost: readonly HiddenPiece[] } {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  let end = 0;
  while (end < most - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  const by = after.length - before.length;
  const kept: HiddenPiece[] = [];
  const lost: HiddenPiece[] = [];
  for (const piece of pieces) {
    const [from, to] = piece.span;
    if (piece.segment !== segment || to <= start) kept.push(piece);
    else if (from >= before.length - end) kept.push({ ...piece, span: [from + by, to + by] });
    else lost.push(piece);
  }
  return { kept, lost };
}

/** Whether a token is a hidden one's, from the same characters. */
export const isPieceOf =
  (segment: number, [from, to]: readonly [number, number], id: number) =>
  (piece: HiddenPiece): boolean =>
    piece.segment === segment && piece.id === id && piece.span[0] === from && piece.span[1] === to;

/** Tells that tokens are hidden no more; "" of none. */
export function shownAgain(lost: readonly HiddenPiece[]): string {
  if (lost.length === 0) return "";
  const names = lost.map(({ piece }) => `“${piece}”`).join(", ");
  return `${names} ${lost.length === 1 ? "is" : "are"} hidden no more: the text there has changed.`;
}
