import { toLowercase } from "../../tokenizer/unicode.ts";

/**
 * Splits a paragraph into sentences, by rule and table, so that the result is the same in every JavaScript engine (that
 * of `Intl.Segmenter` is not). For languages written with capitals. A sentence ends
 *
 * 1. after one or more of `.` `!` `?` `…`, then any closing quotes and brackets, then a space,
 * 2. if what follows begins with a capital or a digit, any opening quotes, brackets and dashes before it left aside,
 * 3. unless it ends in one full stop, and the word before that is an abbreviation that never ends a sentence (`Mr.`,
 *    `St.`), or a single capital other than I (`J. M. Barrie`), or is followed by a digit and is an abbreviation before
 *    numbers (`No. 5`).
 * 4. And after each of `。` `！` `？`, with closing quotes, whatever follows.
 *
 * Joined with a space, the sentences are the paragraph again, but for spaces between them.
 *
 * @example
 * splitSentences(`"Oh! Mr. Smith?" she said. "Yes."`) // [`"Oh!`, `Mr. Smith?" she said.`, `"Yes."`]
 */
export function splitSentences(paragraph: string): string[] {
  const sentences: string[] = [];
  let start = 0;
  for (const match of paragraph.matchAll(CANDIDATE)) {
    const end = match.index + match[0].length;
    if (!match.groups?.wide && !isEnd(paragraph, match.index, match.groups?.stops ?? "", end)) continue;
    sentences.push(paragraph.slice(start, end).trim());
    start = end;
  }
  sentences.push(paragraph.slice(start).trim());
  return sentences.filter((sentence) => sentence !== "");
}

const CANDIDATE = /(?:(?<stops>[.!?…]+)["'”’»)\]]*[ \t\u00a0]+|(?<wide>[。！？])["'”’»）」』]*)/g;

/** What may stand before the first letter of a sentence. */
const OPENING = /["'“‘«([—–-]*/y;

/** Titles and the like, which a name follows; without the full stop. */
const TITLES: ReadonlySet<string> = new Set(
  (
    "Mr Mrs Ms Messrs Dr Prof St Ste Rev Hon Rt Gen Col Lt Capt Cpt Maj Sgt Cpl Adm Cmdr Gov Sen Rep Pres Supt Insp " +
    "Mme Mlle Mm MM Fr Sr Sra Herr Hr Fräulein vs viz cf eg ie e.g i.e Mem"
  ).split(" "),
);

/** Abbreviations before a number. */
const NUMBERED: ReadonlySet<string> = new Set(
  "No Nos no nos p pp vol Vol ch Ch chap Chap Fig fig sec Sec art Art".split(" "),
);

/** Rules 2 and 3. @param at where the stops begin @param end where the next sentence would begin */
function isEnd(paragraph: string, at: number, stops: string, end: number): boolean {
  OPENING.lastIndex = end;
  const next = paragraph.codePointAt(end + (OPENING.exec(paragraph)?.[0].length ?? 0)) ?? 0x41; // the paragraph's end
  const digit = next >= 0x30 && next <= 0x39;
  if (!digit && toLowercase(next)[0] === next) return false;
  if (stops !== ".") return true;
  const word = lastWord(paragraph, at);
  if (TITLES.has(word) || (digit && NUMBERED.has(word))) return false;
  const [only, ...rest] = word;
  return (
    only === undefined ||
    rest.length > 0 ||
    only === "I" ||
    toLowercase(only.codePointAt(0)!)[0] === only.codePointAt(0)
  );
}

/** What stands before a place, back to a space or an opening quote, bracket or dash. */
function lastWord(paragraph: string, end: number): string {
  let start = end;
  while (start > 0 && !BREAKS.includes(paragraph[start - 1])) start--;
  return paragraph.slice(start, end);
}

const BREAKS = " \t\u00a0\"'“‘«([—–-";
