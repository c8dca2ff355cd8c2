import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Shown } from "./console.ts";

/**
 * With REWRITE=1 the tests of pages write what was printed into the pages, in place of what these show, and pass: for numbers that another
 * model has changed. What a page shows with `…` stays, and is then an error.
 *
 *     REWRITE=1 npx vitest run --project fast --no-file-parallelism test/docs.test.ts test/examples.test.ts test/readme.test.ts \
 *       test/serve/curl.test.ts
 */
export const REWRITE: boolean = process.env.REWRITE === "1";

const root = join(import.meta.dirname, "..", "..");

/** Changes a page, which is named from the root. */
export function rewrite(page: string, change: (markdown: string) => string): void {
  const path = join(root, page);
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** Puts what a command printed in place of what a page shows below it. */
export function rewriteShown(page: string, { command, output }: Shown, printed: string): void {
  const shown = `$ ${command}\n${output}`;
  rewrite(page, (markdown) => markdown.replace(shown, () => `$ ${command}\n${printed.trimEnd()}\n`));
}
