import { describe, expect, test } from "vitest";
import { type Cell, cellsOf } from "./deploying.ts";
import type { Found } from "./place.ts";
import { ROWS, type Row } from "./rows.ts";

const COLUMNS: readonly (keyof Found)[] = ["bundled", "folder", "threads"];

/** Builds and runs programs with the packed package, and compares what each found with its row of the table in docs/deploying.md. */
export function testPrograms(which: (row: Row) => boolean): void {
  describe("what docs/deploying.md says", () => {
    test.each(ROWS.filter(which))("$title", async (row) => {
      const { asItIs, after } = await row.run();
      const cells = cellsOf(row.title);
      for (const [n, column] of COLUMNS.entries()) expectCell(cells[n], column, asItIs[column], after?.[column]);
    });
  });
}

function expectCell(cell: Cell, column: string, asItIs: string, after: string | undefined): void {
  switch (cell.says) {
    case "works":
      expect({ [column]: asItIs }).toEqual({ [column]: "works" });
      break;
    case "works after":
      expect({ [column]: after }).toEqual({ [column]: "works" });
      // Without the step it does not work by chance, and what is said names the way out.
      expect(asItIs).not.toBe("works");
      expect(asItIs).toContain("the option assets names a folder");
      break;
    case "does not":
      expect(asItIs).toContain(cell.sentence);
      if (after !== undefined) expect(after).toContain(cell.sentence);
  }
}
