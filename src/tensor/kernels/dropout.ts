import type { Matrix } from "../tensor.ts";
import { threefry2x32 } from "../threefry.ts";

/** Which numbers a dropout sets to zero: a function of these fields and of a number's index, so it is never stored. */
export interface DropoutMask {
  /** p, the share that becomes zero, 0 < p < 1. */
  readonly probability: number;
  /** The number of the run, unsigned, of 32 bits. */
  readonly seed: number;
  /** The number of the forward pass in the run, unsigned, of 32 bits. */
  readonly step: number;
  /** The number of the dropout in the pass, unsigned, of 32 bits. */
  readonly site: number;
}

/**
 * Dropout (Srivastava et al. 2014, in the form that scales while training, as PyTorch's):
 *
 *     y_i = x_i m_i / (1 − p)        m_i = 0 with probability p, else 1
 *
 * m_i is 1 where word i of the site is at least p · 2³²; words 2j and 2j + 1 are block j of Threefry-2x32 with key
 * (seed, step) and counter (j, site). As y is linear in x it is its own backward: dx_i = dy_i m_i / (1 − p).
 *
 * @param y out [N]; may be x itself @param x [N]
 */
export function dropout(y: Float32Array, x: Float32Array, mask: DropoutMask): void {
  dropRow(y, 0, x, 0, x.length, 0, mask);
}

/**
 * `dropout` on a window: element [r, c] has the word (row + r) · rowWords(longest) + c.
 *
 * @param out [M, N]; may be x itself @param x [M, N]
 * @param row the number of the window's first row among all rows of the site
 * @param longest the most columns that a row of the site has
 */
export function dropoutWindow(out: Matrix, x: Matrix, row: number, longest: number, mask: DropoutMask): void {
  for (let r = 0; r < x.rows; r++) {
    const word = (row + r) * rowWords(longest);
    dropRow(out.data, out.offset + r * out.stride, x.data, x.offset + r * x.stride, x.cols, word, mask);
  }
}

/**
 * How many words there are from one row to the next: whole vectors of blocks, for code that computes eight at a time.
 */
export function rowWords(longest: number): number {
  return Math.ceil(longest / 8) * 8;
}

const block = new Uint32Array(2);

/** y[to + i] = x[from + i] m / (1 − p) for i < count, m by word `word` + i. */
function dropRow(
  y: Float32Array,
  to: number,
  x: Float32Array,
  from: number,
  count: number,
  word: number,
  { probability, seed, step, site }: DropoutMask,
): void {
  const least = probability * 0x100000000;
  const scale = 1 / (1 - probability);
  for (let i = 0; i < count; i++) {
    const odd = (word + i) % 2;
    if (odd === 0 || i === 0) threefry2x32(block, (word + i - odd) / 2, site, seed, step);
    y[to + i] = block[odd] >= least ? x[from + i] * scale : 0;
  }
}
