import { describe, expect, test } from "vitest";
import { readSquad } from "../../../src/training/data/squad.ts";
import { KINDS, readAsItIs, readChanged } from "./hostileFiles.ts";

describe("whatever stands in a file of examples, it is read right or refused by a BertError", () => {
  test.each(Object.entries(KINDS))("%s", async (_, kind) => {
    expect(await readAsItIs(kind)).toBeGreaterThan(1);
    await readChanged(kind, 500); // 10,000 in hostile.slow.test.ts
  });

  test("a million brackets", () => {
    for (const text of ["[".repeat(1e6), '{"data":'.repeat(1e6), "[".repeat(1e6) + "]".repeat(1e6)]) {
      expect(() => readSquad(text, { file: "a.json" })).toThrow(expect.objectContaining({ code: "ERR_INPUT" }));
    }
  });
});
