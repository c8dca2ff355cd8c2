import type { Lens } from "../further/lens.ts";
import type { Answer } from "../ranked.ts";
import type { Scene } from "../scene.ts";
import { columnsIn, wordRows } from "./words.ts";

/** What is told of every lens. */
const HINT =
  "The last row is the model's own answer. Earlier rows are off distribution, a hint: the head was trained on the last layer's vectors alone.";

/** What a row is called. */
export const stateName = (n: number): string => (n === 0 ? "embeddings" : `layer ${n}`);

/** The place of a lens's logit: what the head makes of the vector at a tap. */
const refIn =
  (tap: string, position: number) =>
  ({ id }: Answer) => ({ tap: `predictMasked(${tap})`, at: [position, id] });

const percent = (probability: number): string => `${(100 * probability).toFixed(probability < 0.1 ? 1 : 0)} %`;

/** The likeliest words by layer. @param width pixels that there are */
export function lensWords({ position, layers }: Lens, width = 800): Scene {
  const count = Math.min(columnsIn(width), layers[0].best.length);
  const rows = layers.map(({ tap, best }, n) => ({
    ...{ name: stateName(n), words: best.slice(0, count), refOf: refIn(tap, position) },
  }));
  const { shapes, height } = wordRows(rows, [], width, ({ piece, probability }) => [piece, percent(probability)]);
  return {
    ...{ title: `What each layer would say at position ${position}`, width, height, shapes },
    legend: [`The ${count} likeliest words; a full bar is a probability of 1.`, HINT],
  };
}

/** The place of the words that are followed, by layer. @param width pixels that there are */
export function lensRanks({ position, layers }: Lens, width = 800): Scene {
  const all = layers[0].followed;
  const count = Math.min(columnsIn(width), all.length);
  const rows = layers.map(({ tap, followed }, n) => ({
    ...{ name: stateName(n), words: followed.slice(0, count), refOf: refIn(tap, position) },
  }));
  const names = all.slice(0, count).map(({ piece }) => piece);
  const { shapes, height } = wordRows(rows, names, width, ({ rank, probability }) => [
    `#${rank}`,
    percent(probability),
  ]);
  return {
    ...{ title: `Where words stand at position ${position}`, width, height, shapes },
    legend: [
      "# is the place among all pieces of the vocabulary; a full bar is a probability of 1.",
      ...(count < all.length ? [`${count} of ${all.length} words are shown; Numbers has all.`] : []),
      HINT,
    ],
  };
}
