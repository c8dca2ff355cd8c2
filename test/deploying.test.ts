import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cellsOf, tableRows } from "./programs/deploying.ts";
import { ROWS } from "./programs/rows.ts";

/** The table of docs/deploying.md names every program of test/programs; those compare what they find with its cells. */
test("docs/deploying.md has a row for each program, and a test for each row", () => {
  expect(tableRows().map(([title]) => title)).toEqual(ROWS.map(({ title }) => title));
  for (const { title } of ROWS) expect(cellsOf(title).length, title).toBe(3);
});

test("each program has a package.json and a lock file of its own", () => {
  const folder = join(import.meta.dirname, "programs");
  const programs = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(programs.length).toBeGreaterThan(10);
  for (const { name } of programs)
    for (const file of ["package.json", "package-lock.json"])
      expect(existsSync(join(folder, name, file)), `${name}/${file}`).toBe(true);
});
