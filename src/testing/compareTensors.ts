import type { WeightSource } from "../checkpoint/weightSource.ts";
import { BertError, shown } from "../errors.ts";
import { expectKnownOptions, expectSignal, type OptionNames } from "../options.ts";
import { has, isA } from "../realm.ts";
import type { NumberArray, Safetensors } from "../safetensors/index.ts";
import { formatShape, sizeOf } from "../tensor/tensor.ts";
import { byForwardOrder } from "./forwardOrder.ts";

/**
 * Tensors by name: a map, as `bert.parameters`, `taps` of `forward`, and `tensors` of `collectActivations` are; what
 * `readSafetensors` gives; or a checkpoint that is read a tensor at a time.
 */
export type NamedTensors =
  | ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: NumberArray | (() => NumberArray) }>
  | Pick<Safetensors, "tensors" | "toFloat32">
  | Pick<WeightSource, "tensors" | "readInto">;

/** How `compareTensors` compares. */
export interface CompareOptions {
  /** The largest difference of two numbers that are taken for equal. Default 0: every bit counts. */
  readonly tolerance?: number;
  /** Stops between two tensors; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const OPTIONS: OptionNames<CompareOptions> = { tolerance: true, signal: true };

/** How two sets of tensors compare. */
export interface TensorComparison {
  /** Whether both have the same names, and under each the same shape and numbers. */
  readonly equal: boolean;
  /** How many names both have. */
  readonly compared: number;
  /** The tensors that both have and that differ, in the order of the forward pass: the first is where to look. */
  readonly differences: readonly TensorDifference[];
  /** Names that the first alone has, in the same order; then those of the second. */
  readonly onlyInA: readonly string[];
  readonly onlyInB: readonly string[];
}

/** How two tensors of one name differ. */
export interface TensorDifference {
  readonly name: string;
  /** The first's shape, and the second's. */
  readonly shapes: readonly [a: readonly number[], b: readonly number[]];
  /** null: the shapes differ, and no numbers are compared. */
  readonly numbers: NumberDifference | null;
}

/** How the numbers a and b of two tensors differ. NaN equals NaN, and is as far from every number as can be: NaN. */
export interface NumberDifference {
  /** How many of them differ by more than the tolerance, and how many there are. */
  readonly count: number;
  readonly of: number;
  /** max |a − b| */
  readonly largest: number;
  /** The index where that is, one number for each axis, and what stands there. */
  readonly at: readonly number[];
  readonly values: readonly [a: number, b: number];
  /** √(mean (a − b)²) */
  readonly rms: number;
  /** The most float32 numbers that lie from a to b, one of the two not counted: 1 for neighbours. */
  readonly ulp: number;
}

/**
 * Compares tensors of the same names: two models' weights, or what two engines, machines or versions made of a text.
 * Numbers are compared as float32, in whatever type they are stored: two float64 numbers that round to the same are
 * equal. Without a tolerance −0 and 0 differ, as their bits do.
 *
 * @throws BertError ERR_INPUT what is no set of tensors, or a tolerance that is no number from 0; as reading throws
 * @example
 * const want = readSafetensors(await (await fetch("activations.safetensors")).arrayBuffer());
 * const { tensors } = await collectActivations(bert, "The door is open.");
 * const { differences } = await compareTensors(tensors, want, { tolerance: 1e-5 });
 * console.log(differences[0]?.name, differences[0]?.numbers?.largest);
 */
export async function compareTensors(
  a: NamedTensors,
  b: NamedTensors,
  options: CompareOptions = {},
): Promise<TensorComparison> {
  const [readerA, readerB] = [readerOf("a", a), readerOf("b", b)];
  expectKnownOptions("compareTensors", options, OPTIONS);
  const { tolerance = 0, signal } = options;
  if (typeof tolerance !== "number" || !(tolerance >= 0)) throw wrong("tolerance", "a number from 0", tolerance);
  expectSignal("compareTensors", signal);
  const names = [...readerA.shapes.keys()].sort(byForwardOrder);
  const common = names.filter((name) => readerB.shapes.has(name));
  const differences: TensorDifference[] = [];
  for (const name of common) {
    signal?.throwIfAborted();
    const difference = await compareOne(name, readerA, readerB, tolerance);
    if (difference) differences.push(difference);
  }
  const onlyInA = names.filter((name) => !readerB.shapes.has(name));
  const onlyInB = [...readerB.shapes.keys()].filter((name) => !readerA.shapes.has(name)).sort(byForwardOrder);
  const equal = differences.length + onlyInA.length + onlyInB.length === 0;
  return { equal, compared: common.length, differences, onlyInA, onlyInB };
}

/** Any of the forms of `NamedTensors`. */
interface Reader {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  read(name: string): Promise<Float32Array>;
}

function readerOf(which: string, tensors: NamedTensors): Reader {
  if (isA(tensors, "Map")) {
    const map = tensors as Extract<NamedTensors, ReadonlyMap<string, unknown>>;
    return { shapes: shapesOf(which, map), read: async (name) => asFloat32(map.get(name)!.data) };
  }
  if (!has(tensors, "tensors") || !isA(tensors.tensors, "Map"))
    throw wrong(which, "a Map of tensors, or a file of them", tensors);
  const shapes = shapesOf(which, tensors.tensors);
  if (has(tensors, "toFloat32")) return { shapes, read: async (name) => tensors.toFloat32(name) };
  if (!has(tensors, "readInto")) throw wrong(which, "a Map of tensors, or a file of them", tensors);
  return {
    shapes,
    async read(name) {
      const target = new Float32Array(sizeOf(shapes.get(name)!));
      await tensors.readInto(name, target);
      return target;
    },
  };
}

function shapesOf(which: string, map: ReadonlyMap<string, { readonly shape: readonly number[] }>): Reader["shapes"] {
  for (const [name, tensor] of map)
    if (!Array.isArray(tensor?.shape))
      throw wrong(which, `a Map of tensors, with a shape under ${shown(name)}`, tensor);
  return new Map(Array.from(map, ([name, { shape }]) => [name, shape]));
}

function asFloat32(data: NumberArray | (() => NumberArray)): Float32Array {
  const numbers = typeof data === "function" ? data() : data;
  if (isA(numbers, "Float32Array")) return numbers;
  return isA(numbers, "BigInt64Array") || isA(numbers, "BigUint64Array")
    ? Float32Array.from(numbers, Number)
    : new Float32Array(numbers);
}

/** @throws BertError ERR_INPUT a tensor with more or fewer numbers than its shape says */
async function compareOne(name: string, a: Reader, b: Reader, tolerance: number): Promise<TensorDifference | null> {
  const shapes = [a.shapes.get(name)!, b.shapes.get(name)!] as const;
  if (formatShape(shapes[0]) !== formatShape(shapes[1])) return { name, shapes, numbers: null };
  const [numbersA, numbersB] = await Promise.all([a.read(name), b.read(name)]);
  for (const [which, { length }] of [["a", numbersA] as const, ["b", numbersB] as const]) {
    if (length === sizeOf(shapes[0])) continue;
    throw wrong(which, `tensors with as many numbers as ${formatShape(shapes[0])} says under ${shown(name)}`, length);
  }
  const numbers = compareNumbers(numbersA, numbersB, shapes[0], tolerance);
  return numbers && { name, shapes, numbers };
}

/** How numbers of one shape differ; null: none does by more than the tolerance. */
function compareNumbers(
  a: Float32Array,
  b: Float32Array,
  shape: readonly number[],
  tolerance: number,
): NumberDifference | null {
  const [bitsA, bitsB] = [a, b].map(({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length));
  let [count, largest, worst, squares, ulp] = [0, -1, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    if (bitsA[i] === bitsB[i] || (Number.isNaN(a[i]) && Number.isNaN(b[i]))) continue;
    const difference = Math.abs(a[i] - b[i]);
    if (tolerance === 0 || !(difference <= tolerance)) count++; // so that NaN is not within it
    if (!(difference <= largest) && !Number.isNaN(largest)) [largest, worst] = [difference, i]; // NaN is the largest
    squares += difference * difference;
    ulp = Math.max(ulp, Number.isNaN(difference) ? Number.NaN : Math.abs(rank(bitsA[i]) - rank(bitsB[i])));
  }
  if (count === 0) return null;
  const [at, values] = [indexOf(worst, shape), [a[worst], b[worst]] as const];
  return { count, of: a.length, largest, at, values, rms: Math.sqrt(squares / a.length), ulp };
}

/** The place of a float32 among all of them in their order, 0 that of both zeros, from its bits as an integer. */
function rank(bits: number): number {
  return bits < 0 ? -(bits & 0x7fffffff) : bits;
}

/** One number for each axis, from the place in row-major order. */
function indexOf(place: number, shape: readonly number[]): number[] {
  const index: number[] = [];
  let rest = place;
  for (const n of shape.toReversed()) {
    index.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return index;
}

function wrong(name: string, expected: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `compareTensors: ${name} must be ${expected}, got ${shown(got)}`);
}
