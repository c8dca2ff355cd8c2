import { describe, test } from "vitest";
import { KINDS, readChanged } from "./hostileFiles.ts";

describe("whatever stands in a file of examples, it is read right or refused by a BertError", () => {
  test.each(Object.entries(KINDS))("%s, 10,000 times changed", (_, kind) => readChanged(kind, 10_000));
});
