import { BertError, quote } from "../errors.ts";

/** The official reader refuses a header nested deeper than this (measured with safetensors 0.8.0). */
const MAX_DEPTH = 127;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/**
 * Reads JSON (RFC 8259) token by token, as the caller expects it. `JSON.parse` cannot be used for a file's header: it
 * keeps the last of two equal keys, maps `__proto__` onto objects, reads `2.0` as 2, rounds 2^53 + 1, accepts lone
 * surrogates, and builds whatever a hostile file describes. This builds strings and integers only.
 *
 * Each method throws BertError ERR_CHECKPOINT, which says what was expected and at which character.
 */
export class JsonScanner {
  private readonly text: string;
  private readonly where: string;
  private at = 0;
  private depth = 0;

  /** @param where the start of every error message: what is being read */
  constructor(text: string, where: string) {
    this.text = text;
    this.where = where;
  }

  /** An object; `onValue` is called after each key and must read the value. Equal keys are refused. */
  object(what: string, onValue: (key: string) => void): void {
    const seen = new Set<string>();
    this.list("{", "}", what, () => {
      const key = this.string(`a key in ${what}`);
      if (seen.has(key)) this.fail(`key ${quote(key)} appears twice in ${what}`);
      seen.add(key);
      if (!this.take(":")) this.fail(`expected ":" after key ${quote(key)} in ${what}`);
      onValue(key);
    });
  }

  /** An array; `onItem` is called before each item and must read it. */
  array(what: string, onItem: () => void): void {
    this.list("[", "]", what, onItem);
  }

  /** A string without lone surrogates. */
  string(what: string): string {
    if (!this.take('"')) this.fail(`expected ${what} to be a string`);
    const start = this.at;
    let escaped = false;
    for (;;) {
      const unit = this.text.charCodeAt(this.at++);
      if (unit === 0x22 /* " */) break;
      if (unit === 0x5c /* \ */) {
        escaped = true;
        this.at++;
      } else if (!(unit >= 0x20)) {
        this.at--;
        this.fail(`${what} has a control character or no end`); // NaN at the end of the text comes here too
      }
    }
    let value = this.text.slice(start, this.at - 1);
    if (escaped) {
      try {
        value = JSON.parse(`"${value}"`);
      } catch {
        this.fail(`${what} has a wrong escape`);
      }
    }
    if (!value.isWellFormed()) this.fail(`${what} has a lone surrogate`);
    return value;
  }

  /** A whole number from 0 to 2^53 − 1, written with digits alone. */
  unsigned(what: string): number {
    const written = this.match(NUMBER);
    const value = Number(written);
    if (written === "" || !/^[0-9]+$/.test(written) || !Number.isSafeInteger(value))
      this.fail(
        `expected ${what} to be a whole number from 0 to 2^53 - 1${written && `, got ${written.slice(0, 40)}`}`,
      );
    return value;
  }

  /** `null`, if it is next. */
  takeNull(): boolean {
    this.skipSpace();
    if (!this.text.startsWith("null", this.at)) return false;
    this.at += 4;
    return true;
  }

  /** Any value, checked and forgotten. */
  skip(what: string): void {
    this.skipSpace();
    const next = this.text[this.at];
    if (next === "{") this.object(what, () => this.skip(what));
    else if (next === "[") this.array(what, () => this.skip(what));
    else if (next === '"') this.string(what);
    else if (this.match(WORD) === "" && !Number.isFinite(Number(this.match(NUMBER) || Number.NaN)))
      this.fail(`expected ${what} to be a JSON value`);
  }

  /** Nothing but white space may be left. */
  end(): void {
    this.skipSpace();
    if (this.at < this.text.length) this.fail("something follows the closing brace");
  }

  /** @throws BertError ERR_CHECKPOINT always */
  fail(message: string): never {
    throw new BertError("ERR_CHECKPOINT", `${this.where}: ${message} (character ${this.at} of the JSON)`);
  }

  private list(open: string, close: string, what: string, onItem: () => void): void {
    if (!this.take(open)) this.fail(`expected ${what} to be ${open === "{" ? "an object" : "an array"}`);
    if (++this.depth > MAX_DEPTH) this.fail(`nested deeper than ${MAX_DEPTH}`);
    if (!this.take(close)) {
      do onItem();
      while (this.take(","));
      if (!this.take(close)) this.fail(`expected "," or "${close}" in ${what}`);
    }
    this.depth--;
  }

  private take(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): string {
    this.skipSpace();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private skipSpace(): void {
    for (;;) {
      const unit = this.text.charCodeAt(this.at);
      if (unit !== 0x20 && unit !== 0x0a && unit !== 0x0d && unit !== 0x09) return;
      this.at++;
    }
  }
}
