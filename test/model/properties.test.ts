import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { SequenceInput } from "../../src/model/batch.ts";
import type { BertOutput } from "../../src/model/forward.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { BACKENDS } from "../support/backends.ts";
import { loadTiny } from "../support/reference.ts";

const T_MAX = 32;
const V = 211;

/** A sequence of 1 … 32 tokens of the tiny model. */
const sequence: fc.Arbitrary<Required<Pick<SequenceInput, "inputIds" | "tokenTypeIds">>> = fc
  .array(fc.tuple(fc.nat(V - 1), fc.nat(1)), { minLength: 1, maxLength: T_MAX })
  .map((tokens) => ({ inputIds: tokens.map(([id]) => id), tokenTypeIds: tokens.map(([, type]) => type) }));
const batch = fc.array(sequence, { minLength: 1, maxLength: 6 });

/** Row b of [B, …], its tokens past `length` left out. */
function rowOf(tensor: Tensor, b: number, length?: number): Float32Array {
  const perRow = tensor.data.length / tensor.shape[0];
  const row = tensor.data.subarray(b * perRow, (b + 1) * perRow);
  return length === undefined ? row.slice() : row.slice(0, (length * perRow) / tensor.shape[1]);
}

/** Everything that the model says about sequence b of a batch. */
function resultsOf(output: BertOutput, b: number, length: number): Float32Array[] {
  return [
    rowOf(output.lastHiddenState, b, length),
    rowOf(output.predictionLogits as Tensor, b, length),
    rowOf(output.poolerOutput as Tensor, b),
    rowOf(output.seqRelationshipLogits as Tensor, b),
  ];
}

describe.each(BACKENDS)("$title", (backend) => {
  let tiny: BertModel;
  let kernels: Backend;
  beforeAll(async () => {
    kernels = backend.create();
    tiny = await loadTiny("model.safetensors", {}, kernels);
  });

  test("a sequence's result is the same bits alone and in any batch", () => {
    fc.assert(
      fc.property(batch, (sequences) => {
        const together = tiny.forwardSync(sequences);
        sequences.forEach((one, b) => {
          const length = one.inputIds.length;
          expect(resultsOf(together, b, length)).toEqual(resultsOf(tiny.forwardSync([one]), 0, length));
        });
      }),
    );
  });

  test("nothing is read before it is written: the same bits where fresh tensors are full of NaN", () => {
    const sequences = [
      { inputIds: [2, 5, 7, 3] },
      { inputIds: Array.from({ length: 20 }, (_, t) => 10 + t), tokenTypeIds: Array.from({ length: 20 }, () => 1) },
    ];
    const options = { maskedLmPositions: [[1, 2], [19]] };
    const want = tiny.forwardSync(sequences, options);
    const owner: Backend = Object.hasOwn(kernels, "empty") ? kernels : Object.getPrototypeOf(kernels); // scopes share it
    const { empty } = owner;
    const filled = vi.spyOn(owner, "empty");
    filled.mockImplementation(function (this: Backend, shape) {
      const tensor = empty.call(this, shape);
      tensor.data.fill(Number.NaN);
      return tensor;
    });
    try {
      expect(tiny.forwardSync(sequences, options)).toEqual(want);
      expect(filled).toHaveBeenCalled();
    } finally {
      filled.mockRestore();
    }
  });

  test("without the last hidden state the last layer computes what the heads read alone: the same bits", () => {
    const asked = batch.chain((sequences) =>
      fc.tuple(
        fc.constant(sequences),
        fc.tuple(...sequences.map(({ inputIds }) => fc.array(fc.nat(inputIds.length - 1), { maxLength: 3 }))),
      ),
    );
    fc.assert(
      fc.property(asked, ([sequences, maskedLmPositions]) => {
        const { lastHiddenState: _, ...want } = tiny.forwardSync(sequences, { maskedLmPositions });
        expect(tiny.forwardSync(sequences, { maskedLmPositions, lastHiddenState: false })).toEqual(want);
      }),
    );
  });

  test("permuting a batch permutes its results", () => {
    const permuted = batch.chain((sequences) =>
      fc.tuple(
        fc.constant(sequences),
        fc.shuffledSubarray([...sequences.keys()], { minLength: sequences.length, maxLength: sequences.length }),
      ),
    );
    fc.assert(
      fc.property(permuted, ([sequences, order]) => {
        const straight = tiny.forwardSync(sequences);
        const shuffled = tiny.forwardSync(order.map((b) => sequences[b]));
        order.forEach((from, to) => {
          const length = sequences[from].inputIds.length;
          expect(resultsOf(shuffled, to, length)).toEqual(resultsOf(straight, from, length));
        });
      }),
    );
  });

  test("a masked token has no influence, wherever it stands and whatever it is", () => {
    const masked = sequence.chain((s) =>
      fc.tuple(
        fc.constant(s),
        fc.array(fc.constantFrom(0, 1), { minLength: s.inputIds.length, maxLength: s.inputIds.length }),
        fc.array(fc.nat(V - 1), { minLength: s.inputIds.length, maxLength: s.inputIds.length }),
      ),
    );
    fc.assert(
      fc.property(masked, ([s, mask, others]) => {
        fc.pre(mask.includes(1));
        const replaced = Array.from(s.inputIds, (id, t) => (mask[t] ? id : others[t]));
        const types = Array.from(s.tokenTypeIds, (type, t) => (mask[t] ? type : 1 - type));
        const a = tiny.forwardSync([{ ...s, attentionMask: mask }]);
        const b = tiny.forwardSync([{ inputIds: replaced, tokenTypeIds: types, attentionMask: mask }]);
        expect(a).toEqual(b);
        const H = 36;
        mask.forEach((m, t) => {
          const row = a.lastHiddenState.data.subarray(t * H, (t + 1) * H);
          expect(row.some((value) => value !== 0)).toBe(m === 1);
        });
      }),
    );
  });

  test("padding changes no bit", () => {
    fc.assert(
      fc.property(sequence, fc.nat(8), (s, extra) => {
        const length = s.inputIds.length;
        const zeros = Array(Math.min(extra, T_MAX - length)).fill(0);
        const padded = {
          inputIds: [...Array.from(s.inputIds), ...zeros],
          tokenTypeIds: [...Array.from(s.tokenTypeIds), ...zeros],
          attentionMask: [...Array(length).fill(1), ...zeros],
        };
        expect(resultsOf(tiny.forwardSync([padded]), 0, length)).toEqual(resultsOf(tiny.forwardSync([s]), 0, length));
      }),
    );
  });

  test("attention probabilities are not negative and each row sums to 1", () => {
    fc.assert(
      fc.property(batch, (sequences) => {
        const { attentions } = tiny.forwardSync(sequences, { attentions: true });
        expect(attentions).toHaveLength(2);
        for (const { data, shape } of attentions ?? []) {
          const [B, A, T] = shape;
          for (let row = 0; row < B * A * T; row++) {
            const b = Math.floor(row / (A * T));
            const probs = Array.from(data.subarray(row * T, (row + 1) * T));
            const length = sequences[b].inputIds.length;
            const real = row % T < length;
            // Each of at most 32 probabilities is off by at most half an ulp, 2⁻²⁵.
            expect(Math.abs(probs.reduce((sum, p) => sum + p, 0) - (real ? 1 : 0))).toBeLessThanOrEqual(
              real ? 32 * 2 ** -25 : 0,
            );
            expect(probs.every((p, t) => p >= 0 && (t < length || p === 0))).toBe(true);
          }
        }
      }),
    );
  });
});
