import { describe, expect, test } from "vitest";
import { commentsOf, type Node, nodesOf, sourceFiles, treeOf } from "./support/syntaxTree.ts";

/** What ECMA-262 defines to the last bit in `Math`; of every other function it leaves the last bits to the engine. */
const EXACT: ReadonlySet<unknown> = new Set(
  (
    "abs ceil clz32 floor fround imul max min round sign sqrt trunc " + "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2"
  ).split(" "),
);

/** Files whose use of other functions moves no bit of a result, with the reason. */
const ENGINE_ALLOWED: Readonly<Record<string, string>> = {
  "cli/convert.ts": "a number of bytes that a person has written",
  "explorer/comparedResult.ts": "divergences, which are shown, and by which heads are ordered",
  "explorer/effects/outputAnswers.ts": "probabilities, which are shown; the logits are forward's",
  "explorer/entropy.ts": "entropies, which are shown, and by which heads are ordered",
  "explorer/needles.ts": "ln T, of which an entropy is a share",
  "explorer/ranked.ts": "probabilities and an entropy, which are shown; the logits are forward's",
  "explorer/scenes/answers.ts": "a probability, which is shown; the logits are forward's",
  "explorer/scenes/order.ts": "ln T, of which an entropy is a share",
  "explorer/scenes/pair.ts": "a softmax that is shown beside the engine's own",
  "hub/retry.ts": "a pause before the next attempt",
  "tensor/numberFormats.ts": "2 to a whole number; test/tensor/numberFormats.test.ts compares all 65,536 numbers",
  "tensor/simd/emitMath.ts": "2 to a constant",
  "training/report/chart.ts": "where the ticks of a drawn axis are",
};

/** The expressions of a file whose last bits the engine chooses. */
function engineMath(path: string, source: string): string[] {
  const found: string[] = [];
  const accounted = new Set<unknown>();
  for (const node of nodesOf(treeOf(path, source))) {
    const report = () => found.push(source.slice(node.start as number, node.end as number));
    if (node.type === "MemberExpression") {
      const { object, property, computed } = node as unknown as { object: Node; property: Node; computed: boolean };
      const isMath = object.type === "Identifier" && object.name === "Math";
      if (isMath) accounted.add(object);
      if (isMath && (computed || !EXACT.has(property.name))) report();
      if (!computed && !(object.name === "globalThis")) accounted.add(property); // the b of a.b
    }
    if (node.type === "VariableDeclarator" && (node.id as Node).type === "ObjectPattern") {
      const { properties } = node.id as unknown as { properties: readonly { key?: Node }[] };
      if (properties.every(({ key }) => EXACT.has(key?.name))) accounted.add(node.init); // const { fround } = Math
    }
    if (node.type === "Identifier" && node.name === "Math" && !accounted.has(node)) report();
    const isPower = node.type === "BinaryExpression" && node.operator === "**";
    if (isPower && !(isLiteral(node.left as Node) && isLiteral(node.right as Node))) report();
    if (node.type === "AssignmentExpression" && node.operator === "**=") report();
  }
  return found;
}

/** Whether it is a number as it stands, such as 32, −24 or 64n. */
function isLiteral(node: Node): boolean {
  return node.type === "Literal" || (node.type === "UnaryExpression" && isLiteral(node.argument as Node));
}

describe("no number depends on the JavaScript engine", () => {
  test("src calls its own exp, log and power wherever results are made", () => {
    const found = [...sourceFiles()].map(([path, source]) => [path, engineMath(path, source)] as const);
    expect(found.length).toBeGreaterThan(200);
    const uses = found.filter(([, expressions]) => expressions.length > 0);
    expect(uses.filter(([path]) => !(path in ENGINE_ALLOWED))).toEqual([]);
    expect(uses.map(([path]) => path).sort()).toEqual(Object.keys(ENGINE_ALLOWED)); // none is left that has no use
  });

  test.each([
    "const x = Math.exp(y);",
    "const x = Math.log1p(y);",
    "const x = Math.pow(2, y);",
    "const x = Math.hypot(a, b);",
    "const x = list.map(Math.tanh);",
    "const x = Math[name](y);",
    "const { exp, sqrt } = Math;",
    "const { sqrt, ...rest } = Math;",
    "const x = globalThis.Math.exp(y);",
    "const x = Math.random();",
    "const x = y ** 2;",
    "const x = 2 ** y;",
    "x **= 2;",
  ])("the check refuses %s", (source) => {
    expect(engineMath("pipelines/scores.ts", source).length).toBe(1);
  });

  test.each([
    "const x = Math.sqrt(y) * Math.SQRT1_2 + Math.max(a, Math.abs(b));",
    "const { fround } = Math;",
    "const x = 2 ** 32 - 1 + 2 ** -24; const y = 2n ** 64n;",
    "const x = exp(y) * log(z); // not Math.exp",
    'const x = "Math.exp(1)"; const y = own.Math;',
  ])("the check allows %s", (source) => {
    expect(engineMath("pipelines/scores.ts", source)).toEqual([]);
  });
});

/** Classes whose instances are printed, compared and posted without what is private, which `private` would not hide. */
const HIDDEN_ALLOWED: readonly string[] = ["tokenizer/encoding.ts"];

/** The first name of a member that is private by `#`, or null. */
function hiddenMember(path: string, source: string): string | null {
  for (const node of nodesOf(treeOf(path, source)))
    if (node.type === "PrivateIdentifier") return `#${node.name as string}`;
  return null;
}

describe("members are private by the word", () => {
  test("src has no member #name", () => {
    const found = [...sourceFiles()].filter(([path, source]) => hiddenMember(path, source) !== null);
    expect(found.map(([path]) => path)).toEqual(HIDDEN_ALLOWED);
  });

  test("the check sees fields, methods and uses, and no text", () => {
    expect(hiddenMember("a.ts", "class A { #field = 1; }")).toBe("#field");
    expect(hiddenMember("a.ts", "class A { #method() {} }")).toBe("#method");
    expect(hiddenMember("a.ts", "class A { private field = 1; } // #field")).toBeNull();
  });
});

/** The functions of a file with more than 6 parameters, as `path:line`; a destructured parameter is one. */
function longLists(path: string, source: string): string[] {
  const found: string[] = [];
  for (const { type, params, start } of nodesOf(treeOf(path, source))) {
    if (!/Function/.test(type) || type.startsWith("TSFunctionType") || !Array.isArray(params) || params.length <= 6)
      continue;
    found.push(`${path}:${source.slice(0, start as number).split("\n").length}`);
  }
  return found;
}

describe("functions above the kernels have at most 6 parameters", () => {
  test("all of src but tensor, whose kernels take sizes and offsets one by one", () => {
    const files = [...sourceFiles()].filter(([path]) => !path.startsWith("tensor/"));
    expect(files.length).toBeGreaterThan(200);
    const found = files.flatMap(([path, source]) => longLists(path, source));
    expect(found).toEqual([]);
  });

  test.each([
    "function f(a, b, c, d, e, f, g) {}",
    "const f = (a, b, c, d, e, f, ...g) => 1;",
    "class A { constructor(a, b, c, d, e, f, { g }) {} }",
    "class A { m(a, b, c, d, e, f, g = 1): void {} }",
    "const a = { m(a, b, c, d, e, f, g) {} };",
    "function f(a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1): void; function f(): void {}",
  ])("the check refuses %s", (source) => {
    expect(longLists("model/bert.ts", source)).toEqual(["model/bert.ts:1"]);
  });

  test("the check allows 6, whatever a destructured one has", () => {
    expect(longLists("model/bert.ts", "function f(a, b, c, d, e, { f, g, h }) { f(a, b, c, d, e, f, g); }")).toEqual(
      [],
    );
  });
});

/** The lines of a file that have a comment, or a part of one, and more than 120 characters, as `path:line`. */
function longComments(path: string, source: string): string[] {
  const lines = source.split("\n");
  const numbers = new Set<number>();
  for (const { start, end } of commentsOf(path, source)) {
    const first = source.slice(0, start).split("\n").length;
    const count = source.slice(start, end).split("\n").length;
    for (let n = first; n < first + count; n++) if (lines[n - 1].length > 120) numbers.add(n);
  }
  return [...numbers].filter((n) => !lines[n - 1].includes("biome-ignore")).map((n) => `${path}:${n}`);
}

describe("comments keep the code's 120 columns", () => {
  test("all of src", () => {
    expect([...sourceFiles()].flatMap(([path, source]) => longComments(path, source))).toEqual([]);
  });

  test("the check sees blocks, lines and ends of lines", () => {
    const words = "a ".repeat(60);
    expect(longComments("a.ts", `/**\n * ${words}\n */\nconst a = 1; // ${words}\n// ${words}`)).toEqual([
      "a.ts:2",
      "a.ts:4",
      "a.ts:5",
    ]);
    expect(longComments("a.ts", `const a = "${words}";\n/** ${words.slice(10)} */`)).toEqual([]);
  });
});
