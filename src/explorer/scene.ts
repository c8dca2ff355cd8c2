/**
 * A picture as a list of shapes that know their numbers: a scene is a pure function of state and result, and canvas,
 * SVG, table and tests read the same list.
 */
import type { PaletteName } from "./palette.ts";

/** Where a number stands in what `forward` returns of a sequence: the tap or the output, and the last indices in it. */
export interface NumberRef {
  readonly tap: string;
  readonly at: readonly number[];
}

/** A matrix of cells, row by row; the colour of a cell is that of its strength on the palette. */
export interface MatrixShape {
  readonly kind: "matrix";
  readonly x: number;
  readonly y: number;
  /** Pixels of a cell's side. */
  readonly cell: number;
  /** Pixels of its height, where that is another. */
  readonly height?: number;
  /** Sequential where it is left out. */
  readonly palette?: PaletteName;
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly values: Float32Array;
  /** [rows, columns]: from 0, the darkest colour, to 1, the brightest, by the legend's formula. */
  readonly strengths: Float32Array;
  /** Where cell (i, j) comes from; of a pooled cell the place of its largest number. */
  ref(i: number, j: number): NumberRef;
}

/** A line between a query's token and a key's. */
export interface LineShape {
  readonly kind: "line";
  readonly from: readonly [x: number, y: number];
  readonly to: readonly [x: number, y: number];
  readonly value: number;
  /** By the legend's formula. */
  readonly opacity: number;
  readonly width: number;
  readonly tone: "accent" | "quiet";
  readonly ref: NumberRef;
}

/** A bar from the left. */
export interface BarShape {
  readonly kind: "bar";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly value: number;
  readonly ref: NumberRef;
}

/** A piece of text, which is never markup. */
export interface TextShape {
  readonly kind: "text";
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly align: "left" | "right" | "center";
  readonly tone: "plain" | "quiet" | "strong" | "accent";
  /** Degrees, clockwise about its place. */
  readonly turn?: number;
}

/** A filled rectangle that stands for no number of this result: what a bar would fill, the bar of an answer before. */
export interface RuleShape {
  readonly kind: "rule";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly tone: "quiet" | "faint";
}

/** The colours of a matrix from the darkest to the brightest, as a legend. */
export interface RampShape {
  readonly kind: "ramp";
  readonly palette?: PaletteName;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** One shape of a scene. */
export type Shape = MatrixShape | LineShape | BarShape | TextShape | RuleShape | RampShape;

/** A picture. */
export interface Scene {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  /** What the colours, widths and lengths mean, and what was left out, in sentences. */
  readonly legend: readonly string[];
  /** What the brightest colour stands for; left out where nothing is coloured. */
  readonly brightest?: string;
  /**
   * Of its colours, sequential where it is left out; a diverging one goes from −`brightest`, with 0 in its middle; one
   * below zero from there to 0.
   */
  readonly palette?: PaletteName;
  readonly shapes: readonly Shape[];
}

/** Every number of a scene with its place, a matrix cell by cell. */
export function* numbersOf({ shapes }: Scene): Generator<{ readonly value: number; readonly ref: NumberRef }> {
  for (const shape of shapes) {
    if (shape.kind === "line" || shape.kind === "bar") yield { value: shape.value, ref: shape.ref };
    if (shape.kind !== "matrix") continue;
    for (let i = 0; i < shape.rows; i++) {
      for (let j = 0; j < shape.columns; j++)
        yield { value: shape.values[i * shape.columns + j], ref: shape.ref(i, j) };
    }
  }
}
