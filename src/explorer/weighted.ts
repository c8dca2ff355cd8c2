/** Attention weighted by what it carries: ‖α f(x)‖ in the place of α (Kobayashi et al. 2020, eq. 4 and 5). */
import type { ExplorerResult } from "./explorerResult.ts";

/** What stands behind the name of a tap whose probabilities are weighted by norms. */
export const TIMES_NORM = " · ‖f(x)‖";

/** What the numbers are, in a sentence. */
export const NORM_LEGEND =
  "Each number is ‖α f(x)‖: the probability α times the length of what the head takes from the token that is looked at.";

/**
 * The result with the norm of what is taken over each edge, rounded to float32, in the place of its probability; the
 * same result where the norms have not been computed. All norms of a text share a scale.
 */
export function weighted(result: ExplorerResult): ExplorerResult {
  const { attentions, further, tokens } = result;
  const T = tokens.length;
  const norms = further?.norms;
  if (!norms) return result;
  let largest = 0;
  const products = attentions.map((data, layer) =>
    Float32Array.from(data, (alpha, n) => {
      const head = Math.floor(n / (T * T));
      const product = Math.fround(alpha * norms[layer][head * T + (n % T)]);
      largest = Math.max(largest, product);
      return product;
    }),
  );
  return { ...result, attentions: products, taps: result.taps.map((tap) => tap + TIMES_NORM), largest };
}
