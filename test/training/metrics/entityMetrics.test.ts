import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EntitySpan, entitiesOf, entityMetrics } from "../../../src/training/metrics/entityMetrics.ts";
import { golden } from "./golden.ts";

const span = (type: string, start: number, end: number): EntitySpan => ({ type, start, end });

describe("entitiesOf", () => {
  test("300 random lists of tags, as seqeval's get_entities reads them", () => {
    for (const { tags, entities } of golden.entities) {
      expect(entitiesOf(tags), tags.join(" ")).toEqual(entities.map(([type, start, end]) => span(type, start, end)));
    }
    expect(golden.entities.flatMap(({ entities }) => entities).length).toBeGreaterThan(300);
  });

  test.each([
    ["IOB2", ["B-PER", "I-PER", "O", "B-LOC", "B-LOC"], [span("PER", 0, 1), span("LOC", 3, 3), span("LOC", 4, 4)]],
    [
      "IOB1",
      ["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-ORG"],
      [span("PER", 0, 1), span("PER", 2, 2), span("LOC", 4, 4), span("ORG", 5, 5)],
    ],
    ["IOBES", ["B-PER", "I-PER", "E-PER", "S-LOC", "S-LOC"], [span("PER", 0, 2), span("LOC", 3, 3), span("LOC", 4, 4)]],
    ["a type with a hyphen, and none at all", ["B-a-b", "I-a-b", "B", "I-"], [span("a-b", 0, 1), span("_", 2, 3)]],
    ["nothing", [], []],
  ])("%s", (_, tags, want) => {
    expect(entitiesOf(tags)).toEqual(want);
  });

  test("tags of entities that were written down are read back", () => {
    const blocks = fc.array(fc.tuple(fc.constantFrom("O", "A", "B-C"), fc.integer({ min: 1, max: 4 })), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(blocks, (list) => {
        const tags: string[] = [];
        const want: EntitySpan[] = [];
        for (const [type, length] of list) {
          if (type !== "O") want.push(span(type, tags.length, tags.length + length - 1));
          for (let i = 0; i < length; i++) tags.push(type === "O" ? "O" : `${i === 0 ? "B" : "I"}-${type}`);
        }
        expect(entitiesOf(tags)).toEqual(want);
      }),
    );
  });
});

describe("entityMetrics", () => {
  test("the example in seqeval's documentation", () => {
    const references = [
      ["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"],
      ["B-PER", "I-PER", "O"],
    ];
    const predictions = [
      ["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"],
      ["B-PER", "I-PER", "O"],
    ];
    const half = { precision: 0.5, recall: 0.5, f1: 0.5, support: 2 };
    expect(entityMetrics({ predictions, references })).toEqual({
      perType: new Map([
        ["MISC", { precision: 0, recall: 0, f1: 0, support: 1 }],
        ["PER", { precision: 1, recall: 1, f1: 1, support: 1 }],
      ]),
      ...{ micro: half, macro: half, weighted: half, accuracy: 0.8 }, // 8 of 10 tags
    });
  });

  test("three averages that differ, by hand", () => {
    // A: 3 in the references, 2 predicted, 1 right. B: 1, 1, 1. C: none, 1 predicted.
    const references = [
      ["B-A", "O", "B-A", "O", "B-A", "O"],
      ["B-B", "O"],
    ];
    const predictions = [
      ["B-A", "O", "O", "B-A", "O", "B-C"],
      ["B-B", "O"],
    ];
    const { perType, micro, macro, weighted } = entityMetrics({ predictions, references });
    expect([...perType.keys()]).toEqual(["A", "B", "C"]);
    expect(perType.get("A")).toEqual({ precision: 1 / 2, recall: 1 / 3, f1: expect.closeTo(0.4, 15), support: 3 });
    expect(perType.get("C")).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 });
    expect(micro).toEqual({ precision: 0.5, recall: 0.5, f1: 0.5, support: 4 });
    expect(macro).toEqual({
      precision: expect.closeTo(1.5 / 3, 15),
      recall: expect.closeTo((1 / 3 + 1) / 3, 15),
      f1: expect.closeTo(1.4 / 3, 15),
      support: 4,
    });
    expect(weighted).toEqual({
      precision: expect.closeTo((3 * 0.5 + 1) / 4, 15),
      recall: expect.closeTo(2 / 4, 15),
      f1: expect.closeTo((3 * 0.4 + 1) / 4, 15),
      support: 4,
    });
  });

  test("no entities at all: every score 0", () => {
    const none = { precision: 0, recall: 0, f1: 0, support: 0 };
    const got = entityMetrics({ predictions: [["O"], []], references: [["O"], []] });
    expect(got).toEqual({ perType: new Map(), micro: none, macro: none, weighted: none, accuracy: 1 });
  });

  test("an entity never reaches into the next sentence", () => {
    const references = [["B-A"], ["I-A"]];
    expect(entityMetrics({ predictions: [["B-A"], ["O"]], references }).micro.support).toBe(2);
  });

  test("exchanging predictions and references exchanges precision and recall", () => {
    const tag = fc.constantFrom("O", "B-X", "I-X", "B-Y", "I-Y");
    const sentences = fc.array(fc.array(fc.tuple(tag, tag), { maxLength: 6 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(sentences, (list) => {
        const a = list.map((sentence) => sentence.map(([x]) => x));
        const b = list.map((sentence) => sentence.map(([, y]) => y));
        const there = entityMetrics({ predictions: a, references: b });
        const back = entityMetrics({ predictions: b, references: a });
        expect(back.micro.precision).toBe(there.micro.recall);
        expect(back.macro.recall).toBe(there.macro.precision);
        expect(back.micro.f1).toBe(there.micro.f1);
        const right = entityMetrics({ predictions: b, references: b });
        expect(right.micro.f1).toBe(right.micro.support > 0 ? 1 : 0);
      }),
    );
  });

  test.each([
    [[["O"]], [], "entityMetrics: there must be as many predictions as references, at least 1, got 1 and 0"],
    [[["O"]], [["O", "O"]], "entityMetrics: predictions[0] must have as many tags as references[0], got 1 and 2"],
    [[["PER-B"]], [["O"]], 'entitiesOf: tags[0] must be "O" or one of B, I, E, S with "-" and a type, got "PER-B"'],
    [[["O-X"]], [["O"]], 'got "O-X"'],
    [[["BPER"]], [["O"]], 'got "BPER"'],
  ])("%j against %j is an error", (predictions, references, message) => {
    expect(() => entityMetrics({ predictions, references })).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });
});
