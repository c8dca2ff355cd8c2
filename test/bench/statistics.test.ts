import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rms, summarize } from "../../bench/harness/statistics.ts";

describe("summarize", () => {
  test("median, minimum and spread of an odd and an even number of samples", () => {
    // numpy.quantile([1, 2, 4, 8, 16], [0.25, 0.5, 0.75]) = [2, 4, 8]
    expect(summarize([8, 1, 16, 2, 4])).toEqual({ samples: 5, median: 4, min: 1, spread: 1.5 });
    // numpy.quantile([1, 2, 3, 10], [0.25, 0.5, 0.75]) = [1.75, 2.5, 4.75]
    expect(summarize([10, 3, 1, 2])).toEqual({ samples: 4, median: 2.5, min: 1, spread: 3 / 2.5 });
  });

  test("one sample has no spread", () => {
    expect(summarize([7])).toEqual({ samples: 1, median: 7, min: 7, spread: 0 });
  });

  test("does not depend on the order, and leaves the list as it is", () => {
    const times = fc.array(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { minLength: 1 });
    fc.assert(
      fc.property(times, (samples) => {
        const before = [...samples];
        expect(summarize(samples.toReversed())).toEqual(summarize(samples));
        expect(samples).toEqual(before);
      }),
    );
  });

  test.each([[[]], [[1, Number.NaN]], [[Number.POSITIVE_INFINITY]]])("refuses %j", (samples) => {
    expect(() => summarize(samples)).toThrow(/^summarize: samples must be finite numbers, got/);
  });
});

describe("rms", () => {
  test("of two lists", () => {
    expect(rms([1, 2, 3], [1, 5, -1])).toBe(Math.sqrt(25 / 3));
  });

  test("a NaN on either side is seen", () => {
    expect(rms([1, Number.NaN], [1, 2])).toBeNaN();
  });

  test("refuses lengths that differ, and nothing", () => {
    expect(() => rms([1], [1, 2])).toThrow("rms: both must have the same length above 0, got 1 and 2");
    expect(() => rms([], [])).toThrow("got 0 and 0");
  });
});
