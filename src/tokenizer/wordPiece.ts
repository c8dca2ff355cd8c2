/**
 * Greedy longest-match-first WordPiece, the definition: from the left, always the longest piece that the vocabulary
 * has. Pieces after the first are looked up with "##" before them. One unmatched piece makes the whole word [UNK]; the
 * word is never split around the gap. `WordPieceTrie` finds the same pieces in linear time.
 *
 * On one page: `pieces` in docs/reading/onePage.ts.
 *
 * @param vocab    token → id; only its keys matter here
 * @param maxChars longest word in code points: 100 in Hugging Face's library, 200 in Google's code; a longer one is
 *   [UNK]
 *
 * @example
 * wordPiece("unaffable", vocab) // ["un", "##aff", "##able"]
 */
export function wordPiece(
  word: string,
  vocab: ReadonlyMap<string, number>,
  maxChars = 100,
  unkToken = "[UNK]",
): string[] {
  const chars = Array.from(word); // code points, as Python and Rust count them, not UTF-16 units
  if (chars.length > maxChars) return [unkToken];
  const pieces: string[] = [];
  for (let start = 0; start < chars.length; ) {
    let end = chars.length;
    let piece = "";
    for (; end > start; end--) {
      piece = (start > 0 ? "##" : "") + chars.slice(start, end).join("");
      if (vocab.has(piece)) break;
    }
    if (end === start) return [unkToken];
    pieces.push(piece);
    start = end;
  }
  return pieces;
}
