/** How an effect becomes a colour, a number and a sentence. */
import type { Effect, EffectAnswer } from "../effects/outputAnswers.ts";
import type { Measure } from "../effects/subjects.ts";
import type { PaletteName } from "../palette.ts";
import { signed } from "./signed.ts";

/** How much an answer's score changes; null: it is not there, with or without. */
export function changeOf(untouched: Effect | null, effect: Effect | null, id: number): number | null {
  const [before, after] = [untouched, effect].map((one) => one?.answers.find((answer) => answer.id === id));
  return before && after ? after.score - before.score : null;
}

/** The answer that colours go by: the likeliest of the untouched model. */
export const watchedOf = (untouched: Effect | null): EffectAnswer | null => untouched?.answers[0] ?? null;

/** The largest magnitude. */
export const largestOf = (changes: readonly (number | null)[]): number =>
  changes.reduce<number>((most, change) => Math.max(most, Math.abs(change ?? 0)), 0);

/** The colours of a measure. */
export const paletteOf = ({ isLoss }: Measure): PaletteName => (isLoss ? "belowZero" : "diverging");

/** From 0, blue, over a half to 1, orange; of what is never above 0 from 0, blue, to 1, white. */
export function strengthOf(change: number, most: number, palette: PaletteName): number {
  const share = most > 0 ? change / most : 0;
  return palette === "belowZero" ? 1 + share : 0.5 + share / 2;
}

/** A change as it is written, with its sign; a small one with a digit more. */
export function written(change: number | null): string {
  if (change === null) return "–";
  const number = signed(change, Math.abs(change) < 0.1 ? 3 : 2);
  return change > 0 ? `+${number}` : number;
}

/** What the ends of the colours are called. */
export const endOf = (most: number): string => (most > 0 ? String(Number(most.toPrecision(3))) : "0");

/** What the colours are of, and what they say, in sentences. */
export const coloursOf = ({ name, probability }: EffectAnswer, { legend, isLoss, where }: Measure): string[] => [
  ...(probability === null ? [] : [`The answer is “${name}”${where}.`]),
  legend,
  isLoss
    ? "White: nothing changes; blue: the vector turns away."
    : "Blue: the answer loses by it; orange: it gains; white: nothing changes.",
];
