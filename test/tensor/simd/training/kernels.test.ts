import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { IGNORED } from "../../../../src/tensor/kernels/crossEntropy.ts";
import { plain as PLAIN } from "../../../../src/tensor/kernels/index.ts";
import { OTHER_ACTIVATIONS } from "../../../../src/tensor/kernels/otherActivations.ts";
import { plainTraining } from "../../../../src/tensor/kernels/training.ts";
import type { TrainingBackend } from "../../../../src/tensor/trainingBackend.ts";
import { TRAINING_BACKENDS } from "../../../support/training.ts";
import { numbers } from "../../kernels/cases.ts";

/**
 * Largest difference to `plain`, as a share of the result's largest element; measured 5.556e-7 (linearBackwardWeight).
 */
const TOLERANCE = 5.6e-7;

/** Runs a kernel on some shape: gives all it wrote. Arrays are made by `on`. */
type Run = (k: TrainingBackend, on: (length: number, seed: number, scale?: number) => Float32Array) => Float32Array[];

const size = (max: number) => fc.integer({ min: 1, max });
const probability = fc.constantFrom(0.1, 0.5, 0.9);
const word = fc.integer({ min: 0, max: 0xffffffff });
const mask = fc.record({ probability, seed: word, step: word, site: fc.nat(100) });
const lengths = fc.array(size(150), { minLength: 1, maxLength: 3 });

function offsetsOf(counts: readonly number[]): Int32Array {
  let at = 0;
  return Int32Array.of(0, ...counts.map((count) => (at += count)));
}

const linear = fc.tuple(size(140), size(150), size(150));
const CASES: Readonly<Record<string, fc.Arbitrary<Run>>> = {
  linear: fc.tuple(linear, fc.constantFrom(null, "gelu" as const)).map(([[R, I, O], act]) => (k, on) => {
    const y = on(R * O, 9);
    k.linear(y, on(R * I, 1), on(O * I, 2), on(O, 3), R, I, O, act);
    return [y];
  }),
  linearBackwardInput: linear.map(([R, I, O]) => (k, on) => {
    const dx = on(R * I, 1);
    k.linearBackwardInput(dx, on(R * O, 2), on(O * I, 3), R, I, O);
    return [dx];
  }),
  linearBackwardWeight: linear.map(([R, I, O]) => (k, on) => {
    const [dweight, dbias] = [on(O * I, 1), on(O, 2)];
    k.linearBackwardWeight(dweight, dbias, on(R * O, 3), on(R * I, 4), R, I, O);
    k.linearBackwardWeight(null, dbias, on(R * O, 5), on(R * I, 4), R, I, O);
    return [dweight, dbias];
  }),
  attention: fc
    .tuple(lengths, fc.constantFrom(1, 5, 16, 33), size(3), fc.option(mask), fc.boolean())
    .map(([counts, D, A, dropout, few]) => (k, on) => {
      const H = A * D;
      const offsets = offsetsOf(counts);
      const asking = offsetsOf(few ? counts.map((T, b) => Math.min(b, T)) : counts);
      const [R, M] = [offsets[counts.length], asking[counts.length]];
      const [q, key, v] = [on(M * H, 1), on(R * H, 2), on(R * H, 3)];
      const [out, dq, dk, dv] = [on(M * H, 4), on(M * H, 5), on(R * H, 6), on(R * H, 7)];
      if (dropout) k.attentionWithDropout(out, q, key, v, offsets, H, A, dropout, asking);
      k.attentionBackward(dq, dk, dv, on(M * H, 8), q, key, v, offsets, H, A, dropout, asking);
      return [out, dq, dk, dv];
    }),
  layerNormBackward: fc.tuple(size(90), fc.integer({ min: 8, max: 70 })).map(([R, H]) => (k, on) => {
    const [dx, dgamma, dbeta, x] = [on(R * H, 1), on(H, 2), on(H, 3), on(R * H, 4)];
    k.layerNormBackward(dx, dgamma, dbeta, dx, x, on(H, 5), R, H, 1e-12);
    return [dx, dgamma, dbeta];
  }),
  elementwise: fc
    .tuple(fc.constantFrom("gelu", "geluNew", "relu", "silu", "tanh"), size(9000))
    .map(([name, N]) => (k, on) => {
      const dx = on(N, 1);
      k[`${name}Backward` as "geluBackward"](dx, dx, on(N, 2, name === "tanh" ? 1 : 12));
      return [dx];
    }),
  activateBackward: fc.tuple(fc.constantFrom(...OTHER_ACTIVATIONS), size(9000)).map(([act, N]) => (k, on) => {
    const dx = on(N, 1);
    k.activateBackward(dx, dx, on(N, 2, 12), act);
    return [dx];
  }),
  gatherRowsBackward: fc.tuple(size(9), size(40), size(20)).map(([N, H, R]) => (k, on) => {
    const table = on(N * H, 1);
    const rows = Int32Array.from({ length: R }, (_, r) => (r * 7) % N);
    k.gatherRowsBackward(table, on(R * H, 2), rows, H);
    return [table];
  }),
  dropout: fc.tuple(size(9000), mask).map(([N, dropout]) => (k, on) => {
    const [x, y] = [on(N, 1), on(N, 2)];
    k.dropout(y, x, dropout);
    k.dropout(x, x, dropout);
    return [y, x];
  }),
  crossEntropy: fc.tuple(size(9), size(3000)).map(([R, C]) => (k, on) => {
    const logits = on(R * C, 1, 5);
    const labels = Int32Array.from({ length: R }, (_, r) => (r % 3 === 1 ? IGNORED : (r * 5) % C));
    const { loss, correct } = k.crossEntropy(logits, logits, labels, R, C, 0.25);
    return [logits, Float32Array.of(loss), Float32Array.of(correct + 1)];
  }),
  sumOfSquares: size(9000).map((N) => (k, on) => [Float32Array.of(k.sumOfSquares(on(N, 1)))]),
  adamw: size(40_000).map((N) => (k, on) => {
    const [weight, first, gradient] = [on(N, 1), on(N, 2), on(N, 3)];
    const second = on(N, 4);
    for (let i = 0; i < N; i++) second[i] = second[i] ** 2;
    const rates = { beta1: 0.9, beta2: 0.99, epsilon: 1e-3, stepSize: 0.1, correction: 0.8, decay: 0.01 };
    k.adamw(weight, first, second, gradient, { gradientScale: 0.7, ...rates });
    return [weight, first, second];
  }),
};

function results(k: TrainingBackend, run: Run): Float32Array[] {
  const scope = k.scope() as TrainingBackend & { release(): void };
  const got = run(scope, (length, seed, scale = 1) => {
    const { data } = scope.empty([length]);
    data.set(numbers(length, seed, scale));
    return data;
  });
  const copies = got.map((data) => Float32Array.from(data));
  scope.release();
  return copies;
}

describe.each(TRAINING_BACKENDS.slice(1))("$title", ({ create }) => {
  const [one, two] = [create(1), create(2)];
  afterAll(() => two.dispose());

  test.each(Object.keys(CASES))("%s: as plain, and the same bits on one thread and on two", (name) => {
    fc.assert(
      fc.property(CASES[name], (run) => {
        const want = results(plainTraining, run);
        const got = results(one, run);
        expect(results(two, run)).toEqual(got);
        for (const [n, array] of want.entries()) {
          const largest = array.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const at = array.findIndex((value, i) => !(Math.abs(got[n][i] - value) <= TOLERANCE * Math.max(largest, 1)));
          expect(at < 0 ? null : { n, at, got: got[n][at], want: array[at] }).toBeNull();
          if (name === "dropout") expect(got[n].map((y) => +(y === 0))).toEqual(array.map((y) => +(y === 0)));
        }
      }),
      { numRuns: 12, seed: 1 },
    );
  });
});

test("every kernel of training is among the cases", () => {
  const inherited = new Set(["linear"]);
  const calls = new Set<string>();
  const spy = new Proxy(plainTraining, {
    get: (target, key) => {
      calls.add(String(key));
      return key === "scope" ? () => spy : Reflect.get(target, key);
    },
  });
  for (const arbitrary of Object.values(CASES))
    for (const run of fc.sample(arbitrary, { numRuns: 20, seed: 2 })) results(spy, run);
  const training = Object.keys(plainTraining).filter((key) => !(key in PLAIN) || inherited.has(key));
  expect([...calls].filter((key) => training.includes(key)).sort()).toEqual(training.sort());
  expect(training.length).toBe(17);
});
