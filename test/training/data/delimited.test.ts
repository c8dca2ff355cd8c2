import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDelimited } from "../../../src/training/data/delimited.ts";
import { collect, linesOf } from "../../../src/training/data/numberedLines.ts";
import { messageOf, pieces } from "./support.ts";

const file = "a.csv";
const rows = async (text: string, options = {}) =>
  (await collect(readDelimited(text, { file, ...options }))).map(({ values }) => Object.fromEntries(values));

describe("readDelimited", () => {
  test("the examples of RFC 4180, section 2", async () => {
    const header = "a,b,c\r\n";
    expect(await rows(`${header}aaa,bbb,ccc\r\nzzz,yyy,xxx`)).toEqual([
      { a: "aaa", b: "bbb", c: "ccc" },
      { a: "zzz", b: "yyy", c: "xxx" },
    ]);
    expect(await rows(`${header}"aaa","b \r\nbb","ccc"\r\nzzz,yyy,xxx\r\n`)).toEqual([
      { a: "aaa", b: "b \r\nbb", c: "ccc" },
      { a: "zzz", b: "yyy", c: "xxx" },
    ]);
    expect(await rows(`${header}"aaa","b""bb","ccc"\n`)).toEqual([{ a: "aaa", b: 'b"bb', c: "ccc" }]);
  });

  test("spaces are part of a field, fields may be empty, a byte order mark is none", async () => {
    expect(await rows('\ufeffa, b\n x ,""\n,\n')).toEqual([
      { a: " x ", " b": "" },
      { a: "", " b": "" },
    ]);
  });

  test("tabs, with quoting and without", async () => {
    const text = 'a\tb\n"x\t""y"\tz\n';
    expect(await rows(text, { delimiter: "\t" })).toEqual([{ a: 'x\t"y', b: "z" }]);
    expect(await rows('a\tb\n"x\ty""\r\n', { delimiter: "\t", quoting: false })).toEqual([{ a: '"x', b: 'y""' }]);
  });

  test("names of columns for a file without a header, and where each record begins", async () => {
    const read = await collect(readDelimited('1,"2\n\n2"\n3,4\n', { file, columns: ["x", "y"] }));
    expect(read.map(({ where }) => where)).toEqual(["a.csv: line 1", "a.csv: line 4"]);
    expect(read[0].values.get("y")).toBe("2\n\n2");
  });

  /** As RFC 4180 writes a record; a field is put in quotes if it must be, or if the coin says so. */
  const written = (fields: readonly string[], coins: readonly boolean[], delimiter: string) =>
    fields
      .map((field, i) => {
        const isBlank = fields.length === 1 && /^[ \t]*$/.test(field); // such a line would be no record
        const needsQuotes = isBlank || coins[i] || /["\n\r,\t\ufeff]/.test(field);
        return needsQuotes ? `"${field.replaceAll('"', '""')}"` : field;
      })
      .join(delimiter);

  test("what was written is read, in whatever pieces it comes", async () => {
    const field = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", "\t", " ", "a", "\u2028"), maxLength: 8 }),
    );
    const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
      fc.array(fc.array(fc.tuple(field, fc.boolean()), { minLength: width, maxLength: width }), {
        minLength: 1,
        maxLength: 5,
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom(",", "\t"),
        fc.constantFrom("\n", "\r\n"),
        fc.integer({ min: 1, max: 9 }),
        async (records, delimiter, end, size) => {
          const text = records
            .map(
              (r) =>
                written(
                  r.map(([f]) => f),
                  r.map(([, coin]) => coin),
                  delimiter,
                ) + end,
            )
            .join("");
          const columns = records[0].map((_, i) => `c${i}`);
          const read = await collect(
            readDelimited(linesOf(pieces(text, size)), { file, delimiter: delimiter as ",", columns }),
          );
          expect(read.map(({ values }) => [...values.values()])).toEqual(records.map((r) => r.map(([f]) => f)));
        },
      ),
    );
  });

  test.each([
    ["", "a.csv: the first line must be a header with the names of the columns, got none"],
    ["a,b,a\n", 'a.csv: line 1: the columns\' names must be different from one another, got "a" twice'],
    ["a,b\n1,2\n1\n", 'a.csv: line 3: the number of fields must be 2, one for each column ("a", "b"), got 1'],
    ["a,b\n1,2,3\n", 'line 2: the number of fields must be 2, one for each column ("a", "b"), got 3'],
    [
      'a\n"x\ny"\nsay "hi"\n',
      'a.csv: line 4: a field with quotes must be itself in quotes, with each of its quotes as "", got "say "hi""',
    ],
    ['a\n"x"y\n', 'line 2: a closing quote must be followed by "," or the end of the line, got "y"'],
    ['a\n"x\n\ny\n', "a.csv: line 2: a quote must be closed before the file ends, got none that closes"],
  ])("%j is an error", async (text, message) => {
    expect(await messageOf(readDelimited(text, { file }))).toContain(message);
  });

  test("blank lines are left out as pandas leaves them out, but not tabs between which a field may stand", async () => {
    expect(await rows("\n\r\na,b\r\n1,2\r\n\r\n \t\r\n3,4\r\n\n\n")).toEqual([
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ]);
    expect(await rows('a\n1\n\n""\n2\n')).toEqual([{ a: "1" }, { a: "" }, { a: "2" }]);
    for (const quoting of [true, false]) {
      const read = await rows("a\tb\n1\t2\n\t\n  \n3\t4\n", { delimiter: "\t", quoting });
      expect(read.map(({ a }) => a)).toEqual(["1", "", "3"]);
    }
  });

  test("bad records can be told and left out", async () => {
    const told: string[] = [];
    const text = 'a,b\n1,2\n1\n"x"y,3\nz",4\n5,6\n';
    const read = await collect(readDelimited(text, { file, onBadRecord: ({ message }) => told.push(message) }));
    expect(read.map(({ values }) => values.get("b"))).toEqual(["2", "6"]);
    expect(told.map((message) => /line \d/.exec(message)?.[0])).toEqual(["line 3", "line 4", "line 5"]);
    await expect(collect(readDelimited('a\n"x', { file, onBadRecord: () => {} }))).rejects.toThrow("closed");
  });

  test("a line with an end of line inside would shift all numbers", async () => {
    expect(await messageOf(readDelimited(["a", "1\n"], { file }))).toBe(
      'a.csv: line 2: a line must be a string without its end of line, got "1\\u{a}"',
    );
    expect(await messageOf(readDelimited([1 as unknown as string], { file }))).toContain("got 1");
  });
});
