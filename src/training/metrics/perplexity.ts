import { BertError } from "../../errors.ts";
import { exp } from "../../tensor/kernels/transcendental.ts";

/**
 * Perplexity: e to the mean cross-entropy of the tokens, e^(L / n); as in Hugging Face's run_mlm.py, for the masked
 * tokens. It is how many tokens a guess would have to choose from to be as unsure. Infinity where the mean is above
 * 709.
 *
 * @param loss   L, the sum over the tokens of −ln P(token). The mean of batches' means is not it, if they differ in
 *   size.
 * @param tokens n, how many tokens have a loss
 * @throws BertError ERR_INPUT no tokens, or a loss that is negative or not a number
 * @example
 * perplexity(2 * Math.log(8), 2); // 8, but for rounding: on each of two tokens, one chance in eight
 */
export function perplexity(loss: number, tokens: number): number {
  if (!(Number.isSafeInteger(tokens) && tokens >= 1)) {
    throw new BertError("ERR_INPUT", `perplexity: tokens must be a whole number from 1, got ${tokens}`);
  }
  if (!(loss >= 0)) throw new BertError("ERR_INPUT", `perplexity: loss must be a number from 0, got ${loss}`);
  return exp(loss / tokens);
}
