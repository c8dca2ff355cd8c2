import { expect, test } from "vitest";
import { modelMark } from "../../src/cli/modelMark.ts";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";

test("types of matrices are told apart, also where they hold the same numbers: the small model's are bfloat16's", async () => {
  await using float32 = await loadBert(undefined, { backend: "plain" });
  await using bfloat16 = await loadBert(undefined, { backend: "plain", dtype: "bfloat16" });
  const numbers = (bert: typeof float32) =>
    Array.from(bert.parameters, ([name, { data }]) => [name, data.slice(0, 16)]);
  expect(numbers(bfloat16)).toEqual(numbers(float32));
  expect(modelMark(bfloat16)).not.toBe(modelMark(float32));
});

test("width and threads are not told apart, as they change no bit; one rounding or two are", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" });
  const markWith = (backend: Partial<Bert["backend"]>) =>
    markOf(bert, { backend: { ...bert.backend, name: "simd", ...backend } });
  expect(markWith({ width: 256, threads: 2 })).toBe(markWith({ width: 128, threads: 1 }));
  expect(markWith({ fused: true })).not.toBe(markWith({ fused: false }));
  expect(markWith({ name: "plain" })).not.toBe(markWith({}));
});

test("so are tokenizers: with other tokens the same weights give other answers", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" });
  expect(markOf(bert, {})).toBe(modelMark(bert));
  expect(markOf(bert, { fingerprint: `${bert.fingerprint.slice(1)}0` })).not.toBe(modelMark(bert));
});

/** The mark of a model that is another in some points. */
function markOf({ config, dtype, fingerprint, samples, backend }: Bert, changes: Partial<Bert>): string {
  return modelMark({ config, dtype, fingerprint, samples, backend, ...changes } as Bert);
}
