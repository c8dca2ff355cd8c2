/** What goes through the queue. */

/** Lines of a source that follow each other: what a worker takes at once. */
export interface Block {
  /** Whose lines they are. */
  readonly source: string;
  /** The number of the first, from 1. */
  readonly first: number;
  readonly texts: readonly string[];
}

/** A line that cannot be embedded. */
export interface DeadLetter {
  readonly source: string;
  readonly line: number;
  readonly text: string;
  readonly reason: string;
}

/** The two halves of a block, by which one bad line is found; a single line has none. */
export function halvesOf({ source, first, texts }: Block): Block[] {
  if (texts.length < 2) return [];
  const half = Math.ceil(texts.length / 2);
  return [
    { source, first, texts: texts.slice(0, half) },
    { source, first: first + half, texts: texts.slice(half) },
  ];
}
