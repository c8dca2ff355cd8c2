/** Which words or tokens of a text are taken away in turn. */
import type { ExplorerResult, ExplorerToken } from "../explorerResult.ts";
import type { Occlusion, UnitKind } from "./choices.ts";
import type { Subject } from "./subjects.ts";

/** A word or a token. */
export interface Unit {
  /** Of its tokens, ascending. */
  readonly positions: readonly number[];
  /** Its pieces as one. */
  readonly name: string;
  /** Whether it is taken away: not [CLS], [SEP], what is hidden, nor what is answered about where it would be gone. */
  readonly isOpen: boolean;
}

/** The words or tokens of a text, in order; those that stay are among them. */
export function unitsOf(
  { tokens }: Pick<ExplorerResult, "tokens">,
  kind: UnitKind,
  how: Occlusion,
  subject: Subject,
): Unit[] {
  const groups: number[][] = [];
  for (const [t, token] of tokens.entries()) {
    const before = tokens[t - 1];
    const isSameWord =
      kind === "word" &&
      before &&
      token.word !== null &&
      !before.isMasked &&
      !token.isMasked &&
      isOfWord(token, before);
    if (isSameWord) groups[groups.length - 1].push(t);
    else groups.push([t]);
  }
  return groups.map((positions) => ({
    positions,
    name: positions.map((t, n) => (n === 0 ? tokens[t].piece : tokens[t].piece.replace(/^##/, ""))).join(""),
    isOpen: positions.every(
      (t) => !tokens[t].isSpecial && !tokens[t].isMasked && !(how === "removed" && t === subject.position),
    ),
  }));
}

const isOfWord = (token: ExplorerToken, before: ExplorerToken): boolean =>
  token.word === before.word && token.segment === before.segment;
