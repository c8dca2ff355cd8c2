import fc from "fast-check";
import { expect, test } from "vitest";
import { Rows, textAt } from "../../../src/pipelines/searchIndex/indexRows.ts";
import { liveRows, mostRows, SegmentBuilder } from "../../../src/pipelines/searchIndex/segment.ts";

/** So long that a segment has 32 rows. */
const H = 1 << 16;
const VECTORS = Array.from({ length: 4 }, (_, i) => new Float32Array(H).fill(i));

/** What a step does: adds so many texts, or removes those at these places of the list. */
type Step = { readonly add: number; readonly named: boolean } | { readonly remove: readonly number[] };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ add: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 70 })), named: fc.boolean() }),
  fc.record({ remove: fc.array(fc.nat(), { maxLength: 60 }) }),
);

test("any order of adding and removing leaves what a list has, in few segments of bounded size", () => {
  fc.assert(
    fc.property(fc.array(STEP, { maxLength: 25 }), (steps) => {
      const rows = new Rows(H);
      let list: { id: string; text: string; index: number }[] = [];
      for (const step of steps) {
        if ("add" in step) {
          const builder = new SegmentBuilder();
          for (let i = 0; i < step.add; i++) {
            const index = rows.next + i;
            const id = step.named && i % 2 === 0 ? `named ${index}` : null;
            builder.add({ text: `text ${index}`, id, metadata: null, vector: VECTORS[index % 4] });
            list.push({ id: id ?? String(index), text: `text ${index}`, index });
          }
          rows.append("add", builder.finish());
        } else {
          const gone = new Set(step.remove.flatMap((at) => (list.length > 0 ? [list[at % list.length].id] : [])));
          rows.remove("remove", [...gone]);
          list = list.filter(({ id }) => !gone.has(id));
        }
        expect(rows.size).toBe(list.length);
        expect(Array.from(liveRows(rows.segments), ([segment, r]) => textAt(segment, r))).toEqual(list);
        for (const [segment, r] of liveRows(rows.segments)) {
          expect(segment.vectors[r * H]).toBe(segment.numbers[r] % 4);
          const found = rows.find(textAt(segment, r).id);
          expect(found?.[0] === segment && found[1] === r).toBe(true);
        }
        for (const { numbers, count } of rows.segments) {
          expect(numbers.length).toBeLessThanOrEqual(mostRows(H));
          expect(2 * count).toBeGreaterThan(numbers.length - 1); // what was removed takes no more room than what is left
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("texts added one by one are soon in few segments", () => {
  const rows = new Rows(16);
  for (let n = 0; n < 3000; n++) {
    const builder = new SegmentBuilder();
    builder.add({ text: `text ${n}`, id: null, metadata: null, vector: new Float32Array(16) });
    rows.append("add", builder.finish());
  }
  expect(rows.segments.length).toBeLessThanOrEqual(12); // log2 3000
});

test("a text of many characters closes a segment", () => {
  const builder = new SegmentBuilder();
  const text = "x".repeat(1 << 24);
  for (let n = 0; n < 3; n++) builder.add({ text, id: null, metadata: null, vector: new Float32Array(16) });
  expect(builder.finish().map(({ count }) => count)).toEqual([2, 1]);
});
