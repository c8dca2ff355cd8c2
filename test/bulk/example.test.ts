import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Block, halvesOf } from "../../examples/bulk-embedding/block.ts";
import { blocksOf, type Line, linesOf } from "../../examples/bulk-embedding/lines.ts";
import { Turns } from "../../examples/bulk-embedding/turns.ts";

/** The parts of `examples/bulk-embedding` that need neither queue nor table; `npm run test:bulk` runs the whole. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "plainbert-lines-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function read(bytes: string | Buffer): Promise<Line[]> {
  const file = join(folder, "lines.txt");
  writeFileSync(file, bytes);
  return await all(linesOf(file));
}

async function all<One>(source: AsyncIterable<One>): Promise<One[]> {
  const items: One[] = [];
  for await (const item of source) items.push(item);
  return items;
}

const CHUNK = 64 * 1024; // of a read stream

describe("linesOf", () => {
  test.each([
    ["", []],
    ["one", ["one"]],
    ["one\n", ["one"]],
    ["one\n\n two \r\nthree", ["one", "", " two ", "three"]],
    ["\n\n", ["", ""]],
  ])("of %j", async (bytes, texts) => {
    expect(await read(bytes)).toEqual(texts.map((text, n) => ({ line: n + 1, text, fault: null })));
  });

  test("gives what was joined, wherever a chunk ends", async () => {
    const text = fc
      .string({ unit: "binary", maxLength: 30 })
      .map((one) => one.replace(/[\n\r]/g, "é").replace(/^\uFEFF/, ""));
    const before = fc.integer({ min: CHUNK - 40, max: CHUNK + 2 });
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1 }), before, async (texts, length) => {
        const want = ["x".repeat(length - 20), "y".repeat(18), ...texts];
        const got = await read(`${want.join("\n")}\n`);
        expect(got.map((one) => one.text)).toEqual(want);
      }),
      { numRuns: 20 },
    );
  });

  test("tells of a line that is too long, and of one that is no UTF-8, and goes on", async () => {
    const [long, most] = ["x".repeat(200_000), "y".repeat(CHUNK)];
    const got = await read(
      Buffer.concat([Buffer.from(`${long}\n${most}\na`), Buffer.from([0xc3]), Buffer.from("\nlast")]),
    );
    expect(got).toEqual([
      { line: 1, text: "", fault: "it is longer than 65536 bytes" },
      { line: 2, text: most, fault: null },
      { line: 3, text: "", fault: "it is no UTF-8" },
      { line: 4, text: "last", fault: null },
    ]);
  });
});

describe("blocksOf", () => {
  const good = (texts: readonly string[]) => texts.map((text, n): Line => ({ line: n + 1, text, fault: null }));
  async function blocksAndRefused(lines: readonly Line[], most: number): Promise<[Block[], number[]]> {
    const refused: number[] = [];
    const each = async function* () {
      yield* lines;
    };
    const blocks = await all(blocksOf("s", each(), most, async ({ line }) => void refused.push(line)));
    return [blocks, refused];
  }

  test("leaves out lines with a fault, and a block's lines follow each other", async () => {
    const lines = good(["a", "b", "c", "d", "e", "f"]).map((one) => (one.line === 4 ? { ...one, fault: "bad" } : one));
    expect(await blocksAndRefused(lines, 2)).toEqual([
      [
        { source: "s", first: 1, texts: ["a", "b"] },
        { source: "s", first: 3, texts: ["c"] },
        { source: "s", first: 5, texts: ["e", "f"] },
      ],
      [4],
    ]);
  });

  test("bounds the text of a block", async () => {
    const [blocks] = await blocksAndRefused(good(Array(10).fill("x".repeat(60_000))), 64);
    expect(blocks.map(({ first, texts }) => [first, texts.length])).toEqual([
      [1, 4],
      [5, 4],
      [9, 2],
    ]);
  });
});

test("halves are the block", () => {
  expect(halvesOf({ source: "s", first: 5, texts: ["a", "b", "c"] })).toEqual([
    { source: "s", first: 5, texts: ["a", "b"] },
    { source: "s", first: 7, texts: ["c"] },
  ]);
  expect(halvesOf({ source: "s", first: 5, texts: ["a"] })).toEqual([]);
});

describe("Turns", () => {
  /** Work whose end is told from outside, and what has begun. */
  function works(turns: Turns) {
    const begun: string[] = [];
    const start = (name: string, how: "together" | "alone") => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const result = turns[how](() => {
        begun.push(name);
        return promise;
      });
      return { resolve, reject, result };
    };
    return { begun, start };
  }
  /** All that promises alone have to do. */
  const settled = () => new Promise((later) => setImmediate(later));

  test("what is alone waits for those before it, and those after it wait", async () => {
    const { begun, start } = works(new Turns());
    const [a, b] = [start("a", "together"), start("b", "together")];
    const alone = start("alone", "alone");
    const c = start("c", "together");
    await settled();
    expect(begun).toEqual(["a", "b"]);
    a.resolve();
    await settled();
    expect(begun).toEqual(["a", "b"]);
    b.reject(new Error("b"));
    await expect(b.result).rejects.toThrow("b");
    await settled();
    expect(begun).toEqual(["a", "b", "alone"]);
    alone.reject(new Error("alone"));
    await expect(alone.result).rejects.toThrow("alone");
    await settled();
    expect(begun).toEqual(["a", "b", "alone", "c"]);
    c.resolve();
    await Promise.all([a.result, c.result]);
  });

  test("two that are alone follow each other", async () => {
    const { begun, start } = works(new Turns());
    const [first, second] = [start("first", "alone"), start("second", "alone")];
    await settled();
    expect(begun).toEqual(["first"]);
    first.resolve();
    await settled();
    expect(begun).toEqual(["first", "second"]);
    second.resolve();
    await Promise.all([first.result, second.result]);
  });
});
