import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { namesOf } from "../../scripts/readingExcerpts.ts";
import { commentsOf, type Node, sourceFiles, treeOf } from "../support/syntaxTree.ts";

/** Doc comments say where a function stands on the one page: "On one page: `softmax` in docs/reading/onePage.ts." */
const root = join(import.meta.dirname, "..", "..");
const MARK = /On one page: `(\w+)` in (docs\/reading\/\w+\.ts)\./g;
const SAID = /On one page|docs\/reading/g;

/** Files whose exported functions all have a mark, but for those below. */
const MARKED = [
  "model/bert.ts",
  "model/encoderLayer.ts",
  "model/heads.ts",
  ...[...sourceFiles().keys()].filter((path) => path.startsWith("layers/")).sort(),
  ...["activations", "adamw", "attention", "crossEntropy", "layerNorm", "matmul", "rows", "softmax"].map(
    (name) => `tensor/kernels/${name}.ts`,
  ),
];

/** What is not on the page, and why. */
const NOT_ON_THE_PAGE: Readonly<Record<string, string>> = {
  finish: "a pass without pauses: the page has none",
  emptyRecord: "what is kept for backward: the page keeps all",
  hasTrained: "frozen weights: the page trains all",
  scoped: "taps",
  see: "taps",
  readOffsets: "rows that are left out: the page computes all",
  keep: "what is kept for backward",
  drop: "dropout, which the page leaves out",
  attentionWithDropout: "dropout",
  longest: "the room that a batch needs: the page reads one text",
  normalDistribution: "a part of gelu",
  normalDensity: "a part of gelu's slope",
  geluOf: "gelu of one number",
  geluSlope: "gelu's slope at one number",
  geluNew: "another bend than the paper's",
  geluNewBackward: "another activation function",
  relu: "another activation function",
  reluBackward: "another activation function",
  silu: "another activation function",
  siluBackward: "another activation function",
  sumOfSquares: "clipped gradients, which the page leaves out",
};

/** The marks in a text: what they name, and in which file. Line breaks within a comment are spaces. */
function marksIn(text: string): { readonly name: string; readonly file: string }[] {
  const flat = text.replaceAll(/\n\s*\* ?/g, " ");
  return [...flat.matchAll(MARK)].map(([, name, file]) => ({ name, file }));
}

/** The names that a file declares at its top level. */
function declaredIn(path: string): string[] {
  const text = readFileSync(join(root, path), "utf8");
  return (treeOf(path, text).body as Node[]).flatMap(namesOf);
}

/** The exported functions of a file, with the doc comment above each. */
function functionsOf(path: string, source: string): { readonly name: string; readonly doc: string }[] {
  const comments = commentsOf(path, source);
  return (treeOf(path, source).body as Node[])
    .filter(({ declaration }) => (declaration as Node | null)?.type === "FunctionDeclaration")
    .map((node) => {
      const above = comments.findLast(({ end }) => end <= (node.start as number));
      return { name: namesOf(node)[0], doc: above ? source.slice(above.start, above.end) : "" };
    });
}

test("every mark names a function that is there", () => {
  const marks = [...sourceFiles().values()].flatMap(marksIn);
  expect(marks.length).toBeGreaterThan(50);
  for (const { name, file } of marks) expect(declaredIn(file), file).toContain(name);
  expect(declaredIn("docs/reading/onePage.ts")).not.toContain("bert"); // so a wrong name is seen
});

test("whatever speaks of the page does it by a mark", () => {
  for (const [path, source] of sourceFiles()) {
    const comments = commentsOf(path, source).map(({ start, end }) => source.slice(start, end));
    const said = [
      ...comments
        .join("\n")
        .replaceAll(/\n\s*\* ?/g, " ")
        .matchAll(SAID),
    ].length;
    expect(said, path).toBe(2 * marksIn(source).length);
  }
});

describe("model, layers and kernels", () => {
  const sources = sourceFiles();
  const all = MARKED.flatMap((path) => functionsOf(path, sources.get(path)!).map((one) => ({ ...one, path })));

  test.each(all)("$path: $name says where it stands", ({ name, doc }) => {
    expect(marksIn(doc).length).toBe(name in NOT_ON_THE_PAGE ? 0 : 1);
  });

  test("a forward stands on the first page, a backward on that of training", () => {
    for (const { name, doc } of all) {
      for (const { file } of marksIn(doc)) {
        if (/Backward/.test(name)) expect(file, name).toBe("docs/reading/onePageTraining.ts");
      }
    }
  });

  test("nothing is excused that is not there", () => {
    const names = all.map(({ name }) => name);
    for (const name of Object.keys(NOT_ON_THE_PAGE)) expect(names).toContain(name);
  });
});
