import type { Bert } from "../load/loadBert.ts";
import type { Encoding } from "../tokenizer/index.ts";
import { batchesOf } from "./answerAll.ts";

/** A text, or a pair, as one encoding, or as several that overlap where it is longer than the model takes. */
export interface Windows {
  readonly windows: readonly Encoding[];
  /** Tokens of all windows together. */
  readonly length: number;
}

/** An encoding with the windows that truncation cut off. */
export function windowsOf(encoding: Encoding): Windows {
  const windows = [encoding, ...encoding.overflowing];
  return { windows, length: windows.reduce((sum, { length }) => sum + length, 0) };
}

/** What a head says of every token of a window: as many numbers as it has for one, token after token. */
export type TokenLogits = readonly Float32Array[];

/**
 * Logits of every window of every text, in passes that have room for them: a book is hundreds of windows.
 *
 * @param names  the outputs that are wanted, [B, T] or [B, T, N]
 * @returns      for each text, for each window, for each name: [T of the window] or [T of the window, N]
 */
export async function logitsOf(
  bert: Bert,
  texts: readonly Windows[],
  names: readonly ("logits" | "startLogits" | "endLogits")[],
  signal: AbortSignal | undefined,
): Promise<TokenLogits[][]> {
  const found: TokenLogits[] = [];
  const all = texts.flatMap(({ windows }) => windows);
  for (const batch of batchesOf(all, ({ length }) => length)) {
    const output = await bert.forward(batch, { lastHiddenState: false, ...(signal && { signal }) });
    for (const [b, { length }] of batch.entries()) {
      found.push(
        names.map((name) => {
          const { data, shape } = output[name]!;
          const [, T, N = 1] = shape;
          return data.subarray(b * T * N, (b * T + length) * N);
        }),
      );
    }
  }
  let at = 0;
  return texts.map(({ windows }) => {
    at += windows.length;
    return found.slice(at - windows.length, at);
  });
}
