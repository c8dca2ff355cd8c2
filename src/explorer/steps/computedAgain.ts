/**
 * A number of the forward pass computed again, in plain loops: what its terms are, and what they come to. The order
 * of operations is that of the backend `plain`, a sum in float64 that is rounded to float32 where it is stored, so that
 * the number is the same to the last bit.
 */
import { exp } from "../../tensor/kernels/transcendental.ts";
import { ACTIVATION_FORMULAS, normalDistribution } from "./activationFormulas.ts";
import type { Operands } from "./operands.ts";

/** Terms of a sum. */
export interface Terms {
  /** What its columns are; the last has what is added up. */
  readonly columns: readonly string[];
  /** A list of numbers for each term; the first is its place. */
  readonly rows: readonly (readonly number[])[];
  /** Whether a term stands for a token. */
  readonly isByToken?: boolean;
}

/** A number computed again. */
export interface ComputedAgain {
  /** A float32. */
  readonly value: number;
  readonly sums: readonly Terms[];
  /** What is computed of the terms, a line for each: its name, how, and the number. */
  readonly lines: readonly (readonly [name: string, how: string, value: number])[];
}

/** Computes a number again. */
export function computedAgain(operands: Operands): ComputedAgain {
  switch (operands.how) {
    case "lookup":
      return {
        ...{ value: operands.value, sums: [] },
        lines: [["E", `row ${operands.row} of the table, as it stands there`, operands.value]],
      };
    case "linear":
      return linear(operands);
    case "norm":
      return norm(operands);
    case "probabilities":
      return probabilities(operands);
    case "context":
      return context(operands);
    case "activation":
      return activation(operands);
  }
}

type OperandsOf<How extends Operands["how"]> = Operands & { readonly how: How };

function linear({ x, weights, bias }: OperandsOf<"linear">): ComputedAgain {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * weights[i];
  const value = Math.fround(sum + bias);
  return {
    value,
    sums: [products(["i", "x_i", "w_i", "x_i w_i"], x, weights)],
    lines: [
      ["sum", "of all x_i w_i, in the order of i", sum],
      ["b", "the bias", bias],
      ["y", "sum + b, rounded to float32", value],
    ],
  };
}

function norm({ sum: vectors, gamma, beta, epsilon, place }: OperandsOf<"norm">): ComputedAgain {
  const x = vectors[0].slice();
  for (const vector of vectors.slice(1)) for (let h = 0; h < x.length; h++) x[h] += vector[h]; // rounded to float32
  let mean = 0;
  for (let h = 0; h < x.length; h++) mean += x[h];
  mean /= x.length;
  let variance = 0;
  for (let h = 0; h < x.length; h++) {
    const distance = x[h] - mean;
    variance += distance * distance;
  }
  variance /= x.length;
  const scale = 1 / Math.sqrt(variance + epsilon);
  const value = Math.fround((x[place] - mean) * scale * gamma + beta);
  const isSum = vectors.length > 1;
  return {
    value,
    sums: [
      {
        columns: ["h", ...(isSum ? vectors.map((_, n) => `part ${n + 1}`) : []), "x_h", "(x_h − μ)²"],
        rows: Array.from(x, (one, h) => [
          ...[h, ...(isSum ? vectors.map((vector) => vector[h]) : [])],
          ...[one, (one - mean) * (one - mean)],
        ]),
      },
    ],
    lines: [
      ["x", isSum ? `the sum at ${place}, each step rounded to float32` : `the number at ${place}`, x[place]],
      ["μ", `the mean of the ${x.length} numbers x_h`, mean],
      ["σ²", "their variance: the mean of (x_h − μ)²", variance],
      ["s", `1 / √(σ² + ${epsilon})`, scale],
      ["γ", "the learned factor", gamma],
      ["β", "the learned addend", beta],
      ["y", "(x − μ) s γ + β, rounded to float32", value],
    ],
  };
}

function probabilities({ query, keys, place }: OperandsOf<"probabilities">): ComputedAgain {
  const scale = 1 / Math.sqrt(query.length);
  const scores = new Float32Array(keys.length);
  for (let j = 0; j < keys.length; j++) {
    let dot = 0;
    for (let d = 0; d < query.length; d++) dot += query[d] * keys[j][d];
    scores[j] = dot * scale;
  }
  let max = Number.NEGATIVE_INFINITY;
  for (const score of scores) if (score > max) max = score;
  const powers = new Float32Array(keys.length);
  let sum = 0;
  for (let j = 0; j < keys.length; j++) {
    const power = exp(scores[j] - max);
    powers[j] = power; // rounded here, not in the sum
    sum += power;
  }
  const value = Math.fround(powers[place] / sum);
  return {
    value,
    sums: [
      products(["d", "q_d", "k_d", "q_d k_d"], query, keys[place]),
      {
        columns: ["j", "s_j = q·k_j / √D", "e^(s_j − m)"],
        rows: Array.from(powers, (power, j) => [j, scores[j], power]),
        isByToken: true,
      },
    ],
    lines: [
      ["s", `q·k / √D of key ${place}, D = ${query.length}, rounded to float32`, scores[place]],
      ["m", "the largest score", max],
      ["e^(s − m)", "rounded to float32", powers[place]],
      ["sum", "of all e^(s_j − m)", sum],
      ["p", "e^(s − m) / sum, rounded to float32", value],
    ],
  };
}

function context({ probabilities: p, values }: OperandsOf<"context">): ComputedAgain {
  let sum = 0;
  for (let j = 0; j < p.length; j++) sum += p[j] * values[j];
  const value = Math.fround(sum);
  return {
    value,
    sums: [{ ...products(["j", "p_j", "v_j", "p_j v_j"], p, values), isByToken: true }],
    lines: [
      ["sum", "of all p_j v_j, in the order of j", sum],
      ["c", "the sum rounded to float32", value],
    ],
  };
}

function activation({ x, act }: OperandsOf<"activation">): ComputedAgain {
  const { formula, of } = ACTIVATION_FORMULAS[act];
  const value = Math.fround(of(x));
  return {
    ...{ value, sums: [] },
    lines: [
      ["x", "the number before", x],
      ...(act === "gelu" ? [["Φ(x)", "½ (1 + erf(x / √2))", normalDistribution(x)] as const] : []),
      ["y", `${formula}, rounded to float32`, value],
    ],
  };
}

/** The products of two vectors, number by number. */
function products(columns: readonly string[], x: Float32Array, y: Float32Array): Terms {
  return { columns, rows: Array.from(x, (one, i) => [i, one, y[i], one * y[i]]) };
}

/** How many float32 numbers lie between two, of which one is counted: 0 where they are the same. */
export function unitsApart(a: number, b: number): number {
  return Math.abs(orderOf(a) - orderOf(b));
}

/** The place of a float32 among all, in the order of their size; of both zeros 0. */
function orderOf(x: number): number {
  const bits = new Int32Array(Float32Array.of(x).buffer)[0];
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}
