/** What one number of a step is computed from: a few rows of the results before it, and of the model's parameters. */
import type { Tensor } from "../../index.ts";
import type { Activation, Step } from "./modelSteps.ts";

/** The numbers that one number is computed from; arrays of numbers and strings alone, which can be posted. */
export type Operands =
  | { readonly how: "lookup"; readonly row: number; readonly value: number }
  | { readonly how: "linear"; readonly x: Float32Array; readonly weights: Float32Array; readonly bias: number }
  | {
      readonly how: "norm";
      /** Vectors that are added up, from the first to the last. */
      readonly sum: readonly Float32Array[];
      readonly gamma: number;
      readonly beta: number;
      readonly epsilon: number;
      /** Which number of the vector is asked for. */
      readonly place: number;
    }
  | {
      readonly how: "probabilities";
      readonly query: Float32Array;
      readonly keys: readonly Float32Array[];
      /** Which key's share is asked for. */
      readonly place: number;
    }
  | { readonly how: "context"; readonly probabilities: Float32Array; readonly values: Float32Array }
  | { readonly how: "activation"; readonly x: number; readonly act: Activation };

/** Where operands come from: a forward pass of one text, and its model. */
export interface OperandSource {
  tap(name: string): Tensor;
  parameter(name: string): Tensor;
  readonly tokens: readonly { readonly id: number; readonly segment: number }[];
  /** The positions that the masked-language-model head reads. */
  readonly read: readonly number[];
  /** A */
  readonly heads: number;
  readonly epsilon: number;
}

/** The taps that the numbers of a step are computed from. */
export function operandTaps({ computation }: Step): readonly string[] {
  switch (computation.how) {
    case "lookup":
      return [];
    case "linear":
    case "activation":
      return [computation.x];
    case "norm":
      return computation.sum;
    case "probabilities":
      return [computation.query, computation.key];
    case "context":
      return [computation.probabilities, computation.value];
  }
}

/**
 * What a number of a step is computed from.
 *
 * @param place its row and column; of attention probabilities head, query and key
 */
export function operandsOf({ computation }: Step, place: readonly number[], source: OperandSource): Operands {
  const [row, column] = place.slice(-2);
  const { how } = computation;
  switch (how) {
    case "lookup": {
      const { id, segment } = source.tokens[row];
      const index = computation.by === "pieces" ? id : segment;
      return { how, row: index, value: rowOf(source.parameter(computation.table), index)[column] };
    }
    case "linear": {
      const from = { same: row, first: 0, gaps: source.read[row] }[computation.rows];
      const weights = rowOf(source.parameter(computation.weight), column);
      return {
        how,
        x: rowOf(source.tap(computation.x), from),
        weights,
        bias: source.parameter(computation.bias).data[column],
      };
    }
    case "norm": {
      const { positions, gamma, beta } = computation;
      const sum = computation.sum.map((name) => rowOf(source.tap(name), row));
      if (positions !== null) sum.push(rowOf(source.parameter(positions), row));
      const [scale, shift] = [gamma, beta].map((name) => source.parameter(name).data[column]);
      return { how, sum, gamma: scale, beta: shift, epsilon: source.epsilon, place: column };
    }
    case "probabilities": {
      const ofHead = (vector: Float32Array) => part(vector, place[0], source.heads);
      const query = ofHead(rowOf(source.tap(computation.query), row));
      const keys = source.tokens.map((_, t) => ofHead(rowOf(source.tap(computation.key), t)));
      return { how, query, keys, place: column };
    }
    case "context": {
      const T = source.tokens.length;
      const value = source.tap(computation.value);
      const head = Math.floor((column * source.heads) / (value.shape.at(-1) as number));
      const probabilities = rowOf(source.tap(computation.probabilities), head * T + row);
      return { how, probabilities, values: Float32Array.from(source.tokens, (_, t) => rowOf(value, t)[column]) };
    }
    case "activation":
      return { how, x: rowOf(source.tap(computation.x), row)[column], act: computation.act };
  }
}

/** A copy of row r of a tensor, whose last axis is the row's. */
function rowOf({ data, shape }: Tensor, r: number): Float32Array {
  const columns = shape.at(-1) as number;
  return data.slice(r * columns, (r + 1) * columns);
}

/** The numbers of head a of A in a row. */
const part = (row: Float32Array, a: number, A: number): Float32Array =>
  row.slice((a * row.length) / A, ((a + 1) * row.length) / A);
