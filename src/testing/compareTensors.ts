import { float32Room, type WeightSource } from "../checkpoint/weightSource.ts";
import { BertError, shown } from "../errors.ts";
import { expectKnownOptions, expectSignal, type OptionNames } from "../options.ts";
import { has, isA } from "../realm.ts";
import type { NumberArray, Safetensors } from "../safetensors/index.ts";
import { formatShape, sizeOf } from "../tensor/tensor.ts";
import { byForwardOrder } from "./forwardOrder.ts";
import { NumberComparison, type NumberDifference } from "./numberDifference.ts";

/**
 * Tensors by name: a map, as `bert.parameters`, `taps` of `forward`, and `tensors` of `collectActivations` are; what
 * `readSafetensors` gives; or a checkpoint, of whose tensors 8 MB are in memory at a time where its file can be
 * read in parts.
 */
export type NamedTensors =
  | ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: NumberArray | (() => NumberArray) }>
  | Pick<Safetensors, "tensors" | "toFloat32">
  | Pick<WeightSource, "tensors" | "readInto" | "readPart">;

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

/**
 * Compares tensors of the same names: two models' weights, or what two engines, machines or versions made of a text.
 * Numbers are compared as float32, in whatever type they are stored: two float64 numbers that round to the same are
 * equal. Without a tolerance −0 and 0 differ, as their bits do.
 *
 * @throws BertError ERR_INPUT what is no set of tensors, no tensor in either, a tolerance that is no number from 0, or
 *   a tensor for which there is not enough memory; as reading throws
 * @example
 * const want = readSafetensors(await (await fetch("activations.safetensors")).arrayBuffer());
 * const { tensors } = await collectActivations(bert, "The door is open.");
 * const { equal, differences, onlyInA } = await compareTensors(tensors, want, { tolerance: 1e-5 });
 * if (!equal) console.log(differences[0]?.name, differences[0]?.numbers?.largest, onlyInA);
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
  if (readerA.shapes.size + readerB.shapes.size === 0)
    throw new BertError("ERR_INPUT", "compareTensors: a or b must have a tensor, both have none");
  const names = [...readerA.shapes.keys()].sort(byForwardOrder);
  const common = names.filter((name) => readerB.shapes.has(name));
  const differences: TensorDifference[] = [];
  for (const name of common) {
    signal?.throwIfAborted();
    const difference = await compareOne(name, readerA, readerB, tolerance, signal);
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
  /** All numbers of a tensor. */
  read(name: string): Promise<Float32Array>;
  /** As many numbers as `target` has, from the one at `from` on; left out: a tensor is read as a whole. */
  readPart?(name: string, target: Float32Array, from: number): Promise<void>;
}

/** Numbers that are read at a time where tensors are read in parts: 4 MB of each of the two. */
const PART = 1 << 20;

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
      const target = float32Room("compareTensors", name, shapes.get(name)!);
      await tensors.readInto(name, target);
      return target;
    },
    ...(tensors.readPart && { readPart: async (name, target, from) => tensors.readPart?.(name, target, from) }),
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

async function compareOne(
  name: string,
  a: Reader,
  b: Reader,
  tolerance: number,
  signal: AbortSignal | undefined,
): Promise<TensorDifference | null> {
  const shapes = [a.shapes.get(name)!, b.shapes.get(name)!] as const;
  if (formatShape(shapes[0]) !== formatShape(shapes[1])) return { name, shapes, numbers: null };
  const size = sizeOf(shapes[0]);
  const comparison = new NumberComparison(tolerance);
  const next = [await partsOf("a", a, name, size), await partsOf("b", b, name, size)] as const;
  for (let from = 0; from < size; from += PART) {
    signal?.throwIfAborted();
    comparison.add(...(await Promise.all([next[0](from), next[1](from)])));
  }
  const numbers = comparison.difference(shapes[0]);
  return numbers && { name, shapes, numbers };
}

/**
 * What reads a tensor's numbers from one place to at most `PART` further: each call may overwrite what the one before
 * has given.
 *
 * @throws BertError ERR_INPUT a tensor with more or fewer numbers than its shape says
 */
async function partsOf(
  which: string,
  reader: Reader,
  name: string,
  size: number,
): Promise<(from: number) => Promise<Float32Array>> {
  if (reader.readPart) {
    const room = new Float32Array(Math.min(PART, size));
    return async (from) => {
      const part = room.subarray(0, Math.min(PART, size - from));
      await reader.readPart?.(name, part, from);
      return part;
    };
  }
  const numbers = await reader.read(name);
  if (numbers.length === size) return async (from) => numbers.subarray(from, from + PART);
  const rule = `tensors with as many numbers as ${formatShape(reader.shapes.get(name)!)} says under ${shown(name)}`;
  throw wrong(which, rule, numbers.length);
}

function wrong(name: string, expected: string, got: unknown): BertError {
  return new BertError("ERR_INPUT", `compareTensors: ${name} must be ${expected}, got ${shown(got)}`);
}
