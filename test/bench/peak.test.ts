import { describe, expect, test } from "vitest";
import { formatPeak, type Interval, type Peak, peakRates } from "../../bench/harness/peak.ts";
import { type BenchCase, fractionOfPeak, type Run } from "../../bench/harness/results.ts";

/** A run of 1 GFLOP that begins at `start`. */
const run = (start: number, ms: number): Interval => [start, start + ms];

/**
 * A machine with two processors that are threads of one core: one thread alone needs 10 ms for 1 GFLOP, two at once 20 ms each. So the
 * core computes 100 GFLOP/s, by one thread or by both.
 */
const TWO_THREADS_A_CORE = {
  alone: [run(0, 10.4), run(20, 10), run(40, 10.1)],
  together: [
    [run(100, 20.2), run(130, 20), run(160, 21)],
    [run(100, 20.5), run(130, 19.9), run(160, 20)],
  ],
};

/** The same with a core for each. */
const ONE_THREAD_A_CORE = {
  alone: [run(0, 10)],
  together: [[run(100, 10)], [run(100, 10)]],
};

const peakOf = (timings: typeof TWO_THREADS_A_CORE | typeof ONE_THREAD_A_CORE): Peak => ({
  width: 256,
  threads: 2,
  ...peakRates(timings, 1e9),
});

test("two threads of one core have one core's peak", () => {
  const { alone, together } = peakOf(TWO_THREADS_A_CORE);
  expect(alone).toBeCloseTo(100);
  expect(together).toBeCloseTo(100);
});

test("two cores have twice one core's peak", () => {
  const { alone, together } = peakOf(ONE_THREAD_A_CORE);
  expect(alone).toBeCloseTo(100);
  expect(together).toBeCloseTo(200);
});

test("threads that did not run together are no faster for it", () => {
  const oneAfterTheOther = { alone: [run(0, 10)], together: [[run(100, 10)], [run(110, 10)]] };
  expect(peakRates(oneAfterTheOther, 1e9).together).toBeCloseTo(100);
});

test("the fraction of the peak is over what all threads reach together, not over one's times their number", () => {
  const side = { name: "plainbert", library: "plainbert", median: 11.9, min: 11, spread: 0, samples: 7 };
  const measured: BenchCase = { id: "encoder", title: "1 GFLOP", unit: "ms", flops: 1e9, sides: [side] };
  const peak = peakOf(TWO_THREADS_A_CORE);
  const fraction = fractionOfPeak(side, measured, { threads: 2, peak, backend: "", cases: [measured] } satisfies Run);
  expect(fraction).toBeCloseTo(0.84, 2); // 84 GFLOP/s of 100
  const wrong = 1e9 / (side.median * 1e6) / (peak.alone * 2);
  expect(wrong).toBeCloseTo(0.42, 2); // what one thread's peak times two gave
});

describe("in words", () => {
  test("both figures stand there, and a remark where they differ", () => {
    expect(formatPeak(peakOf(TWO_THREADS_A_CORE))).toBe(
      "peak of 2 threads at once 100 GFLOP/s, of one alone 100 GFLOP/s with 256-bit vectors; together they reach only 50 % of 2 times one: they share a core, or the machine is busy",
    );
    expect(formatPeak(peakOf(ONE_THREAD_A_CORE))).toBe(
      "peak of 2 threads at once 200 GFLOP/s, of one alone 100 GFLOP/s with 256-bit vectors",
    );
  });

  test("one thread has one figure", () => {
    expect(formatPeak({ width: 128, threads: 1, alone: 50, together: 50 })).toBe(
      "peak 50 GFLOP/s with 128-bit vectors",
    );
  });
});
