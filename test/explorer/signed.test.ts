import { expect, test } from "vitest";
import { signed } from "../../src/explorer/scenes/signed.ts";

test.each([
  [1.25, 1, "1.3"],
  [-1.25, 2, "−1.25"],
  [-0.00001, 4, "0.0000"],
  [-0, 2, "0.00"],
  [-0.00006, 4, "−0.0001"],
  [-10, 0, "−10"],
])("%f with %i digits is %s", (number, digits, text) => {
  expect(signed(number, digits)).toBe(text);
});
