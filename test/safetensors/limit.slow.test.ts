import { expect, test } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";

test("a header of exactly 100 MB is written and read, one byte more is not", () => {
  const frame = '{"__metadata__":{"k":""}}'.length;
  const file = writeSafetensors([], [["k", "x".repeat(100_000_000 - frame)]]);
  expect(file.length).toBe(100_000_008);
  expect(readSafetensors(file).metadata.get("k")!.length).toBe(100_000_000 - frame);
  expect(() => writeSafetensors([], [["k", "x".repeat(100_000_001 - frame)]])).toThrow(
    "writeSafetensors: the header would have 100000008 bytes, the format allows 100000000",
  );
});
