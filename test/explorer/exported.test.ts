import { expect, test } from "vitest";
import { codeOf } from "../../src/explorer/exported.ts";
import { loadBert } from "../../src/index.ts";
import { head as folderOf } from "../cli/run.ts";
import { explored } from "./models.ts";

/** Runs a program that the page copies, on `plain`. */
async function run(code: string): Promise<number[]> {
  const body = `${code.replace(/^import .*\n/, "")}return [...probabilities];`;
  const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
  const load = (path?: string, options = {}) => loadBert(path, { ...options, backend: "plain" });
  return new AsyncFunction("loadBert", body)(load);
}

test.each([
  ["a folder", [folderOf("mlm")], { pair: "", masks: [] }],
  ["a folder, with two texts and a hidden token", [folderOf("mlm")], { pair: "It was shut.", masks: [1] }],
  ["the small model", [], { pair: "", masks: [2] }],
])("the code that is copied computes the head's matrix again: %s", async (_, from, rest) => {
  await using bert = await loadBert(from[0], { backend: "plain" });
  const result = explored({ model: bert, tokenizer: bert.tokenizer }, 'He said: "the door`"', rest);
  const T = result.tokens.length;
  const want = [...result.attentions[1].subarray(T * T, 2 * T * T)];
  expect(await run(codeOf(result, 1, 1, bert, from))).toEqual(want);
});

test("of a model of an unknown place: a path to fill in, and the fingerprint", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" });
  const result = explored({ model: bert, tokenizer: bert.tokenizer }, "The door", {});
  expect(codeOf(result, 0, 0, bert, null)).toContain(
    `loadBert("PATH OF YOUR MODEL"); // the one whose bert.fingerprint is ${bert.fingerprint}\n`,
  );
  expect(codeOf(result, 0, 0, bert, ["org/tiny", { revision: "v1" }])).toContain(
    'loadBert("org/tiny", {"revision":"v1"});\n',
  );
});
