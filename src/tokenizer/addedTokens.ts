import type { Json } from "../json.ts";
import { stripUndefined } from "./stripUndefined.ts";
import {
  combiningClass,
  decompose,
  isControl,
  isWhitespace,
  isWordCharacter,
  REPLACEMENT_CHARACTER,
} from "./unicode.ts";

/** A token that is found in the text as it stands, before any splitting; Hugging Face's AddedToken. */
export interface AddedToken {
  readonly content: string;
  /** Match only where no letter or digit touches it. Default false. */
  readonly singleWord?: boolean;
  /** Take the whitespace before it along. Default false. */
  readonly lstrip?: boolean;
  /** Take the whitespace behind it along. Default false. */
  readonly rstrip?: boolean;
  /**
   * Look for it in the normalized text, normalized itself: "[X]" then also matches "[x]" if the tokenizer lower-cases.
   * Default `!special`.
   */
  readonly normalized?: boolean;
  /** Skipped by `decode` with `skipSpecialTokens`. Default false; true in `addSpecialTokens`. */
  readonly special?: boolean;
}

/** An added token as the files write it: its content alone, or an object. @throws BertError it is neither */
export function readAddedToken(token: Json): AddedToken {
  if (typeof token.value === "string") return { content: token.asString() };
  if (!token.isObject) throw token.error("a string or an object");
  const flag = (name: string) => token.get(name).or(undefined, (value) => value.asBoolean());
  return stripUndefined({
    content: token.get("content").asString(),
    singleWord: flag("single_word"),
    lstrip: flag("lstrip"),
    rstrip: flag("rstrip"),
    normalized: flag("normalized"),
    special: flag("special"),
  });
}

/** An added token with its defaults filled in, and its id. */
export interface ResolvedAddedToken extends Required<AddedToken> {
  readonly id: number;
}

/** An added token found in a text, at UTF-16 units [start, end), stripped whitespace included. */
export interface AddedTokenMatch {
  readonly token: ResolvedAddedToken;
  readonly start: number;
  readonly end: number;
}

/** Finds added tokens in a text: leftmost first, the longest at each place, none overlapping, as the library does. */
export class AddedTokenFinder {
  /** The patterns that begin with a UTF-16 unit, longest first. */
  private readonly byFirstUnit: Map<number, { pattern: string; token: ResolvedAddedToken }[]> = new Map();
  /** 1 for each UTF-16 unit that begins a pattern: most texts are done after one look at each unit. */
  readonly isFirstUnit: Uint8Array = new Uint8Array(0x10000);
  /** Whether a pattern begins with what may belong to the marks of the character before it. */
  readonly beginsWithMark: boolean;
  /** Whether a pattern has whitespace in it, or takes along what comes behind it. */
  readonly takesWhitespace: boolean;

  /** @param patterns what to look for; of two equal patterns the first wins */
  constructor(patterns: Iterable<{ pattern: string; token: ResolvedAddedToken }>) {
    for (const entry of patterns) {
      if (entry.pattern === "") continue;
      const unit = entry.pattern.charCodeAt(0);
      this.isFirstUnit[unit] = 1;
      const bucket = this.byFirstUnit.get(unit);
      if (bucket) bucket.push(entry);
      else this.byFirstUnit.set(unit, [entry]);
    }
    for (const bucket of this.byFirstUnit.values()) bucket.sort((a, b) => b.pattern.length - a.pattern.length);
    const all = [...this.byFirstUnit.values()].flat();
    this.beginsWithMark = all.some(({ pattern }) => isMark(pattern.codePointAt(0)!));
    this.takesWhitespace = all.some(
      ({ pattern, token }) => token.rstrip || Array.from(pattern, (c) => c.codePointAt(0)!).some(isWhitespace),
    );
  }

  get isEmpty(): boolean {
    return this.byFirstUnit.size === 0;
  }

  /** Every match in a text. */
  find(text: string): AddedTokenMatch[] {
    const matches: AddedTokenMatch[] = [];
    const scan = new AddedTokenScan(this, text);
    for (let match = scan.next(text.length); match !== null; match = scan.next(text.length)) matches.push(match);
    return matches;
  }

  /** The longest pattern that stands at a place of a text, whose unit begins a pattern. */
  at(text: string, place: number): { readonly pattern: string; readonly token: ResolvedAddedToken } | undefined {
    return this.byFirstUnit.get(text.charCodeAt(place))!.find(({ pattern }) => text.startsWith(pattern, place));
  }
}

/** Looks through a text for added tokens, as far as it is asked to. */
export class AddedTokenScan {
  declare private readonly finder: AddedTokenFinder;
  declare private readonly text: string;
  private place = 0;
  private covered = 0;

  constructor(finder: AddedTokenFinder, text: string) {
    this.finder = finder;
    this.text = text;
  }

  /** The next match of a pattern that begins before `to`; null: there is none. */
  next(to: number): AddedTokenMatch | null {
    const { finder, text } = this;
    const { isFirstUnit } = finder;
    let at = this.place;
    if (finder.isEmpty) at = to;
    for (; at < to; at++) {
      if (isFirstUnit[text.charCodeAt(at)] === 0) continue;
      const found = finder.at(text, at);
      if (found === undefined) continue;
      let start = at;
      let end = at + found.pattern.length;
      at = end - 1; // a match that is rejected below still uses up its text
      const { token } = found;
      if (token.singleWord && (isWordBefore(text, start) || isWordAt(text, end))) continue;
      this.place = end;
      if (token.lstrip) while (start > this.covered && isWhitespace(text.charCodeAt(start - 1))) start--;
      if (token.rstrip) while (end < text.length && isWhitespace(text.charCodeAt(end))) end++;
      this.covered = end;
      return { token, start, end };
    }
    this.place = at;
    return null;
  }
}

/** A mark, or what is dropped before marks are put in order. */
function isMark(codePoint: number): boolean {
  const isSurrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  if (isSurrogate || codePoint === REPLACEMENT_CHARACTER || isControl(codePoint)) return true;
  return combiningClass(decompose(codePoint)[0]) > 0;
}

function isWordBefore(text: string, at: number): boolean {
  if (at === 0) return false;
  const low = text.charCodeAt(at - 1);
  const pair = low >= 0xdc00 && low <= 0xdfff && at > 1;
  return isWordCharacter(pair ? text.codePointAt(at - 2)! : low);
}

function isWordAt(text: string, at: number): boolean {
  return at < text.length && isWordCharacter(text.codePointAt(at)!);
}
