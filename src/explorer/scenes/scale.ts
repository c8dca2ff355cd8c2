/** How a probability becomes a colour or a line. */
import type { ExplorerState } from "../state.ts";
import { NORM_LEGEND } from "../weighted.ts";

type Scale = ExplorerState["scale"];

/** What a scale takes of a probability, in words. */
export const SCALE_NAMES: Readonly<Record<Scale, string>> = {
  linear: "probability",
  root: "square root of it",
  row: "share of the row's largest",
};

/** What a scale ends at. @param full the largest number of the model; left out of probabilities */
const endOf = (full?: number): string =>
  full === undefined ? "1" : `${rounded(full)}, the largest number of all heads,`;

/** What the lines of a scale are, in sentences. @param full as of `brightestOf`; left out of probabilities */
export function lineLegend(scale: Scale, full?: number): string[] {
  const number = full === undefined ? "probability" : "number";
  const legend = {
    linear: `A line is as opaque and as wide as its ${number}: 0 is nothing, ${endOf(full)} is full.`,
    root: `A line is as opaque and as wide as the square root of its ${number}, which lifts small ones: ${endOf(full)} is full.`,
    row: `A line is as opaque and as wide as its share of the largest ${number} in its row.`,
  };
  return [...normLegend(full), legend[scale]];
}

/** What the colours of a scale are, in sentences. @param full as of `brightestOf`; left out of probabilities */
export function colourLegend(scale: Scale, full?: number): string[] {
  const legend = {
    linear: `Dark is 0, bright is ${endOf(full).replace(/,$/, "")}.`,
    root: `Colours go by the square root of the number, which lifts small ones: half way is ${rounded((full ?? 1) / 4)}, ${endOf(full)} is bright.`,
    row: "Colours go by the number's share of the largest in its row.",
  };
  return [...normLegend(full), legend[scale]];
}

const normLegend = (full?: number): string[] => (full === undefined ? [] : [NORM_LEGEND]);

/** What the brightest colour of a scale stands for. @param full the largest number of the model; of probabilities 1 */
export const brightestOf = (scale: Scale, full = 1): string => (scale === "row" ? "the row's largest" : rounded(full));

const rounded = (number: number): string => String(Number(number.toPrecision(3)));

/** The strength of a number p in a row whose largest is `most`: from 0 to 1. @param full what 1 is of probabilities */
export function strengthOf(scale: Scale, p: number, most: number, full = 1): number {
  return scale === "linear" ? p / full : scale === "root" ? Math.sqrt(p / full) : most > 0 ? p / most : 0;
}

/** The strength of each number of a matrix with so many columns. */
export function strengthsOf(scale: Scale, values: Float32Array, columns: number, full = 1): Float32Array {
  if (scale === "linear" && full === 1) return values;
  const strengths = new Float32Array(values.length);
  for (let start = 0; start < values.length; start += columns) {
    const most = largestOf(values.subarray(start, start + columns));
    for (let j = start; j < start + columns; j++) strengths[j] = strengthOf(scale, values[j], most, full);
  }
  return strengths;
}

/** The largest number of a row. */
export const largestOf = (row: Float32Array): number => row.reduce((a, b) => Math.max(a, b), 0);
