import { afterEach, describe, expect, test, vi } from "vitest";
import { compileKernels, variantsFor, whyNot256 } from "../../../src/tensor/simd/compile.ts";
import { type Compile, createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { KERNEL_NAMES } from "../../../src/tensor/simd/kernelNames.ts";
import { findV8, type V8 } from "../../../src/tensor/simd/v8Flags.ts";

const instantiate: Compile = (memory, variant) => compileKernels(memory, variant, findV8());
const v8 = (arch: string, version: number): V8 => ({ arch, version, withFlags: (_, body) => body() });

afterEach(() => {
  vi.unstubAllGlobals();
});

describe("variants", () => {
  const namesOf = (...args: Parameters<typeof variantsFor>) =>
    variantsFor(...args).map(({ width, fused }) => `${width}${fused ? " fused" : ""}`);

  test("the widest first; 256 bits on x64 from V8 13 on", () => {
    const all = ["256 fused", "128 fused", "256", "128"];
    expect(namesOf(v8("x64", 14), {})).toEqual(all);
    expect(namesOf(v8("x64", 13), {})).toEqual(all);
    const only128 = ["128 fused", "128"];
    expect(namesOf(v8("x64", 12), {})).toEqual(only128);
    expect(namesOf(v8("arm64", 14), {})).toEqual(only128);
    expect(namesOf(null, {})).toEqual(only128);
    expect(namesOf(v8("x64", 14), { wide: false })).toEqual(only128);
    expect(namesOf(v8("x64", 14), { deterministic: true })).toEqual(["256", "128"]);
  });
});

test("on x64 an older Node is told of a newer one, unless 256 bits are not wanted", () => {
  const advice = expect.stringMatching(/^256-bit: Node 24 or newer must run/);
  for (const version of [11, 12]) expect(whyNot256(v8("x64", version), true)).toEqual(advice);
  expect(whyNot256(v8("x64", 12), false)).toBeNull();
  for (const other of [v8("x64", 13), v8("x64", 14), v8("arm64", 12), null]) expect(whyNot256(other, true)).toBeNull();
  const here = findV8() as V8;
  const { reason } = createSimdBackend({ wide: true, threads: 1 }).info;
  expect(reason.includes("Node 24 or newer")).toBe(here.arch === "x64" && here.version < 13);
});

describe("createSimdBackend", () => {
  test("says what runs and why", () => {
    const backend = createSimdBackend({ wide: false, threads: 1 });
    const reason = "128-bit fused multiply-add: chosen";
    expect(backend.info).toEqual({ name: "simd", width: 128, fused: true, threads: 1, reason });
    expect(createSimdBackend({ wide: false, deterministic: true }).info.fused).toBe(false);
  });

  test.each(KERNEL_NAMES)("a variant whose %s is wrong is not taken, and the reason says so", (kernel) => {
    const broken: Compile = (memory, variant) => {
      const { module, kernels } = instantiate(memory, variant);
      if (!variant.fused) return { module, kernels };
      const wrong = (...args: number[]) => {
        kernels[kernel](...args);
        new Float32Array(memory.memory.buffer)[args[0] / 4 + 1] += 0.001; // one number, slightly
      };
      return { module, kernels: { ...kernels, [kernel]: wrong } };
    };
    const backend = createSimdBackend({ wide: false }, broken);
    expect(backend.info.fused).toBe(false);
    expect(backend.info.reason).toMatch(
      /^128-bit fused multiply-add: .+\[\d+\] is .+, must be .+; 128-bit multiply and add: chosen$/,
    );
  });

  test("a variant that takes an infinity for a number is not taken", () => {
    const broken: Compile = (memory, variant) => {
      const { module, kernels } = instantiate(memory, variant);
      return { module, kernels: variant.fused ? { ...kernels, finiteness: () => 0 } : kernels };
    };
    const { fused, reason } = createSimdBackend({ wide: false }, broken).info;
    expect(fused).toBe(false);
    expect(reason).toContain("allFinite[1] is 1, must be 0");
  });

  test("a variant that traps or does not compile is not taken", () => {
    const failing: Compile = (memory, variant) => {
      if (variant.fused) throw new WebAssembly.CompileError("no such instruction");
      return instantiate(memory, variant);
    };
    expect(createSimdBackend({ wide: false }, failing).info.reason).toBe(
      "128-bit fused multiply-add: no such instruction; 128-bit multiply and add: chosen",
    );
  });

  test("an error where nothing runs", () => {
    const forbidden: Compile = () => {
      throw new WebAssembly.CompileError("forbidden");
    };
    expect(() => createSimdBackend({ wide: false }, forbidden)).toThrow(
      "simd: the engine must run WebAssembly's vector instructions: 128-bit fused multiply-add: forbidden; 128-bit multiply and add: forbidden",
    );
    vi.stubGlobal("WebAssembly", undefined);
    expect(() => createSimdBackend()).toThrow("simd: the engine must have WebAssembly");
  });

  test("without shared memory, and without flags, as in a page", () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    vi.stubGlobal("process", undefined);
    const backend = createSimdBackend();
    expect(backend.info.width).toBe(128);
    expect(backend.core.memory.limits.shared).toBe(false);
  });
});

describe("findV8", () => {
  test("sets flags for the time of a call, and back also when it throws", () => {
    const set = vi.fn();
    vi.stubGlobal("process", {
      arch: "x64",
      versions: { v8: "13.6.233" },
      getBuiltinModule: () => ({ setFlagsFromString: set }),
    });
    const found = findV8();
    expect(found).toMatchObject({ arch: "x64", version: 13 });
    expect(() =>
      found?.withFlags(["--no-liftoff", "--wide"], () => {
        throw new Error("in between");
      }),
    ).toThrow("in between");
    expect(set.mock.calls.flat()).toEqual(["--no-liftoff", "--wide", "--liftoff", "--no-wide"]);
  });

  test("is null where there is no V8 to set flags of", () => {
    for (const versions of [{}, { v8: "13.0", bun: "1.3" }, { v8: "13.0", deno: "2.0" }]) {
      vi.stubGlobal("process", { arch: "x64", versions, getBuiltinModule: () => ({ setFlagsFromString: () => {} }) });
      expect(findV8()).toBeNull();
    }
  });
});
