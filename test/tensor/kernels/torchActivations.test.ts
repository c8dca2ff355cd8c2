import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { TORCH_ACTIVATIONS, torchActivation } from "../../../src/tensor/kernels/torchActivations.ts";
import { tanh } from "../../../src/tensor/kernels/transcendental.ts";

const { x, classes }: { x: number[]; classes: Record<string, number[] | null> } = JSON.parse(
  readFileSync(join(import.meta.dirname, "reference/torch_activations.json"), "utf8"),
);
const usable = Object.entries(classes).filter((entry): entry is [string, number[]] => entry[1] !== null);

/** Largest error beside max(1, |y|); float64, but for the tails of erf and exp. Measured 2.3e-15. */
const ATOL = 4e-15;

describe("PyTorch's value of", () => {
  test.each(usable)("%s", (path, want) => {
    const got = torchActivation(path)?.(Float64Array.from(x), null) ?? new Float64Array(0);
    expect(got.length).toBe(want.length);
    for (const [i, y] of want.entries()) {
      expect(Math.abs(got[i] - y), `at ${x[i]}: got ${got[i]}, want ${y}`).toBeLessThanOrEqual(
        ATOL * Math.max(1, Math.abs(y)),
      );
    }
  });
});

test("every class is covered, and no other is known", () => {
  expect(usable.length).toBeGreaterThan(25);
  expect(usable.map(([path]) => path.split(".").at(-1)).sort()).toEqual([...TORCH_ACTIVATIONS].sort());
  for (const [path, y] of Object.entries(classes)) if (y === null) expect(torchActivation(path), path).toBeNull();
  expect(torchActivation("torch.nn.modules.activation.Threshold")).toBeNull(); // needs arguments
});

test("what is not PyTorch's is Tanh, whose name is known without its package", () => {
  expect(torchActivation("mine.Swish")?.(Float64Array.of(0.5), null)).toEqual(Float64Array.of(tanh(0.5)));
  expect(torchActivation("torch.nn.ReLU")?.(Float64Array.of(-1, 2), null)).toEqual(Float64Array.of(0, 2));
  expect(torchActivation("torch.nn.PReLU")?.(Float64Array.of(-1, 2), Float32Array.of(0.5))).toEqual(
    Float64Array.of(-0.5, 2),
  );
});
