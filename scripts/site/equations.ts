/**
 * Equations as MathML, from the characters that the pages write them in: `head_a = softmax(Q_a K_aᵀ / √D) V_a`. Two or
 * more spaces stand between equations of a line. Words stay words, so that a line may say what its letters are.
 */

/** A part of an equation, and whether a space stands before it. */
interface Token {
  readonly text: string;
  readonly isSpaced: boolean;
}

const WORD = /^(?![ᵀᵗ])\p{L}/u;
const TOKEN =
  /"[^"]*"|\d[\d,]*(?:\.\d+)?(?:e-\d+)?|½|(?:(?![ᵀᵗ])\p{L}\p{M}*)+(?:['’-](?:(?![ᵀᵗ])\p{L})+)*|[ᵀᵗ²³′]|[₀-₉]+|\S/gu;
const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  ᵀ: '<mi mathvariant="normal">T</mi>',
  ᵗ: "<mi>t</mi>",
  "²": "<mn>2</mn>",
  "³": "<mn>3</mn>",
  "′": "<mo>′</mo>",
};
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "‖": "‖" };
const OPERATORS = /^[=+−·⊙×←…,:;.<>]$/;
const CIRCUMFLEX = "\u0302";

/** Equations in rows, each row's side by side; in a row that begins with a word, such as `softmax`, that is its name. */
export function equations(block: string): string {
  const rows = block.split("\n").filter((line) => line.trim() !== "");
  const cells = rows.map((line) => line.trim().split(/ {2,}/));
  const areNamed = cells.length > 1 && cells.filter(([first]) => isName(first)).length > cells.length / 2;
  const html = cells.map((row, n) => {
    const isContinued = areNamed && /^ {5}/.test(rows[n]); // what stands below the equations of a name
    const named = areNamed ? (isContinued ? ["", ...row] : row) : row;
    const [name, rest] = areNamed ? [named[0], named.slice(1)] : [null, named];
    const label = name === null ? "" : `<span class="name">${name}</span>`;
    const shown = rest.map((cell) => (isSaid(cell) ? `<span class="words">${cell}</span>` : equation(cell)));
    return `<div class="equation">${label}<div class="cells">${shown.join("")}</div></div>`;
  });
  return `<div class="equations">${html.join("")}</div>`;
}

const isName = (cell: string): boolean => /^[A-Za-z]{2,}(?:[ -][a-z]+)*$/.test(cell);

/** Words alone, which may go on in the next line where an equation cannot. */
const isSaid = (cell: string): boolean => !/[=+−·⊙←/_^]/.test(cell) && (cell.match(/\p{L}{2,}/gu) ?? []).length >= 3;

/** One equation. @throws Error a bracket of it is not closed */
export function equation(text: string): string {
  const tokens = Array.from(text.matchAll(TOKEN), (match): Token => {
    return { text: match[0], isSpaced: text[match.index - 1] === " " };
  });
  return `<math displaystyle="true">${new Reader(tokens).row(null)}</math>`;
}

/** Reads an equation from left to right. */
class Reader {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  /** What stands before a closing bracket; null: before the end. */
  row(closing: string | null): string {
    let done = "";
    let factors: string[] = [];
    for (let next = this.tokens[this.at]; next && next.text !== closing; next = this.tokens[this.at]) {
      if (OPERATORS.test(next.text)) {
        done += factors.join("") + element("mo", next.text);
        factors = [];
        this.at++;
      } else if (next.text === "/") factors = this.fraction(factors, closing);
      else factors.push(...this.spacedFactor(factors.length > 0));
    }
    return `<mrow>${done}${factors.join("")}</mrow>`;
  }

  /** All factors before ` / ` are above the line, all after it below; of `1/n Σ` the nearest alone. */
  private fraction(before: string[], closing: string | null): string[] {
    const isTight = !this.tokens[this.at++].isSpaced;
    const above = isTight ? before.slice(-1) : before;
    const below: string[] = [];
    do below.push(this.factor());
    while (!isTight && !this.endsFactors(closing));
    const bare = (parts: readonly string[]) =>
      parts.length === 1 ? parts[0].replace(/^<mrow><mo>\(<\/mo>(<mrow>.*<\/mrow>)<mo>\)<\/mo><\/mrow>$/, "$1") : `<mrow>${parts.join("")}</mrow>`; // biome-ignore format: one line
    return [...before.slice(0, before.length - above.length), `<mfrac>${bare(above)}${bare(below)}</mfrac>`];
  }

  private endsFactors(closing: string | null): boolean {
    const next = this.tokens[this.at]?.text;
    return next === undefined || next === closing || next === "/" || OPERATORS.test(next);
  }

  /** A factor, with a space before it where one of two is a word, or a shape. */
  private spacedFactor(hasBefore: boolean): string[] {
    const { text, isSpaced } = this.tokens[this.at];
    const [script, last] = [this.tokens[this.at - 2]?.text ?? "", this.tokens[this.at - 1]?.text ?? ""];
    const isAfterWord = isWord(last) && !/^[_^]$/.test(script); // the word, not a script of what stands there
    const needsSpace = isSpaced && hasBefore && (isWord(text) || isAfterWord || text === "[" || text.startsWith('"'));
    const factor = this.factor();
    return needsSpace ? ['<mspace width="0.3em"></mspace>', factor] : [factor];
  }

  /** A letter, number, word or bracket, with all that stands at it without a space. */
  private factor(): string {
    let base = this.primary();
    let [below, above] = ["", ""];
    const isSum = base.includes("Σ");
    const flush = () => {
      if (below && above) base = `<msubsup>${base}${below}${above}</msubsup>`;
      else if (below) base = isSum ? `<munder>${base}${below}</munder>` : `<msub>${base}${below}</msub>`;
      else if (above) base = `<msup>${base}${above}</msup>`;
      [below, above] = ["", ""];
    };
    for (let next = this.tokens[this.at]; next && !next.isSpaced; next = this.tokens[this.at]) {
      if (next.text === "_" || next.text === "^") {
        this.at++;
        const script = this.script(isSum);
        if (next.text === "_") below = script;
        else above = script;
      } else if (next.text[0] in SUPERSCRIPTS) {
        above = Array.from(this.tokens[this.at++].text, (one) => SUPERSCRIPTS[one]).join("");
      } else if (/[₀-₉]/.test(next.text)) {
        const digits = Array.from(this.tokens[this.at++].text, (one) => String(one.charCodeAt(0) - 0x2080));
        below = element("mn", digits.join(""));
      } else if (next.text === "(" || next.text === "[") {
        flush();
        base = `<mrow>${base}${this.primary()}</mrow>`;
      } else break;
    }
    flush();
    return base;
  }

  private script(ofSum: boolean): string {
    const { text } = this.tokens[this.at];
    if (text !== "(") return ofSum && WORD.test(text) ? symbols(this.tokens[this.at++].text) : this.primary();
    this.at++;
    return this.closed("(");
  }

  private primary(): string {
    const { text } = this.tokens[this.at++];
    if (text === "√") return `<msqrt>${this.factor()}</msqrt>`;
    if (text === "Σ") return element("mo", text);
    if (text in CLOSING)
      return `<mrow>${element("mo", text)}${this.closed(text)}${element("mo", CLOSING[text])}</mrow>`;
    if (/^[\d½]/.test(text)) return element("mn", text);
    if (/^"/.test(text) || isWord(text)) return element("mtext", text);
    return WORD.test(text) ? symbols(text) : element("mo", text);
  }

  /** What stands within a bracket, which is passed. */
  private closed(opening: string): string {
    const row = this.row(CLOSING[opening]);
    if (this.at === this.tokens.length) throw new Error(`equation: ${opening} is not closed`);
    this.at++;
    return row;
  }
}

/** Several letters, but for a differential such as dX or a letter with a hat. */
const isWord = (text: string): boolean => WORD.test(text) && !/^d?\p{L}\p{M}?$/u.test(text);

/** Letters one by one; d of a differential stands upright, a circumflex above its letter. */
function symbols(text: string): string {
  const isDifferential = /^d\p{L}\p{M}?$/u.test(text);
  const each = Array.from(text.matchAll(/\P{M}\p{M}*/gu), ([symbol], n) => {
    if (symbol.endsWith(CIRCUMFLEX)) return `<mover accent="true">${element("mi", symbol[0])}<mo>^</mo></mover>`;
    return isDifferential && n === 0 ? '<mi mathvariant="normal">d</mi>' : element("mi", symbol);
  });
  return each.length === 1 ? each[0] : `<mrow>${each.join("")}</mrow>`;
}

const element = (name: string, text: string): string =>
  `<${name}>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</${name}>`;
