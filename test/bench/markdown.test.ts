import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { drawChart } from "../../bench/harness/chart.ts";
import { parseResult } from "../../bench/harness/compare.ts";
import { EQUAL_WIDTH, markdownTables, PAGES_WITH_TABLES, withTable, withTables } from "../../bench/harness/markdown.ts";

const root = join(import.meta.dirname, "..", "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");
const saved = parseResult("bench.json", read("bench/results/bench.json"));
const tables = markdownTables(saved, parseResult(EQUAL_WIDTH, read(`bench/results/${EQUAL_WIDTH}`)));

describe("the results that were saved last", () => {
  test.each(PAGES_WITH_TABLES)("%s shows them", (page) => {
    expect(read(page)).toContain("<!-- table: ");
    expect(withTables(read(page), tables)).toBe(read(page));
  });

  test("every table is on a page", () => {
    const shown = PAGES_WITH_TABLES.flatMap((page) => [...read(page).matchAll(/<!-- table: (.+?) -->/g)]);
    expect(shown.map(([, name]) => name).sort()).toEqual([...tables.keys()].sort());
  });

  test("are in the picture", () => {
    expect(read("bench/results/bench.svg")).toBe(drawChart(saved));
  });

  test("are of a whole run, within twelve minutes", () => {
    expect(saved.seconds).toBeLessThanOrEqual(12 * 60);
    for (const { notMeasured } of saved.runs) expect(notMeasured ?? []).toEqual([]);
    expect(Object.keys(saved.versions)).toEqual(
      expect.arrayContaining(["node", "plainbert", "onnxruntime-node", "onnxruntime-web", "@huggingface/transformers"]),
    );
    expect(saved.machine.cores).toBeGreaterThan(0);
  });

  test("times in the tables are theirs", () => {
    const run = saved.runs.at(-1)!;
    const one = run.cases.find(({ id }) => id === "encoder-8x128")!;
    const median = (library: string) =>
      Math.min(...one.sides.filter((side) => side.library === library).map((side) => side.median));
    const row = tables
      .get("five cases")!
      .split("\n")
      .find((line) => line.startsWith("| 8 × 128 tokens"))!;
    const [figure, unit] = [...row.matchAll(/([\d.]+) (ms|s) /g)][0].slice(1);
    expect(Number(figure) * (unit === "s" ? 1000 : 1)).toBeCloseTo(median("plainbert"), -1);
    const [, times] = /\| × ([\d.]+)/.exec(row)!;
    expect(Number(times)).toBeCloseTo(median("onnxruntime-node") / median("plainbert"), 2);
  });
});

test("a table that nobody knows is an error", () => {
  expect(() => withTables("<!-- table: x -->\n<!-- end of table -->", tables)).toThrow(
    '"x" must be one of run, five cases',
  );
});

test("one table of a page with several", () => {
  const page = (a: string, b: string) =>
    `<!-- table: a -->\n${a}<!-- end of table -->\n<!-- table: b -->\n${b}<!-- end of table -->\n`;
  expect(withTable(page("1\n", "2\n"), "b", "| $& |\n")).toBe(page("1\n", "| $& |\n"));
  expect(() => withTable(page("1\n", "2\n"), "c", "")).toThrow('"c" must be one of a, b');
});
