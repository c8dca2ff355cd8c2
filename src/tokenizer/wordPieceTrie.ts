/**
 * WordPiece in linear time: the trie with failure links of Song et al. 2021, "Fast WordPiece Tokenization"
 * (LinMaxMatch, Algorithm 1 and 2). It finds exactly the pieces of the greedy `wordPiece`, but never looks at a
 * character twice.
 *
 * Two tries share one table: from `START` lead the tokens as they stand (a word's first piece), from `CONTINUATION` the
 * tokens that begin with "##", without it (a later piece). Where a state has no transition for the next symbol, its
 * failure pops are the pieces that are certain by then, and its failure link is the state for what was read but not yet
 * covered by them.
 *
 * The table is a double array: the child of state s by symbol c is `base[s] + c`, provided that `check` names s there.
 * Symbols are UTF-16 units numbered by how often they occur in the vocabulary, so that the array packs densely.
 */
export class WordPieceTrie {
  /** UTF-16 unit → symbol from 1; a unit that no token contains has `unknownSymbol`, which leads nowhere. */
  readonly symbols: Int32Array;
  readonly unknownSymbol: number;
  base: Int32Array = new Int32Array(0);
  check: Int32Array = new Int32Array(0);
  /** The failure link of a state, 0 for none. */
  failure: Int32Array = new Int32Array(0);
  /** The failure pops of state s are `pops[popsFrom[s]] … pops[popsTo[s] − 1]`. */
  popsFrom: Int32Array = new Int32Array(0);
  popsTo: Int32Array = new Int32Array(0);
  pops: Int32Array = new Int32Array(0);

  /**
   * @param tokens   token → id
   * @param maxChars longest word in code points; longer tokens never match and are left out, which bounds the failure
   *   pops
   */
  constructor(tokens: ReadonlyMap<string, number>, maxChars: number) {
    const texts = [...tokens.keys()].filter(({ length }) => length > 0 && length <= 2 * maxChars + 2).sort();
    this.symbols = numberSymbols(tokens.keys());
    this.unknownSymbol = this.symbols.reduce((a, b) => Math.max(a, b), 0) + 1;
    for (let unit = 0; unit < 0x10000; unit++) this.symbols[unit] ||= this.unknownSymbol;
    this.build(texts, tokens);
  }

  /**
   * The ids of a word's pieces, or undefined where no sequence of pieces covers it. The caller checks the word's
   * length.
   *
   * @example
   * trie.match("unaffable") // the ids of "un", "##aff", "##able"
   */
  match(word: string): number[] | undefined {
    const pieces: number[] = [];
    let state = START;
    const fail = (): boolean => {
      pieces.push(...this.pops.subarray(this.popsFrom[state], this.popsTo[state]));
      state = this.failure[state];
      return state !== 0;
    };
    for (let i = 0; i < word.length; ) {
      const next = this.base[state] + this.symbols[word.charCodeAt(i)];
      if (this.check[next] === state) {
        state = next;
        i++;
      } else if (!fail()) {
        return undefined;
      }
    }
    while (state !== CONTINUATION) if (!fail()) return word === "" ? [] : undefined;
    return pieces;
  }

  /**
   * Breadth first, so that the failure links of shorter strings are known when a longer one needs them. Each state
   * stands for a range of the sorted texts, which share their first `depth` units.
   */
  private build(texts: readonly string[], ids: ReadonlyMap<string, number>): void {
    // The symbols of all texts end to end: strings lie all over the memory, and are looked at once for each of their
    // units.
    const starts = new Int32Array(texts.length + 1);
    for (const [t, { length }] of texts.entries()) starts[t + 1] = starts[t] + length;
    const units = new Int32Array(starts[texts.length]);
    for (const [t, text] of texts.entries()) {
      for (let i = 0; i < text.length; i++) units[starts[t] + i] = this.symbols[text.charCodeAt(i)];
    }
    const branches = new Branches();
    branches.push(START, 0, texts.length, 0);
    branches.push(CONTINUATION, ...continuationsIn(texts), 2);
    this.resize(2 * this.unknownSymbol + STATES_PER_TOKEN * texts.length);
    for (const state of [0, START, CONTINUATION]) this.take(state, 0);
    const pops: number[] = [];
    const symbols: number[] = [];
    for (let i = 0; i < branches.states.length; i++) {
      const parent = branches.states[i];
      const depth = branches.depths[i];
      const first = branches.states.length;
      symbols.length = 0;
      for (let t = branches.from[i]; t < branches.to[i]; t++) {
        const at = starts[t] + depth;
        if (at === starts[t + 1]) continue; // the parent itself
        const symbol = units[at];
        if (symbol === symbols.at(-1)) branches.to[branches.to.length - 1] = t + 1;
        else {
          symbols.push(symbol);
          branches.push(0, t, t + 1, depth + 1);
        }
      }
      if (symbols.length === 0) continue;
      const base = this.findBase(symbols); // may replace the arrays
      this.base[parent] = base;
      for (let n = 0; n < symbols.length; n++) {
        const state = base + symbols[n];
        branches.states[first + n] = state;
        this.take(state, parent);
        const t = branches.from[first + n];
        const id = starts[t + 1] - starts[t] === depth + 1 ? ids.get(texts[t]) : undefined;
        this.link(parent, symbols[n], state, id, pops);
      }
    }
    this.pops = Int32Array.from(pops);
    this.resize(this.lastUsed + this.unknownSymbol + 1); // base + symbol never reads past the end
    this.nextFree = new Int32Array(0);
  }

  /** Failure link and pops of a new state (Song et al. 2021, Algorithm 2); `id` if it is a token. */
  private link(parent: number, symbol: number, state: number, id: number | undefined, pops: number[]): void {
    if (id !== undefined) {
      this.popsFrom[state] = pops.length;
      pops.push(id);
      this.popsTo[state] = pops.length;
      this.failure[state] = CONTINUATION;
      return;
    }
    let link = this.failure[parent];
    const popped: number[] = [];
    while (link !== 0 && this.check[this.base[link] + symbol] !== link) {
      for (let k = this.popsFrom[link]; k < this.popsTo[link]; k++) popped.push(pops[k]);
      link = this.failure[link];
    }
    if (link === 0) return;
    this.failure[state] = this.base[link] + symbol;
    this.popsFrom[state] = this.popsFrom[parent];
    this.popsTo[state] = this.popsTo[parent];
    if (popped.length === 0) return; // the parent's pops, shared
    const inherited = pops.slice(this.popsFrom[parent], this.popsTo[parent]);
    this.popsFrom[state] = pops.length;
    for (const id of inherited) pops.push(id);
    for (const id of popped) pops.push(id);
    this.popsTo[state] = pops.length;
  }

  private lastUsed = CONTINUATION;
  /** place → a place from which to go on looking for a free one; itself if it is free (a disjoint-set forest). */
  private nextFree: Int32Array = new Int32Array(0);

  /**
   * A base with which all children fall on free places. After a few tries in the dense front it strides on, ever
   * faster.
   */
  private findBase(symbols: number[]): number {
    let lowest = symbols[0];
    let highest = lowest;
    for (const symbol of symbols) {
      lowest = Math.min(lowest, symbol);
      highest = Math.max(highest, symbol);
    }
    let place = this.freeFrom(lowest + 1);
    for (let tries = 1, step = 1; ; tries++) {
      const base = place - lowest;
      if (base + highest >= this.check.length) this.resize(2 * (base + highest));
      if (this.allFree(base, symbols)) return base;
      if (tries > CLOSE_TRIES) step = Math.ceil(1.02 * step);
      place = place + step > this.lastUsed ? Math.max(this.lastUsed, lowest) + 1 : this.freeFrom(place + step);
    }
  }

  private allFree(base: number, symbols: readonly number[]): boolean {
    for (let n = 0; n < symbols.length; n++) if (this.check[base + symbols[n]] >= 0) return false;
    return true;
  }

  private freeFrom(place: number): number {
    const next = this.nextFree;
    let free = place;
    while (next[free] !== free) {
      next[free] = next[next[free]];
      free = next[free];
    }
    return free;
  }

  private take(place: number, parent: number): void {
    this.check[place] = parent;
    this.nextFree[place] = place + 1;
    this.lastUsed = Math.max(this.lastUsed, place);
  }

  private resize(length: number): void {
    const resized = (old: Int32Array, fill: number): Int32Array => {
      const array = new Int32Array(length).fill(fill);
      array.set(old.length > length ? old.subarray(0, length) : old);
      return array;
    };
    this.base = resized(this.base, 0);
    this.check = resized(this.check, -1);
    this.failure = resized(this.failure, 0);
    this.popsFrom = resized(this.popsFrom, 0);
    this.popsTo = resized(this.popsTo, 0);
    const known = this.nextFree.length;
    if (known > length) return;
    const next = new Int32Array(length + 1); // one more: the end is free
    for (let place = known; place <= length; place++) next[place] = place;
    next.set(this.nextFree.subarray(0, known));
    this.nextFree = next;
  }
}

/** Before a word's first symbol. State 0 is no state. */
export const START = 1;
/** Between two pieces of a word, and after the last. */
export const CONTINUATION = 2;

// Places tried one by one for the children of one state. More packs denser and takes longer.
const CLOSE_TRIES = 200;

/** States for each token in the table's first size. A vocabulary of English words needs 2.4. */
const STATES_PER_TOKEN = 3;

/** The range of the tokens that begin with "##" and go on, in sorted texts. */
function continuationsIn(texts: readonly string[]): [number, number] {
  const from = texts.findIndex((text) => text.length > 2 && text.startsWith("##"));
  if (from < 0) return [0, 0];
  let to = from;
  while (to < texts.length && texts[to].startsWith("##")) to++;
  return [from, to];
}

/**
 * The states of one depth: for each the range [from, to) of the sorted texts that lead there, by their first `depth`
 * units.
 */
class Branches {
  readonly states: number[] = [];
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly depths: number[] = [];

  push(state: number, from: number, to: number, depth: number): void {
    this.states.push(state);
    this.from.push(from);
    this.to.push(to);
    this.depths.push(depth);
  }
}

/** Numbers the units of all tokens from 1, the most frequent first. */
function numberSymbols(tokens: Iterable<string>): Int32Array {
  const counts = new Int32Array(0x10000);
  for (const token of tokens) for (let i = 0; i < token.length; i++) counts[token.charCodeAt(i)]++;
  const units = Array.from(counts.keys()).filter((unit) => counts[unit] > 0);
  units.sort((a, b) => counts[b] - counts[a]);
  const symbols = new Int32Array(0x10000);
  for (const [i, unit] of units.entries()) symbols[unit] = i + 1;
  return symbols;
}
