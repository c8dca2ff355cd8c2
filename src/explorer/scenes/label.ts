/** How wide the pieces of a text are, about: a scene is computed where there is nothing to measure with. */
import type { ExplorerToken } from "../explorerResult.ts";

/** Pixels of a character of 14 px, on average. */
const CHARACTER = 7.8;

/** A piece as a label, cut where it is wider than there is room for. */
export function labelOf(piece: string, room: number = Number.POSITIVE_INFINITY): string {
  const most = Math.max(2, Math.floor(room / CHARACTER));
  const signs = [...piece];
  return signs.length <= most ? piece : `${signs.slice(0, most - 1).join("")}…`;
}

/** Pixels that the longest label needs. @param most it gets no more */
export function roomOfNames(names: readonly string[], most: number): number {
  const longest = names.reduce((length, name) => Math.max(length, name.length), 0);
  return Math.min(most, Math.ceil(longest * CHARACTER) + 4);
}

/** The same of tokens. */
export const roomOf = (tokens: readonly ExplorerToken[], most: number): number =>
  roomOfNames(
    tokens.map(({ piece }) => piece),
    most,
  );

/** Pixels of a cell beside which names may take what room is left; and of a name otherwise, at most. */
const [WIDE_CELL, NAME] = [24, 130];

/**
 * Pixels that the names of a matrix get at most, which stand at its left and rise above it by 60 degrees: where cells
 * stay wide, as much as there is.
 *
 * @param width of all
 * @param count of columns
 */
export function roomBeside(width: number, count: number): number {
  const beside = Math.floor((width - 8 - count * WIDE_CELL) / 1.5); // a name leans by half of its length to the right
  return Math.max(Math.min(NAME, Math.floor(width / 4)), beside);
}
