import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SequenceInput } from "../../src/model/batch.ts";
import type { BertOutput } from "../../src/model/forward.ts";
import { loadBert } from "../../src/pipelines/index.ts";
import { type ForwardStreamOptions, forwardStream } from "../../src/runtime/forwardStream.ts";
import { handModel, ofLength, quickModel } from "../support/handModel.ts";
import { loadModel, loadTiny, reference } from "../support/reference.ts";
import { drain, PushedSource } from "../support/streams.ts";
import { expectSame } from "./sameOutput.ts";

/** A sequence for the tiny model: V = 211, 32 positions; some with padding, two segments or positions of their own. */
const sequence: fc.Arbitrary<SequenceInput> = fc
  .record(
    { T: fc.integer({ min: 1, max: 32 }), id: fc.nat(210), mask: fc.nat(), second: fc.nat(32), shift: fc.nat(31) },
    { requiredKeys: ["T", "id"] },
  )
  .map(({ T, id, mask, second, shift }) => {
    const list = (value: (t: number) => number) => Array.from({ length: T }, (_, t) => value(t));
    return {
      inputIds: list((t) => (id + 37 * t) % 211),
      ...(second !== undefined && { tokenTypeIds: list((t) => (t < second ? 0 : 1)) }),
      ...(mask !== undefined && { attentionMask: list((t) => (t === 0 ? 1 : (mask >> t) & 1)) }),
      ...(shift !== undefined && { positionIds: list((t) => (t + shift) % 32) }),
    };
  });

describe("each output is that of forward with the sequence alone", () => {
  test("for any sequences and options, over several passes", async () => {
    const tiny = await loadTiny();
    const sequences = fc.array(sequence, { minLength: 140, maxLength: 160, size: "max" });
    const options = fc.record({ hiddenStates: fc.boolean(), attentions: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(sequences, options, async (list, options) => {
        let i = 0;
        for await (const output of tiny.forwardStream(list, options)) {
          expectSame(output, tiny.forwardSync([list[i++]], options));
        }
        expect(i).toBe(list.length);
      }),
      { numRuns: 2 },
    );
  });

  test.each([
    ["BertModel", "", "BertModel"],
    ["BertForMaskedLM", "", "BertForMaskedLM"],
    ["BertForPreTraining", "", "BertForPreTraining"],
    ["BertForNextSentencePrediction", "/heads/next-sentence-prediction", null],
    ["BertForSequenceClassification", "/heads/sequence-classification", null],
    ["BertForTokenClassification", "/heads/token-classification", null],
    ["BertForQuestionAnswering", "/heads/question-answering", null],
  ] as const)("for %s", async (architecture, folder, change) => {
    const path = reference(`tiny${folder}`);
    const model = await loadModel(
      path,
      readFileSync(`${path}/config.json`, "utf8"),
      change ? { architecture: change } : {},
    );
    expect(model.config.architecture).toBe(architecture);
    const list = fc.sample(sequence, 9);
    const headMask = [
      [0, 1, 0.5],
      [1, 2, 0],
    ];
    const options = { hiddenStates: true, attentions: true, headMask };
    const { given, error } = await drain(model.forwardStream(list, options));
    expect(error).toBeNull();
    expect(given.length).toBe(list.length);
    for (const [i, output] of given.entries()) expectSame(output, model.forwardSync([list[i]], options));
  });

  test("in a worker; dispose ends the stream", async () => {
    const bert = await loadBert(undefined, { backend: "simd", threads: 2, architecture: "BertModel" });
    const list = bert.tokenizer.encodeBatch(["A text.", "It was the day and the night.", "No"]);
    const source = new PushedSource<SequenceInput>();
    const outputs = bert.forwardStream(source);
    source.push(...list);
    for (const sequence of list) {
      expectSame((await outputs.next()).value as BertOutput, bert.forwardSync([sequence]));
    }
    const next = outputs.next();
    await bert.dispose();
    source.push(list[0]);
    await expect(next).rejects.toMatchObject({ name: "BertError", code: "ERR_BACKEND" });
    expect(source.closed).toBe(1);
  });
});

describe("refused", () => {
  test.each(["tap", "taps", "maskedLmPositions", "numChoices"])("the option %s", async (name) => {
    const source = new PushedSource<SequenceInput>();
    const { error } = await drain(
      forwardStream(quickModel().model, source, { [name]: [] } as unknown as ForwardStreamOptions),
    );
    expect(error).toMatchObject({ code: "ERR_INPUT", message: `forwardStream: ${name} must be left out; use forward` });
    expect(source.closed).toBe(1);
  });

  test("a model for multiple choice", async () => {
    const { model } = handModel({ architecture: "BertForMultipleChoice" });
    expect((await drain(forwardStream(model, [ofLength(2)]))).error).toMatchObject({ code: "ERR_INPUT" });
  });

  test.each([null, undefined, 5, "text", { inputIds: [[1]] }])("what is no source: %j", async (source) => {
    const { error } = await drain(forwardStream(quickModel().model, source as unknown as SequenceInput[]));
    expect(error).toMatchObject({ code: "ERR_INPUT" });
    expect((error as Error).message).toContain("forwardStream: sequences must be an iterable");
  });
});
