import { afterEach, describe, expect, test, vi } from "vitest";
import { createTrainingBackend } from "../../../../src/tensor/createTrainingBackend.ts";
import { plainTraining } from "../../../../src/tensor/kernels/training.ts";
import type { TrainingKernels } from "../../../../src/tensor/simd/kernelNames.ts";
import { compileTraining } from "../../../../src/tensor/simd/training/compileTraining.ts";
import {
  type CompileTraining,
  createSimdTrainingBackend,
} from "../../../../src/tensor/simd/training/createSimdTrainingBackend.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Compiles as usual, but the first module has this kernel instead. */
function once(change: (kernels: TrainingKernels, buffer: () => ArrayBufferLike) => Partial<TrainingKernels>) {
  let first = true;
  const compile: CompileTraining = (memory, ...rest) => {
    const compiled = compileTraining(memory, ...rest);
    if (!first) return compiled;
    first = false;
    return { ...compiled, kernels: { ...compiled.kernels, ...change(compiled.kernels, () => memory.memory.buffer) } };
  };
  return compile;
}

describe("createSimdTrainingBackend", () => {
  const { trainingCore } = createSimdTrainingBackend() as unknown as { trainingCore: { training: TrainingKernels } };
  const names = Object.keys(trainingCore.training) as (keyof TrainingKernels)[];

  test("has kernels to check", () => expect(names.length).toBe(16));

  test.each(names)("where %s is wrong, the 128-bit variant is taken, and the reason says so", (name) => {
    const broken = once((kernels, buffer) => ({
      [name]: (...args: number[]) => {
        const result = kernels[name](...args);
        if (typeof result === "number") return result * 1.01;
        new Float32Array(buffer())[args[0] / 4 + 1] += 0.001; // one number, slightly
        return undefined;
      },
    }));
    const { reason, width } = createSimdTrainingBackend({}, broken).info;
    expect(width).toBe(128);
    expect(reason).toMatch(/^training, \d+-bit: .+\[\d+\] is .+, must be .+; 128-bit .+: chosen$/);
  });

  test("an error with every reason where none is right", () => {
    const forbidden: CompileTraining = () => {
      throw new WebAssembly.CompileError("forbidden");
    };
    expect(() => createSimdTrainingBackend({}, forbidden)).toThrow(
      /^simd: the kernels for training must agree with plain: (training, \d+-bit: forbidden(; )?){3}$/,
    );
  });

  test("without shared memory, as in a page", () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    vi.stubGlobal("process", undefined);
    expect(createSimdTrainingBackend().info.threads).toBe(1);
  });

  test("weights stay in rows", () => {
    const k = createSimdTrainingBackend();
    const weight = k.zeros([32, 8]);
    for (let i = 0; i < 256; i++) weight.data[i] = i;
    expect(k.packWeight(weight)).toBe(weight);
    expect([...weight.data]).toEqual(Array.from({ length: 256 }, (_, i) => i));
    expect(k.unpackWeight(weight)).toBe(weight.data);
  });
});

describe("createTrainingBackend", () => {
  test("by name", () => {
    expect(createTrainingBackend("plain")).toBe(plainTraining);
    expect(createTrainingBackend("simd", { threads: 1 }).info).toMatchObject({ name: "simd", threads: 1 });
    expect(createTrainingBackend().info.name).toBe("simd");
    const wrong = () => createTrainingBackend("fast" as "simd");
    expect(wrong).toThrow('createTrainingBackend: backend must be one of auto, simd, plain, got "fast"');
  });

  test("auto is plain, with the reason, where simd cannot run", () => {
    vi.stubGlobal("WebAssembly", undefined);
    const { name, reason } = createTrainingBackend().info;
    expect([name, reason]).toEqual(["plain", "simd: the engine must have WebAssembly"]);
    expect(() => createTrainingBackend("simd")).toThrow("the engine must have WebAssembly");
  });
});
