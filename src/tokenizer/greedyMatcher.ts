import { Matcher } from "./wordMatcher.ts";
import { wordPiece } from "./wordPiece.ts";

/**
 * `wordPiece`, word by word, with the pieces' places. It needs nothing but the vocabulary, so that a tokenizer can
 * begin before its trie is made: of 8,192 tokens that takes 30 ms in a new process, of 28,996 60.
 */
export class GreedyMatcher extends Matcher {
  declare private readonly vocab: ReadonlyMap<string, number>;
  declare private readonly unkToken: string;
  declare private readonly maxChars: number;
  private text = "";
  /** Where each code point of the word stands in the text. */
  private starts: number[] = [];
  private ends: number[] = [];

  /** @param vocab has `unkToken` */
  constructor(vocab: ReadonlyMap<string, number>, unkToken: string, maxChars: number) {
    super();
    this.vocab = vocab;
    this.unkToken = unkToken;
    this.maxChars = maxChars;
  }

  override character(codePoint: number, start: number, end: number): void {
    this.text += String.fromCodePoint(codePoint);
    this.starts.push(start);
    this.ends.push(end);
  }

  override endWord(): void {
    const length = this.starts.length;
    if (length === 0) return;
    const pieces = wordPiece(this.text, this.vocab, this.maxChars, this.unkToken);
    let from = 0;
    for (const [n, piece] of pieces.entries()) {
      // The last one goes to the end of the word; so does the unknown token, which is alone.
      const to = n === pieces.length - 1 ? length : from + Array.from(piece).length - (n > 0 ? 2 : 0);
      this.tokens.push(this.vocab.get(piece) as number, this.starts[from], this.ends[to - 1], this.word);
      from = to;
    }
    this.forgetWord();
    this.word++;
  }

  override forgetWord(): void {
    this.text = "";
    this.starts = [];
    this.ends = [];
  }

  override get settled(): number {
    return this.tokens.length;
  }
}
