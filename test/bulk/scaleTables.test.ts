import { expect, test } from "vitest";
import { type Figures, measuredTable, scaleTable } from "./scaleTables.ts";

/** Figures that are easy to reckon with: a worker does a thousand lines a second. */
const runs: Figures[] = [1, 3].map((workers) => ({
  workers,
  rate: 1000 * workers,
  alone: { rate: 1250 * workers, processor: 1e-3 },
  computing: 0.9,
  storing: 0.08,
  waiting: 0.02,
  processor: { workers: 1e-3, producer: 2e-5, redis: 1e-5, postgres: 1e-4 },
  log: 2048,
  connections: { postgres: 1 + 2 * workers, redis: 3 + 4 * workers },
}));

test("what was measured, a column for each run", () => {
  const rows = measuredTable(runs).split("\n");
  expect(rows[0]).toBe("|  | 1 worker | 3 workers |");
  expect(rows).toContain("| lines a second | 1,000 | 3,000 |");
  expect(rows).toContain("| of these, lost to queue and table | 20.0 % | 20.0 % |");
  expect(rows).toContain("| processor time for 1,000 lines: the library alone | 1000 ms | 1000 ms |");
  expect(rows).toContain("| what queue and table add to the library's processor time | 13.0 % | 13.0 % |");
  expect(rows).toContain("| a worker waits for the table | 8.0 % | 8.0 % |");
  expect(rows).toContain("| Redis | 10 ms | 10 ms |");
  expect(rows).toContain("| PostgreSQL's log, for a line | 2.00 KiB | 2.00 KiB |");
  expect(rows).toContain("| connections to PostgreSQL, to Redis | 3, 7 | 7, 15 |");
});

test("what more workers need, from the run with one", () => {
  const rows = scaleTable(runs, { block: 10_000, row: 2000 }, [10, 100]).split("\n");
  expect(rows[0]).toBe("|  | 10 workers | 100 workers |");
  expect(rows).toContain("| lines a second | 10,000 | 100,000 |");
  expect(rows).toContain("| 100 million lines in | 2.8 h | 0.3 h |");
  expect(rows).toContain("| cores that Redis needs, of one that it can use | 0.10 | 1.00 |");
  expect(rows).toContain("| cores that PostgreSQL needs | 1.00 | 10.00 |");
  expect(rows).toContain("| PostgreSQL writes to its log | 20.5 MB/s | 204.8 MB/s |");
  expect(rows).toContain("| the table grows by | 72.0 GB an hour | 720.0 GB an hour |");
  expect(rows).toContain("| connections to PostgreSQL | 21 | 201 |");
  expect(rows).toContain("| connections to Redis | 43 | 403 |");
  expect(rows).toContain("| Redis' memory, a window of 500 blocks for each ten workers | 5.0 MB | 50.0 MB |");
  expect(rows).toContain("| seconds until the workers have emptied such a window | 3.2 | 3.2 |");
});
