/**
 * Fills a gap: the words that the model finds most likely, with their probabilities.
 *
 *     $ npx tsx examples/fillMask.ts "She opened the [MASK] and looked out."
 *      53.62 %  door
 *      15.14 %  room
 *       3.60 %  window
 *       2.80 %  bell
 *       1.88 %  table
 */
import { pipeline } from "plainbert";

const [text = "The ship came into the [MASK].", model] = process.argv.slice(2);

const unmask = await pipeline("fill-mask", model); // without a model it is the small one that comes with the package
const found = await unmask(text); // the words of the gap; of several gaps, a list of words for each
for (const [n, words] of found.entries()) {
  if (Array.isArray(words)) console.log(`gap ${n + 1}:`);
  for (const { score, token_str } of [words].flat()) {
    console.log(`${(100 * score).toFixed(2).padStart(6)} %  ${token_str}`);
  }
}
