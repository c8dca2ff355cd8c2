/** A part of a context that answers a question. */
export interface SquadAnswer {
  readonly text: string;
  /**
   * Where the answer begins in the context, in UTF-16 units: `context.slice(start, start + text.length) === text`.
   * null: it does not stand there, so that nothing can be learned from it; its text can still be compared with.
   */
  readonly start: number | null;
}

/** What separates the words of an answer, as Python's `str.split()`. */
const WHITESPACE = /[\s\u0085]+/;
/** What separates words of a context, one at a time: `is_whitespace` of run_squad.py. */
const SPACES = " \t\r\n\u202f";

/**
 * The answer where it stands: at `start`, or else among the words that it covers there, whatever whitespace separates
 * them. Google's run_squad.py and Hugging Face's after it look for it so ("Could not find answer"), and leave out the
 * question where they do not find it.
 *
 * @param start in UTF-16 units; null, or outside of the context: it stands nowhere
 */
export function placedAnswer(context: string, text: string, start: number | null): SquadAnswer {
  const nowhere = { text, start: null };
  const wanted = text.split(WHITESPACE).filter((word) => word !== "");
  if (wanted.length === 0 || start === null || !(start >= 0 && start < context.length)) return nowhere;
  if (context.startsWith(text, start)) return { text, start };
  let from = start;
  while (from > 0 && SPACES.includes(context[from])) from--; // a space belongs to the word before it
  while (from > 0 && !SPACES.includes(context[from - 1])) from--;
  let to = start; // as many code points on as the answer has
  for (const _ of text) to += (context.codePointAt(to) ?? 0) > 0xffff ? 2 : 1;
  to = Math.min(to, context.length);
  while (to < context.length && !SPACES.includes(context[to - 1])) to++;
  return found(context, from, to, wanted.join(" ")) ?? nowhere;
}

/** The first place from … to of a context that has these words, in which a run of whitespace is one space. */
function found(context: string, from: number, to: number, words: string): SquadAnswer | null {
  let plain = "";
  const places: number[] = []; // of each unit of `plain` in the context
  for (let i = from; i < to; i++) {
    const isSpace = SPACES.includes(context[i]);
    if (isSpace && (plain === "" || plain.endsWith(" "))) continue;
    plain += isSpace ? " " : context[i];
    places.push(i);
  }
  const at = plain.indexOf(words);
  if (at < 0) return null;
  const start = places[at];
  return { text: context.slice(start, places[at + words.length - 1] + 1), start };
}
