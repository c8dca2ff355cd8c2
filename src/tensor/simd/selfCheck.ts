import { messageOf } from "../../realm.ts";
import type { Backend, BackendScope } from "../backend.ts";
import { ACTIVATION_NAMES, type Activation } from "../kernels/activations.ts";
import { plain } from "../kernels/index.ts";
import type { StorageType, Tensor } from "../tensor.ts";
import { tableOf } from "./kernelNames.ts";

/** Largest difference to `plain`, as a share of the result's largest element. Measured: 3e-7. */
const TOLERANCE = 2e-6;

/**
 * Runs every kernel once on a small case and compares with `plain`. The sizes leave remainders in each loop: of tiles,
 * panels, steps and vectors.
 *
 * @param storage the type of weights that the backend has kernels for
 * @returns null if all agree, else what does not
 */
export function mismatch(backend: BackendScope, storage: StorageType): string | null {
  const k = backend.scope();
  try {
    for (const [name, run] of Object.entries({ ...CASES, ...storedCases(storage) })) {
      const wrong = wrongAt(name, run(k), run(plain));
      if (wrong !== null) return wrong;
    }
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    k.release();
  }
}

/**
 * Whether products are added with one rounding: x² − (1 + 2⁻¹¹) for x = 1 + 2⁻¹² is 2⁻²⁴, and 0 if x² is rounded to a
 * float32 before.
 */
export function roundsOnce(backend: BackendScope): boolean {
  const k = backend.scope();
  try {
    const matrix = (rows: number, cols: number, ...values: number[]) => {
      const { data } = k.zeros([rows, cols]);
      data.set(values);
      return { data, offset: 0, rows, cols, stride: cols };
    };
    const x = 1 + 2 ** -12;
    const out = matrix(1, 1);
    k.matmul(out, matrix(1, 2, 1, x), matrix(2, 1, -(1 + 2 ** -11), x), 1);
    return out.data[0] !== 0;
  } finally {
    k.release();
  }
}

/** Says which element is the first that is too far off; null if none is. */
export function wrongAt(name: string, got: Float32Array, want: Float32Array): string | null {
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const at = want.findIndex((value, i) => !(Math.abs(got[i] - value) <= TOLERANCE * largest));
  return at < 0 ? null : `${name}[${at}] is ${got[at]}, must be ${want[at]}`;
}

/** Numbers from −4 to 4, different for each seed (the fractions of multiples of the golden ratio). */
export function numbers(k: Backend, shape: readonly number[], seed: number): Tensor {
  const tensor = k.zeros(shape);
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = (((i + 1) * (seed + 0.618033988749895)) % 1) * 8 - 4;
  return tensor;
}

function linear(k: Backend, R: number, packed: boolean): Float32Array {
  const [I, O] = [39, 53];
  const y = k.zeros([R, O]).data;
  const [weight, x, bias] = [numbers(k, [O, I], 1), numbers(k, [R, I], 2).data, numbers(k, [O], 3).data];
  const used = packed ? k.packWeight(weight) : weight;
  if (used.dtype) k.linearStored(y, x, used, bias, R);
  else k.linear(y, x, used.data, bias, R, I, O);
  return y;
}

function product(k: Backend, kernel: "matmul" | "matmulTransposed"): Float32Array {
  const [M, K, N] = [23, 21, 37];
  const window = (rows: number, cols: number, seed: number) => {
    const { data } = numbers(k, [rows, cols + 3], seed);
    return { data, offset: 2, rows, cols, stride: cols + 3 };
  };
  const out = window(M, N, 4);
  k[kernel](out, window(M, K, 5), kernel === "matmul" ? window(K, N, 6) : window(N, K, 6), 0.3);
  return out.data;
}

function elementwise(k: Backend, kernel: Activation): Float32Array {
  const { data } = numbers(k, [27], 7);
  k[kernel](data, data);
  return data;
}

/**
 * The cases of a storage type: weights that are rounded to it, in products of 17 rows and of one, in two parts of k,
 * and of so many rows and panels that float16 is kept in float32. float32 has none.
 */
function storedCases(dtype: StorageType): Readonly<Record<string, (k: Backend) => Float32Array>> {
  if (dtype === "float32") return {};
  const linear = (k: Backend, R: number, O: number): Float32Array => {
    const I = 135;
    const weight = k.emptyStored(dtype, [O, I]);
    k.encodeRows(weight, 0, numbers(k, [O, I], 18).data);
    const y = k.zeros([R, O]).data;
    k.linearStored(y, numbers(k, [R, I], 19).data, weight, numbers(k, [O], 20).data, R);
    return y;
  };
  return {
    [`linear, ${dtype}`]: (k) => linear(k, 17, 53),
    [`linear, one row, ${dtype}`]: (k) => linear(k, 1, 53),
    ...(dtype === "float16" && { [`linear, many rows, ${dtype}`]: (k) => linear(k, 37, 101) }),
  };
}

const CASES: Readonly<Record<string, (k: Backend) => Float32Array>> = {
  "linear, packed": (k) => linear(k, 17, true),
  "linear, one row": (k) => linear(k, 1, true),
  "linear, in rows": (k) => linear(k, 9, false),
  matmul: (k) => product(k, "matmul"),
  matmulTransposed: (k) => product(k, "matmulTransposed"),
  ...tableOf(ACTIVATION_NAMES, (name) => (k: Backend) => elementwise(k, name)),
  softmaxRows: (k) => {
    const { data } = numbers(k, [3, 23], 8);
    k.softmaxRows({ data, offset: 1, rows: 3, cols: 21, stride: 23 });
    return data;
  },
  attention: (k) => {
    const [H, A, offsets] = [64, 2, Int32Array.of(0, 19, 22)];
    const out = k.zeros([22, H]).data;
    const [query, key, value] = [14, 15, 16].map((seed) => numbers(k, [22, H], seed).data);
    k.attention(out, null, query, key, value, offsets, H, A, [1, 0.5]);
    return out;
  },
  layerNorm: (k) => {
    const [R, H] = [3, 21];
    const { data } = numbers(k, [R, H], 9);
    k.layerNorm(data, data, numbers(k, [H], 10).data, numbers(k, [H], 11).data, R, H, 1e-12);
    return data;
  },
  allFinite: (k) => {
    const { data } = numbers(k, [27], 17);
    const seen = (i: number, value: number) => {
      const before = data[i];
      data[i] = value;
      const finite = k.allFinite(data);
      data[i] = before;
      return Number(finite);
    };
    return Float32Array.of(seen(0, 3e38), seen(9, Number.NaN), seen(26, Number.NEGATIVE_INFINITY), seen(26, 0));
  },
  add: (k) => {
    const { data } = numbers(k, [27], 12);
    k.add(data, data, numbers(k, [27], 13).data);
    return data;
  },
};
