import { once } from "node:events";
import { afterAll, describe, expect, test } from "vitest";
import { OTHER_ACTIVATIONS } from "../../../src/tensor/kernels/otherActivations.ts";
import { plainTraining } from "../../../src/tensor/kernels/training.ts";
import { createSimdTrainingBackend } from "../../../src/tensor/simd/training/createSimdTrainingBackend.ts";
import { recordWorkers } from "../../support/workers.ts";
import { numbers } from "../kernels/cases.ts";

const workers = recordWorkers();

/** Long enough that three threads share it. */
const N = 40_003;

describe.each([1, 3])("activation functions without a kernel of their own, threads %i", (threads) => {
  const k = createSimdTrainingBackend({ threads });
  afterAll(() => k.dispose());

  test.each(OTHER_ACTIVATIONS)("%s: plain's bits, in place too, and nothing else is written", async (act) => {
    const [x, dy] = [numbers(N, 1, 12), numbers(N, 2)];
    const [want, dwant] = [new Float32Array(N), new Float32Array(N)];
    plainTraining.activate(want, x, act);
    plainTraining.activateBackward(dwant, dy, x, act);

    const rooms = [x, dy].map((values) => {
      const room = k.empty([N + 20]).data.fill(7);
      room.set(values, 3); // not aligned either
      return room;
    });
    const [inPlace, gradient] = rooms.map((room) => room.subarray(3, 3 + N));
    const argument = k.empty([N]).data;
    argument.set(x);
    k.activateBackward(gradient, gradient, argument, act);
    await Promise.all(workers.splice(0).map((worker) => once(worker, "message"))); // from now on they help
    k.activate(inPlace, inPlace, act);
    expect(inPlace).toEqual(want);
    expect(gradient).toEqual(dwant);
    for (const room of rooms) expect([...room.subarray(0, 3), ...room.subarray(3 + N)]).toEqual(new Array(20).fill(7));

    gradient.set(dy);
    k.activateBackward(gradient, gradient, argument, act);
    k.activate(argument, argument, act);
    expect(gradient).toEqual(dwant);
    expect(argument).toEqual(want);
  });

  test("NaN stays NaN, infinities have their limits", () => {
    for (const [act, high, low] of [
      ["gelu_10", 10, -0],
      ["hardswish", Infinity, -0],
      ["laplace", 1, 0],
      ["leaky_relu", Infinity, 0.01 * Math.fround(-1e30)],
      ["linear", Infinity, -1e30],
      ["mish", Infinity, -0],
      ["quick_gelu", Infinity, -0],
      ["relu2", Infinity, 0],
      ["relu6", 6, 0],
      ["sigmoid", 1, 0],
      ["sqrtsoftplus", Infinity, 0],
    ] as const) {
      const y = k.empty([3]).data;
      y.set([Number.NaN, Number.POSITIVE_INFINITY, -1e30]);
      k.activate(y, y, act);
      expect(y, act).toEqual(Float32Array.of(Number.NaN, high, low));
    }
  });
});
