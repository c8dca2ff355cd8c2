/** Tokens as they are found, in four parallel columns that grow: no object per token. */
export class TokenList {
  ids: Int32Array;
  /** Where in the text each token stands, [start, end). */
  starts: Int32Array;
  ends: Int32Array;
  /** Which word of the text each token belongs to. */
  words: Int32Array;
  /** Which tokens, by index, are added tokens that stood in the text as such. */
  added: number[] = [];
  length = 0;

  constructor(capacity: number) {
    this.ids = new Int32Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.words = new Int32Array(capacity);
  }

  push(id: number, start: number, end: number, word: number): void {
    if (this.length === this.ids.length) this.grow();
    this.ids[this.length] = id;
    this.starts[this.length] = start;
    this.ends[this.length] = end;
    this.words[this.length] = word;
    this.length++;
  }

  /** Forgets the first tokens. */
  dropFirst(count: number): void {
    for (const column of [this.ids, this.starts, this.ends, this.words]) column.copyWithin(0, count, this.length);
    this.added.length = 0;
    this.length -= count;
  }

  /** A copy of exactly the right size. */
  copy(): TokenList {
    const list = new TokenList(this.length);
    list.ids.set(this.ids.subarray(0, this.length));
    list.starts.set(this.starts.subarray(0, this.length));
    list.ends.set(this.ends.subarray(0, this.length));
    list.words.set(this.words.subarray(0, this.length));
    list.added = this.added.slice();
    list.length = this.length;
    return list;
  }

  private grow(): void {
    const grown = (old: Int32Array): Int32Array => {
      const array = new Int32Array(2 * old.length);
      array.set(old);
      return array;
    };
    this.ids = grown(this.ids);
    this.starts = grown(this.starts);
    this.ends = grown(this.ends);
    this.words = grown(this.words);
  }
}
