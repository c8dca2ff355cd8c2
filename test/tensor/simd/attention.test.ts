import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { numbers } from "../kernels/cases.ts";
import { BACKENDS, on } from "./variants.ts";

/** Heads of 16 to 64 numbers in one to three, and sequences up to 110 tokens: more than one block of rows. */
const shape = fc.record({
  D: fc.constantFrom(16, 32, 48, 64),
  A: fc.integer({ min: 1, max: 3 }),
  lengths: fc.array(fc.oneof(fc.integer({ min: 1, max: 110 }), fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 4,
  }),
});

describe.each(BACKENDS)("%s", (_, backend) => {
  test("attention is that of plain, and the same bits whether its probabilities are kept or not", () => {
    fc.assert(
      fc.property(shape, ({ D, A, lengths }) => {
        const H = D * A;
        const offsets = Int32Array.from([0, ...lengths.map((_, b) => lengths.slice(0, b + 1).reduce((x, y) => x + y))]);
        const R = offsets[lengths.length];
        const T = Math.max(...lengths);
        const masks = [1, 0, -0.5].slice(0, A);
        const inputs = [1, 2, 3].map((seed) => numbers(R * H, seed, 2));
        const want = new Float32Array(R * H);
        const [q, key, v] = inputs;
        plain.attention(want, null, q, key, v, offsets, H, A, masks);
        const k = backend.scope() as typeof backend;
        try {
          const [kq, kk, kv] = inputs.map((values) => on(k, values).data);
          const out = k.zeros([R * H]).data;
          k.attention(out, null, kq, kk, kv, offsets, H, A, masks);
          // Values are below 2, and a probability's error a few units of 2⁻²⁴. Measured: 1.2e-6.
          for (let i = 0; i < want.length; i++) {
            if (!(Math.abs(out[i] - want[i]) <= 2e-6)) expect.fail(`[${i}] is ${out[i]}, must be ${want[i]}`);
          }
          const kept = k.zeros([R * H]).data;
          const probs = k.zeros([lengths.length, A, T, T]).data;
          k.attention(kept, probs, kq, kk, kv, offsets, H, A, masks);
          expect(new Float32Array(kept)).toEqual(new Float32Array(out));

          // Every third token asks, so of some sequences none does.
          const asking = Array.from({ length: R }, (_, r) => r).filter((r) => r % 3 === 1);
          const readOffsets = offsets.map((end) => asking.filter((r) => r < end).length);
          const rows = (data: Float32Array) => asking.flatMap((r) => [...data.subarray(r * H, (r + 1) * H)]);
          const some = k.zeros([asking.length * H]).data;
          const queries = on(k, Float32Array.from(rows(kq))).data;
          k.attention(some, null, queries, kk, kv, offsets, H, A, masks, readOffsets);
          expect([...some]).toEqual(rows(out));
          const plainSome = new Float32Array(asking.length * H);
          plain.attention(plainSome, null, Float32Array.from(rows(q)), key, v, offsets, H, A, masks, readOffsets);
          expect([...plainSome]).toEqual(rows(want));
        } finally {
          k.release();
        }
      }),
      { numRuns: 60 },
    );
  });
});
