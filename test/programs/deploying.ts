import { readFileSync } from "node:fs";
import { join } from "node:path";

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "deploying.md"), "utf8");

/** The commands that copy what a bundler leaves behind, as the page shows them. */
export function copyStep(): string {
  const [, commands] = /^```sh\n(.*?)^```$/ms.exec(page) ?? [];
  if (!commands) throw new Error("docs/deploying.md must have a block of sh");
  return commands;
}

/** A cell of the table in docs/deploying.md. */
export type Cell =
  | { readonly says: "works" }
  | { readonly says: "works after"; readonly anchor: string }
  | { readonly says: "does not"; readonly sentence: string };

/** The rows of the table: title and three cells, as text. */
export function tableRows(): string[][] {
  const [, table] = /^\| program \|.*\n\|[-|]+\|\n((?:\|.*\n)+)/m.exec(page) ?? ["", ""];
  return table
    .trim()
    .split("\n")
    .map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** @throws Error there is no such row, or a cell says nothing that can be tested */
export function cellsOf(title: string): Cell[] {
  const row = tableRows().find(([first]) => first === title);
  if (!row) throw new Error(`docs/deploying.md must have a row ${title}`);
  return row.slice(1).map(cellOf);
}

function cellOf(text: string): Cell {
  if (text === "works") return { says: "works" };
  const [, anchor] = /^works after \[[^\]]+\]\(#([\w-]+)\)$/.exec(text) ?? [];
  if (anchor) return { says: "works after", anchor };
  const [, sentence] = /^does not: `(.+)`$/.exec(text) ?? [];
  if (sentence) return { says: "does not", sentence };
  throw new Error(
    `docs/deploying.md: a cell must say that it works, after what it works, or what is said, got ${text}`,
  );
}
