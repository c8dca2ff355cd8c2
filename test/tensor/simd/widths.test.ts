import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { loadBert } from "../../../src/pipelines/index.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { STORAGE_TYPES } from "../../../src/tensor/storage.ts";
import { temporaryFolder } from "../../support/tinyModel.ts";
import { numbers } from "../kernels/cases.ts";
import { on, packedOf, window } from "./variants.ts";

const ROUNDINGS = [false, true].map((deterministic) => ({ deterministic }));

describe.each(ROUNDINGS)("256 bits give the bits of 128: %j", ({ deterministic }) => {
  const widths = (dtype: (typeof STORAGE_TYPES)[number]) =>
    [true, false].map((wide) => createSimdBackend({ wide, deterministic, dtype, threads: 1 }));

  test("products of all sizes of a tile, and more", () => {
    const backends = widths("float32");
    for (const [M, K, N] of [
      [1, 1, 1],
      [1, 40, 3],
      [2, 7, 17],
      [5, 97, 16],
      [6, 96, 48],
      [7, 129, 33],
      [13, 300, 50],
      [24, 770, 31],
    ]) {
      // biome-ignore format: one line
      const results = backends.map((k) => {
        const out = window(k, M, N, 1);
        k.matmul(out, window(k, M, K, 2), window(k, K, N, 3), 0.3);
        const turned = window(k, M, N, 1);
        k.matmulTransposed(turned, window(k, M, K, 4), window(k, N, K, 5), 0.3);
        const y = k.zeros([M, N]).data;
        k.linearStored(y, on(k, numbers(M * K, 6)).data, packedOf(k, on(k, numbers(N * K, 7), [N, K])), on(k, numbers(N, 8)).data, M); // biome-ignore format: one line
        return [out.data, turned.data, y].map((data) => Array.from(data));
      });
      expect(results[0], `${M}, ${K}, ${N}`).toEqual(results[1]);
    }
  });

  test.each(STORAGE_TYPES.filter((dtype) => dtype !== "float32"))("products with a weight of %s", (dtype) => {
    const backends = widths(dtype);
    for (const [R, I, O] of [
      [1, 24, 24],
      [3, 39, 53],
      [5, 135, 16],
      [6, 256, 40],
      [17, 300, 53],
    ]) {
      // biome-ignore format: one line
      const results = backends.map((k) => {
        const weight = k.emptyStored(dtype, [O, I]);
        k.encodeRows(weight, 0, on(k, numbers(O * I, 9)).data);
        const y = k.zeros([R, O]).data;
        k.linearStored(y, on(k, numbers(R * I, 10)).data, weight, on(k, numbers(O, 11)).data, R);
        return Array.from(y);
      });
      expect(results[0], `${R}, ${I}, ${O}`).toEqual(results[1]);
    }
  });

  test.each(STORAGE_TYPES)("the small model's vectors, %s", async (dtype) => {
    const outputs = [];
    for (const wide of [true, false]) {
      await using bert = await loadBert(undefined, { backend: "simd", wide, deterministic, dtype, threads: 1 });
      const texts = ["A.", "She opened the old door, and nobody was there.", "word ".repeat(90)];
      const { lastHiddenState } = await bert.forward(bert.tokenizer.encodeBatch(texts));
      outputs.push(Array.from(lastHiddenState.data));
    }
    expect(outputs[0]).toEqual(outputs[1]);
  });
});

/** Runs a program with a flag of V8's in an own process. */
function evaluated(flags: readonly string[], program: string): string {
  return execFileSync(process.execPath, [...flags, "--input-type=module", "-e", program], { encoding: "utf8" });
}

describe("fused is what the processor does", () => {
  /** These tests are compiled too, for versions of Node that do not run TypeScript. */
  const ending = extname(import.meta.url);
  const MODULE = new URL(`../../../src/tensor/simd/createSimdBackend${ending}`, import.meta.url).href;
  const info = (flags: readonly string[], options: object) =>
    JSON.parse(evaluated(flags, `import { createSimdBackend } from ${JSON.stringify(MODULE)}; console.log(JSON.stringify(createSimdBackend(${JSON.stringify({ ...options, threads: 1 })}).info));`)); // biome-ignore format: one line

  test.runIf(process.arch === "x64").each([{}, { wide: false }])("without FMA: %j", (options) => {
    const { width, fused, reason } = info(["--no-enable-fma3"], options);
    expect(fused).toBe(false);
    const refused = (bits: number) => `${bits}-bit fused multiply-add: a product is rounded before it is added; `;
    const isOlder = Number.parseInt(process.versions.node, 10) < 24;
    const advice = "256-bit: Node 24 or newer must run, which is twice as fast where the processor has AVX2; ";
    const of256 = "wide" in options ? "" : isOlder ? advice : refused(256);
    expect(reason.slice(0, (of256 + refused(128)).length)).toBe(of256 + refused(128));
    expect(reason).toContain(`${width}-bit multiply and add: chosen`);
  });

  test("a file that was begun without FMA is not gone on with where there is one, and the other way round", () => {
    if (process.arch !== "x64" || !info([], {}).fused) return;
    using place = temporaryFolder();
    const main = fileURLToPath(new URL(`../../../src/cli/main${ending}`, import.meta.url));
    const embed = (flags: readonly string[], env: Record<string, string>) => {
      const args = [...flags, main, "embed", "--no-truncation", "--output", "a.jsonl", "lines.txt"];
      try {
        execFileSync(process.execPath, args, { cwd: place.path, encoding: "utf8", env: { ...process.env, PLAINBERT_THREADS: "1", ...env }, stdio: "pipe" }); // biome-ignore format: one line
        return "";
      } catch (error) {
        return (error as { stderr: string }).stderr;
      }
    };
    mkdirSync(place.path, { recursive: true });
    const lines = Array.from({ length: 20 }, (_, i) => `A line with the number ${i}.`);
    const write = (...more: string[]) => writeFileSync(join(place.path, "lines.txt"), `${[...lines, ...more].join("\n")}\n`); // biome-ignore format: one line
    write();
    expect(embed([], {})).toBe("");
    const whole = readFileSync(join(place.path, "a.jsonl"), "utf8");
    write("long ".repeat(600), "The end.");
    expect(embed([], { PLAINBERT_WIDE: "0" })).toContain("20 lines are done, in a.jsonl.partial");
    write();
    expect(embed(["--no-enable-fma3"], {})).toContain("was made with other options, or by another model");
    expect(embed([], {})).toBe(""); // of another width, where the machine has both
    expect(readFileSync(join(place.path, "a.jsonl"), "utf8")).toBe(whole);
  });
});
