import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { classOf, codeOf, has, isA, messageOf, stackOf } from "../src/realm.ts";
import { readSafetensors, writeSafetensors } from "../src/safetensors/index.ts";
import { type Node, nodesOf, sourceFiles, treeOf } from "./support/syntaxTree.ts";

/** Values of another realm, as a test runner's context or a frame has them. */
const foreign = (code: string) => runInNewContext(code) as never;

describe("values of another realm", () => {
  test("errors", () => {
    const error = foreign(`Object.assign(new TypeError("no"), { code: "ENOENT", stack: "at" })`) as Error;
    expect(error instanceof Error).toBe(false);
    expect([messageOf(error), codeOf(error), stackOf(error)]).toEqual(["no", "ENOENT", "at"]);
    expect([messageOf("text"), messageOf(null), codeOf(null), stackOf({ message: "only" })]).toEqual([
      "text",
      "null",
      undefined,
      "only",
    ]);
    expect([has(error, "code"), has(error, "syscall"), has(undefined, "code")]).toEqual([true, false, false]);
  });

  test("arrays, buffers, maps", () => {
    expect(isA(foreign("new Float32Array(1)"), "Float32Array")).toBe(true);
    expect(isA(Buffer.of(1), "Uint8Array")).toBe(true);
    expect(isA(foreign("new SharedArrayBuffer(1)"), "SharedArrayBuffer")).toBe(true);
    expect(isA(foreign("new Map()"), "Map")).toBe(true);
    expect(isA(new Float64Array(1), "Float32Array")).toBe(false);
    expect([classOf(null), classOf([])]).toEqual(["Null", "Array"]);
  });

  test("tensors are written and read", () => {
    const types = { Float32Array: "F32", Float64Array: "F64", Int8Array: "I8", Uint16Array: "U16", Int32Array: "I32" };
    for (const [name, dtype] of Object.entries(types)) {
      const bytes = writeSafetensors([["x", { shape: [2], data: foreign(`${name}.of(1, 2)`) }]]);
      expect(readSafetensors(bytes).tensors.get("x")?.dtype).toBe(dtype);
    }
    const file = writeSafetensors([["x", { shape: [2], data: Float32Array.of(1, 2) }]]);
    const copy = runInNewContext("Uint8Array.from(bytes)", { bytes: Array.from(file) }) as Uint8Array<ArrayBuffer>;
    expect(copy instanceof Uint8Array).toBe(false);
    expect(readSafetensors(copy).toFloat32("x")).toEqual(Float32Array.of(1, 2));
    expect(readSafetensors(copy.buffer).toFloat64("x")).toEqual(Float64Array.of(1, 2));
  });
});

/** Questions about a value's class that are false of a value from another realm, in a source file. */
function classQuestions(path: string, source: string, own: ReadonlySet<string>): string[] {
  const found: string[] = [];
  const copied = /\bObject\.create\(Object\.$/; // a copy of the same class asks nothing
  for (const node of nodesOf(treeOf(path, source))) {
    const text = () => `${path}: ${source.slice(node.start as number, node.end as number)}`;
    if (node.type === "BinaryExpression" && node.operator === "instanceof") {
      const { type, name } = node.right as Node;
      if (type !== "Identifier" || !own.has(name as string)) found.push(text());
    }
    if (node.type === "BinaryExpression" && /^[!=]==?$/.test(node.operator as string)) {
      for (const side of [node.left, node.right] as Node[])
        if ((side.property as Node | undefined)?.name === "constructor") found.push(text());
    }
    if (
      node.type === "MemberExpression" &&
      /^(isPrototypeOf|getPrototypeOf)$/.test((node.property as Node).name as string) &&
      !copied.test(source.slice(0, (node.property as Node).start as number))
    ) {
      found.push(text());
    }
  }
  return found;
}

describe("src asks no value of the platform for its class", () => {
  const sources = [...sourceFiles()];
  /** An object of one of these was made by the same copy of the package, so in the same realm. */
  const own = new Set(sources.flatMap(([, source]) => [...source.matchAll(/\bclass (\w+)/g)].map(([, name]) => name)));

  test("instanceof, constructor, prototypes", () => {
    expect(own.size).toBeGreaterThan(20);
    expect(sources.flatMap(([path, source]) => classQuestions(path, source, own))).toEqual([]);
  });

  test.each([
    "error instanceof Error",
    "!(data instanceof Float32Array)",
    "url instanceof globalThis.URL",
    "signal instanceof AbortSignal ? 1 : 2",
    "data.constructor === Float32Array",
    "Array.prototype.isPrototypeOf(data)",
    "Object.getPrototypeOf(options) === Object.prototype",
  ])("the check refuses %s", (code) => {
    expect(classQuestions("model/bert.ts", `const x = ${code};`, own).length).toBeGreaterThan(0);
  });

  test.each([
    "error instanceof BertError",
    "typeof error === 'object'",
    "isA(data, 'Float32Array')",
    "Object.create(Object.getPrototypeOf(document))",
  ])("and allows %s", (code) => {
    expect(classQuestions("model/bert.ts", `const x = ${code};`, own)).toEqual([]);
  });
});
