import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { HiddenAct } from "../../../src/layers/pass.ts";
import { parseConfig } from "../../../src/model/config.ts";
import { readSafetensors } from "../../../src/safetensors/index.ts";
import { plainTraining as k } from "../../../src/tensor/kernels/training.ts";

/** Values and derivatives of transformers' table of activation functions (make_hidden_acts.py). */
const truth = readSafetensors(readFileSync(new URL("reference/hidden_acts.float64.safetensors", import.meta.url)));
const table = JSON.parse(truth.metadata.get("table") as string) as string[];
const names = [...truth.tensors.keys()].filter((name) => table.includes(name));
const x = Float32Array.from(truth.toFloat64("x"));

/** Half of the distance of two float32 numbers, as a share of them: what rounding costs. */
const HALF_ULP = 2 ** -24;
/** What PyTorch loses in float64, where it writes 1 + erf, 1 + tanh or 1 − σ and these cancel; measured 2.2e-15. */
const CANCELLED = 3e-15;
/** What the ten digits of `gelu_fast` change, measured 1.1e-12. */
const TEN_DIGITS = 3e-12;
/** Those that are written so. The others must be the truth, rounded. */
const CANCELLING = /^gelu|^laplace$/;

/** Runs the kernel of a name of the table. @returns y, and the derivative of its sum */
function run(act: HiddenAct): { y: Float32Array; slope: Float32Array } {
  const [y, slope] = [new Float32Array(x.length), new Float32Array(x.length).fill(1)];
  if (act === "gelu_new") {
    k.geluNew(y, x);
    k.geluNewBackward(slope, slope, x);
  } else if (act === "gelu" || act === "relu" || act === "silu" || act === "tanh") {
    k[act](y, x);
    k[`${act}Backward`](slope, slope, act === "tanh" ? y : x);
  } else {
    k.activate(y, x, act);
    k.activateBackward(slope, slope, x, act);
  }
  return { y, slope };
}

/** @param lost what the truth itself may lack */
function expectRounded(got: Float32Array, want: Float64Array, lost: number): void {
  for (const [i, value] of want.entries()) {
    const near = Math.abs(got[i] - value) <= HALF_ULP * Math.abs(value) * (1 + 1e-6) + Math.max(lost, 2 ** -150);
    if (!near && got[i] !== Math.fround(value)) expect.fail(`at ${x[i]}: got ${got[i]}, want ${value}`);
  }
}

describe.each(names)("%s", (name) => {
  const { y, slope } = run(parseConfig(JSON.stringify({ hidden_act: name })).hiddenAct);

  test("values", () => {
    const lost = name === "gelu_fast" ? TEN_DIGITS : CANCELLING.test(name) ? CANCELLED : 0;
    expectRounded(y, truth.toFloat64(name), lost);
  });

  test("derivatives", () => {
    const lost = name === "gelu_fast" ? TEN_DIGITS : name === "tanh" ? 2 * HALF_ULP : CANCELLED; // tanh′ is read from y
    expectRounded(slope, truth.toFloat64(`${name}.slope`), lost);
  });
});

test("every name of the table is read, but for those with parameters", () => {
  expect(names.length).toBe(22);
  expect(table.filter((name) => !names.includes(name))).toEqual(["prelu", "xielu"]);
});
