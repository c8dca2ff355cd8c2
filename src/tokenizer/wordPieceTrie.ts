/**
 * WordPiece in linear time: the trie with failure links of Song et al. 2021, "Fast WordPiece Tokenization" (LinMaxMatch,
 * Algorithm 1 and 2). It finds exactly the pieces of the greedy `wordPiece`, but never looks at a character twice.
 *
 * Two tries share one table: from `START` lead the tokens as they stand (a word's first piece), from `CONTINUATION` the tokens
 * that begin with "##", without it (a later piece). Where a state has no transition for the next symbol, its failure pops are
 * the pieces that are certain by then, and its failure link is the state for what was read but not yet covered by them.
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
   * @param maxChars longest word in code points; longer tokens never match and are left out, which bounds the failure pops
   */
  constructor(tokens: ReadonlyMap<string, number>, maxChars: number) {
    const first: Entry[] = [];
    const later: Entry[] = [];
    for (const [token, id] of tokens) {
      if (token.length > 2 * maxChars + 2) continue;
      if (token.length > 0) first.push({ text: token, id });
      if (token.length > 2 && token.startsWith("##")) later.push({ text: token.slice(2), id });
    }
    this.symbols = numberSymbols(tokens.keys());
    this.unknownSymbol = this.symbols.reduce((a, b) => Math.max(a, b), 0) + 1;
    for (let unit = 0; unit < 0x10000; unit++) this.symbols[unit] ||= this.unknownSymbol;
    this.#build(first, later);
  }

  /**
   * The ids of a word's pieces, or undefined where no sequence of pieces covers it. The caller checks the word's length.
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

  /** Breadth first, so that the failure links of shorter strings are known when a longer one needs them. */
  #build(first: Entry[], later: Entry[]): void {
    const byText = (a: Entry, b: Entry): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);
    const queue: Branch[] = [
      { state: START, entries: first.sort(byText), from: 0, to: first.length, depth: 0 },
      { state: CONTINUATION, entries: later.sort(byText), from: 0, to: later.length, depth: 0 },
    ];
    this.#resize(2 * this.unknownSymbol + 2);
    for (const state of [0, START, CONTINUATION]) this.#take(state, 0);
    const pops: number[] = [];
    for (let i = 0; i < queue.length; i++) {
      const parent = queue[i];
      const children = this.#children(parent);
      if (children.length === 0) continue;
      const base = this.#findBase(children.map((child) => child.state)); // may replace the arrays
      this.base[parent.state] = base;
      for (const child of children) {
        const symbol = child.state;
        child.state = base + symbol;
        this.#take(child.state, parent.state);
        this.#link(parent.state, symbol, child, pops);
        queue.push(child);
      }
    }
    this.pops = Int32Array.from(pops);
    this.#resize(this.#lastUsed + this.unknownSymbol + 1); // base + symbol never reads past the end
    this.#nextFree = new Int32Array(0);
  }

  /** Failure link and pops of a new state (Song et al. 2021, Algorithm 2). */
  #link(parent: number, symbol: number, child: Branch, pops: number[]): void {
    const { state } = child;
    const entry = child.entries[child.from];
    if (entry.text.length === child.depth) {
      this.popsFrom[state] = pops.length;
      pops.push(entry.id);
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

  /** The branches of a state, one for each next symbol; `state` holds the symbol until the child has a place. */
  #children({ entries, from, to, depth }: Branch): Branch[] {
    const children: Branch[] = [];
    for (let i = from; i < to; i++) {
      if (entries[i].text.length === depth) continue;
      const symbol = this.symbols[entries[i].text.charCodeAt(depth)];
      const last = children.at(-1);
      if (last?.state === symbol) last.to = i + 1;
      else children.push({ state: symbol, entries, from: i, to: i + 1, depth: depth + 1 });
    }
    return children;
  }

  #lastUsed = CONTINUATION;
  /** place → a place from which to go on looking for a free one; itself if it is free (a disjoint-set forest). */
  #nextFree: Int32Array = new Int32Array(0);

  /** A base with which all children fall on free places. After a few tries in the dense front it strides on, ever faster. */
  #findBase(symbols: number[]): number {
    const lowest = symbols.reduce((a, b) => Math.min(a, b));
    const highest = symbols.reduce((a, b) => Math.max(a, b));
    let place = this.#freeFrom(lowest + 1);
    for (let tries = 1, step = 1; ; tries++) {
      const base = place - lowest;
      if (base + highest >= this.check.length) this.#resize(2 * (base + highest));
      if (symbols.every((symbol) => this.check[base + symbol] < 0)) return base;
      if (tries > CLOSE_TRIES) step = Math.ceil(1.02 * step);
      place = place + step > this.#lastUsed ? Math.max(this.#lastUsed, lowest) + 1 : this.#freeFrom(place + step);
    }
  }

  #freeFrom(place: number): number {
    const next = this.#nextFree;
    let free = place;
    while (next[free] !== free) {
      next[free] = next[next[free]];
      free = next[free];
    }
    return free;
  }

  #take(place: number, parent: number): void {
    this.check[place] = parent;
    this.#nextFree[place] = place + 1;
    this.#lastUsed = Math.max(this.#lastUsed, place);
  }

  #resize(length: number): void {
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
    const known = this.#nextFree.length;
    if (known > length) return;
    const next = Int32Array.from({ length: length + 1 }, (_, place) => place); // one more: the end is free
    next.set(this.#nextFree.subarray(0, known));
    this.#nextFree = next;
  }
}

/** Before a word's first symbol. State 0 is no state. */
export const START = 1;
/** Between two pieces of a word, and after the last. */
export const CONTINUATION = 2;

// Places tried one by one for the children of one state. More packs denser and takes longer.
const CLOSE_TRIES = 200;

interface Entry {
  readonly text: string;
  readonly id: number;
}

/** The sorted entries [from, to) share their first `depth` units, which lead to `state`. */
interface Branch {
  state: number;
  readonly entries: readonly Entry[];
  readonly from: number;
  to: number;
  readonly depth: number;
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
