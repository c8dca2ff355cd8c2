import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, test } from "vitest";
import type { SequenceInput } from "../../src/model/batch.ts";
import type { ForwardOptions } from "../../src/model/forward.ts";
import type { BertModel } from "../../src/runtime/bertModel.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { createSimdBackend } from "../../src/tensor/simd/createSimdBackend.ts";
import { loadModel, reference } from "../support/reference.ts";
import { expectSame } from "./sameOutput.ts";

/** A sequence for the tiny model: V = 211, 32 positions; some with padding. */
const sequence: fc.Arbitrary<SequenceInput> = fc
  .record({ T: fc.integer({ min: 1, max: 32 }), id: fc.nat(210), mask: fc.option(fc.nat()) })
  .map(({ T, id, mask }) => ({
    inputIds: Array.from({ length: T }, (_, t) => (id + 37 * t) % 211),
    ...(mask !== null && { attentionMask: Array.from({ length: T }, (_, t) => (t === 0 ? 1 : (mask >> t) & 1)) }),
  }));

const HEAD_MASK = [
  [0, 1, 0.5],
  [1, 2, 0],
];

interface Asked {
  readonly batch: readonly SequenceInput[];
  readonly options: ForwardOptions;
}

/** A call: a few sequences, or more than fit into a pass, and any options. */
const asked = (listed: boolean): fc.Arbitrary<Asked> =>
  fc
    .record({
      few: fc.array(sequence, { minLength: 1, maxLength: 4 }),
      many: fc.integer({ min: 0, max: 19 }),
      read: fc.boolean(),
      looks: fc.constantFrom({}, {}, {}, { hiddenStates: true }, { attentions: true }, { headMask: HEAD_MASK }),
      positions: fc.option(fc.nat(3)),
    })
    .map(({ few, many, read, looks, positions }) => {
      const batch = many === 0 ? Array.from({ length: 150 }, (_, i) => few[i % few.length]) : few;
      const real = ({ inputIds, attentionMask }: SequenceInput) =>
        Array.from(inputIds, (_, t) => t).filter((t) => attentionMask?.[t] !== 0);
      const lists = batch.map((one, b) => (positions === null ? [] : real(one).slice(0, (positions + b) % 4)));
      return {
        batch,
        options: {
          ...looks,
          ...(read ? {} : { lastHiddenState: false }),
          ...(listed && positions !== null && { maskedLmPositions: lists }),
        },
      };
    });

async function load(folder: string, architecture: string | null, simd: boolean): Promise<BertModel> {
  const path = reference(`tiny${folder}`);
  const backend = simd ? createSimdBackend({ threads: 2 }) : plain;
  const change = architecture ? { architecture: architecture as "BertModel" } : {};
  return loadModel(path, readFileSync(`${path}/config.json`, "utf8"), change, backend);
}

describe.each([
  ["BertModel", "", "BertModel"],
  ["BertForMaskedLM", "", "BertForMaskedLM"],
  ["BertForPreTraining", "", null],
  ["BertForSequenceClassification", "/heads/sequence-classification", null],
  ["BertForTokenClassification", "/heads/token-classification", null],
  ["BertForQuestionAnswering", "/heads/question-answering", null],
  ["BertForMultipleChoice", "/heads/multiple-choice", null],
] as const)("calls at the same time have the bits of each alone: %s", (_, folder, architecture) => {
  test.each([
    ["plain", false],
    ["simd, in a worker", true],
  ] as const)("%s", async (_, simd) => {
    await using model = await load(folder, architecture, simd);
    const listed = /MaskedLM|PreTraining/.test(model.config.architecture);
    await fc.assert(
      fc.asyncProperty(fc.array(asked(listed), { minLength: 2, maxLength: 8 }), async (calls) => {
        const outputs = await Promise.all(calls.map(({ batch, options }) => model.forward(batch, options)));
        for (const [i, { batch, options }] of calls.entries()) {
          expectSame(outputs[i], model.forwardSync(batch, options));
        }
      }),
      { numRuns: 5 },
    );
  });
});
