import { describe, expect, test } from "vitest";
import { perplexity } from "../../../src/training/metrics/perplexity.ts";

describe("perplexity", () => {
  test("by hand", () => {
    expect(perplexity(0, 5)).toBe(1); // sure and right
    expect(perplexity(2 * Math.log(8), 2)).toBeCloseTo(8, 14);
    expect(perplexity(Math.log(2) + Math.log(32), 2)).toBeCloseTo(8, 14); // √(2 · 32)
    expect(perplexity(1, 1)).toBeCloseTo(Math.E, 14);
    expect(perplexity(1e6, 1)).toBe(Number.POSITIVE_INFINITY); // as run_mlm.py
    expect(perplexity(Number.POSITIVE_INFINITY, 3)).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    [1, 0, "perplexity: tokens must be a whole number from 1, got 0"],
    [1, 1.5, "tokens must be a whole number from 1, got 1.5"],
    [-1, 1, "perplexity: loss must be a number from 0, got -1"],
    [Number.NaN, 1, "loss must be a number from 0, got NaN"],
  ])("%d, %d is an error", (loss, tokens, message) => {
    expect(() => perplexity(loss, tokens)).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: expect.stringContaining(message) }),
    );
  });
});
