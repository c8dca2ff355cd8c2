import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { packBatch, rowsAt, unpack } from "../../src/model/batch.ts";
import { parseConfig } from "../../src/model/config.ts";

const config = parseConfig(JSON.stringify({ vocab_size: 10, max_position_embeddings: 6 }));
const pack = (input: unknown) => packBatch(input as Parameters<typeof packBatch>[0], config);

test("sequences are laid end to end without their padding", () => {
  const batch = pack([
    { inputIds: [1, 2, 3], tokenTypeIds: [0, 1, 1] },
    { inputIds: [4, 0, 5, 0], attentionMask: [1, 0, 1, 0] },
    { inputIds: new Int32Array([6]), positionIds: [5] },
  ]);
  expect(batch).toEqual({
    B: 3,
    T: 4,
    inputIds: Int32Array.of(1, 2, 3, 4, 5, 6),
    tokenTypeIds: Int32Array.of(0, 1, 1, 0, 0, 0),
    positionIds: Int32Array.of(0, 1, 2, 0, 2, 5),
    offsets: Int32Array.of(0, 3, 5, 6),
    padded: Int32Array.of(0, 1, 2, 4, 6, 8),
  });
  expect(unpack({ data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [6, 1] }, batch)).toEqual({
    data: Float32Array.of(1, 2, 3, 0, 4, 0, 5, 0, 6, 0, 0, 0),
    shape: [3, 4, 1],
  });
  expect(rowsAt([[2, 0], [2], []], batch)).toEqual(Int32Array.of(2, 0, 4));
});

test("[B, T] fields are the same as a list of sequences", () => {
  const fields = {
    inputIds: [
      [1, 2],
      [3, 0],
    ],
    attentionMask: [
      [1, 1],
      [1, 0],
    ],
    tokenTypeIds: [
      [0, 1],
      [0, 0],
    ],
  };
  const list = [
    { inputIds: [1, 2], attentionMask: [1, 1], tokenTypeIds: [0, 1] },
    { inputIds: [3, 0], attentionMask: [1, 0], tokenTypeIds: [0, 0] },
  ];
  expect(pack(fields)).toEqual(pack(list));
});

describe("refused", () => {
  const cases: [what: string, input: unknown, message: string][] = [
    ["no sequences", [], "the batch must have at least one sequence, got none"],
    ["nothing", undefined, "the batch must be a list of sequences or have inputIds of [B, T]"],
    ["a text", "Hello", "the batch must be a list of sequences or have inputIds of [B, T]"],
    ["a list of texts", ["Hello"], "inputIds of sequence 0 must be an array of numbers"],
    ["no tokens", [{ inputIds: [] }], "inputIds[0] must have at least one token, got none"],
    [
      "an id past the vocabulary",
      [{ inputIds: [1, 10] }],
      "inputIds[0][1] must be a whole number from 0 to 9 (the vocabulary), got 10",
    ],
    [
      "a negative id",
      [{ inputIds: [-1] }],
      "inputIds[0][0] must be a whole number from 0 to 9 (the vocabulary), got -1",
    ],
    [
      "half an id",
      [{ inputIds: [1] }, { inputIds: [1.5] }],
      "inputIds[1][0] must be a whole number from 0 to 9 (the vocabulary), got 1.5",
    ],
    [
      "an id that is NaN",
      [{ inputIds: [Number.NaN] }],
      "inputIds[0][0] must be a whole number from 0 to 9 (the vocabulary), got NaN",
    ],
    [
      "an id that is text",
      [{ inputIds: ["1"] }],
      "inputIds[0][0] must be a whole number from 0 to 9 (the vocabulary), got 1",
    ],
    [
      "a third segment",
      [{ inputIds: [1], tokenTypeIds: [2] }],
      "tokenTypeIds[0][0] must be a whole number from 0 to 1 (type_vocab_size), got 2",
    ],
    [
      "too long a text",
      [{ inputIds: [1, 1, 1, 1, 1, 1, 1] }],
      "positionIds[0][6] must be a whole number from 0 to 5 (max_position_embeddings), got 6",
    ],
    [
      "a mask of halves",
      [{ inputIds: [1], attentionMask: [0.5] }],
      "attentionMask[0][0] must be a whole number from 0 to 1 (0 or 1), got 0.5",
    ],
    [
      "a mask that leaves nothing",
      [{ inputIds: [1, 2], attentionMask: [0, 0] }],
      "attentionMask[0] must leave at least one token, got only zeros",
    ],
    [
      "a short mask",
      [{ inputIds: [1, 2], attentionMask: [1] }],
      "attentionMask[0] must have 2 numbers as inputIds has, got 1",
    ],
    [
      "ragged ids",
      { inputIds: [[1, 2], [3]] },
      "inputIds[1] must have 2 numbers as inputIds[0] has, got 1; pad the rows, or pass a list of sequences",
    ],
    [
      "a ragged mask",
      { inputIds: [[1, 2]], attentionMask: [[1]] },
      "attentionMask[0] must have 2 numbers as inputIds[0] has, got 1; pad the rows",
    ],
    [
      "too few mask rows",
      { inputIds: [[1], [2]], attentionMask: [[1]] },
      "attentionMask must have as many rows as inputIds, 2, got 1",
    ],
  ];
  test.each(cases)("%s", (_, input, message) => {
    expect(() => pack(input)).toThrow(BertError);
    expect(() => pack(input)).toThrow(`forward: ${message}`);
  });

  test.each([
    ["too few lists", [[0]], "maskedLmPositions must have one list for each of 2 sequences, got 1"],
    ["a padding token", [[0], [1]], "maskedLmPositions[1] must be indices of real tokens, got 1"],
    ["past the end", [[2], []], "maskedLmPositions[0] must be indices of real tokens, got 2"],
    ["before the start", [[], [-1]], "maskedLmPositions[1] must be indices of real tokens, got -1"],
  ])("asked positions: %s", (_, positions, message) => {
    const batch = pack([{ inputIds: [1, 2] }, { inputIds: [3, 4], attentionMask: [1, 0] }]);
    expect(() => rowsAt(positions, batch)).toThrow(`forward: ${message}`);
  });
});

test("a field under another spelling would be without effect, and is an error", () => {
  const sequence = { inputIds: [1, 2], overflowing: [], specialTokensMask: [1, 0], wordIds: [null, 0], offsets: [] };
  expect(pack([sequence]).B).toBe(1);
  expect(() => pack([{ ...sequence, token_type_ids: [0, 1] }])).toThrow(
    'forward: unknown field "token_type_ids"; did you mean "tokenTypeIds"?',
  );
  expect(() => pack({ inputIds: [[1]], attentionMasks: [[1]] })).toThrow(
    'forward: unknown field "attentionMasks"; did you mean "attentionMask"?',
  );
});
