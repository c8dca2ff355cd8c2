/** Rows of words with a number and a bar each: what layers say. */
import type { Answer } from "../ranked.ts";
import type { NumberRef, Shape } from "../scene.ts";
import { labelOf } from "./label.ts";

/** Pixels of a row, of the room for the names of layers, of a column at least, and of a bar's thickness. */
const [ROW, NAMES, COLUMN, BAR] = [38, 96, 116, 4];
/** Pixels of the room above for the names of columns. */
const HEADING = 24;

/** A row of words. */
interface WordRow {
  readonly name: string;
  readonly words: readonly Answer[];
  refOf(word: Answer): NumberRef;
}

/** How many columns a width has room for. */
export const columnsIn = (width: number): number => Math.max(2, Math.floor((width - NAMES) / COLUMN));

/**
 * Each row's words beside its name: the word, or what stands for it, with its number; the bar is its probability.
 *
 * @param headings above the columns; of none there is no room for them
 * @param textOf   the two texts of a word
 */
export function wordRows(
  rows: readonly WordRow[],
  headings: readonly string[],
  width: number,
  textOf: (word: Answer) => readonly [what: string, number: string],
): { readonly shapes: Shape[]; readonly height: number } {
  const most = rows.reduce((count, { words }) => Math.max(count, words.length), 1);
  const column = Math.min(190, Math.floor((width - NAMES) / most));
  const room = column - 14;
  const top = headings.length > 0 ? HEADING : 0;
  const shapes = rows.flatMap(({ name, words, refOf }, n): Shape[] => {
    const y = top + n * ROW;
    const cells = words.flatMap((word, m): Shape[] => {
      const [what, number] = textOf(word);
      const x = NAMES + m * column;
      const bar = { x, y: y + 24, width: room * word.probability, height: BAR };
      const label = labelOf(what, room - 8 * number.length - 4);
      return [
        { kind: "text", x, y: y + 18, text: label, align: "left", tone: m === 0 && top === 0 ? "strong" : "plain" },
        { kind: "text", x: x + room, y: y + 18, text: number, align: "right", tone: "quiet" },
        { kind: "rule", ...bar, width: room, tone: "faint" },
        { kind: "bar", ...bar, value: word.logit, ref: refOf(word) },
      ];
    });
    return [{ kind: "text", x: 0, y: y + 18, text: name, align: "left", tone: "quiet" }, ...cells];
  });
  const names = headings.map(
    (text, m): Shape => ({
      ...{ kind: "text", x: NAMES + m * column, y: 14, text: labelOf(text, room), align: "left", tone: "strong" },
    }),
  );
  return { shapes: [...names, ...shapes], height: top + rows.length * ROW };
}
