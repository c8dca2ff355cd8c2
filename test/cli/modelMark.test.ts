import { expect, test } from "vitest";
import { modelMark } from "../../src/cli/modelMark.ts";
import { loadBert } from "../../src/pipelines/index.ts";

test("types of matrices are told apart, also where they hold the same numbers: the small model's are bfloat16's", async () => {
  await using float32 = await loadBert(undefined, { backend: "plain" });
  await using bfloat16 = await loadBert(undefined, { backend: "plain", dtype: "bfloat16" });
  const numbers = (bert: typeof float32) =>
    Array.from(bert.parameters, ([name, { data }]) => [name, data.slice(0, 16)]);
  expect(numbers(bfloat16)).toEqual(numbers(float32));
  expect(modelMark(bfloat16)).not.toBe(modelMark(float32));
});
