/**
 * Writes the excerpts in docs/reading/*.md: the code blocks below a marker, from the sources. A test compares the pages
 * with what this would write.
 *
 *     npm run docs
 *
 * A marker stands right above its block. It names a file and what is shown of it: a function, class or constant at the
 * file's top level, or a member of a class, without its doc comment; or some lines of that, the first one that has a
 * text to the next one that has another. Brackets that they open are closed, and where more code follows, a line
 * `// …` says so.
 *
 *     <!-- source: docs/reading/onePage.ts softmax -->
 *     <!-- source: src/tensor/simd/functionBuilder.ts FunctionBuilder.emit -->
 *     <!-- source: src/tensor/kernels/attention.ts attention from "const Q" to "headMask" -->
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Node, treeOf } from "../test/support/syntaxTree.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "docs", "reading");

/** The pages of the tour, in their order. */
export const TOUR_PAGES: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".md"))
  .sort()
  .map((name) => join(folder, name));

const MARKER = /^<!-- source: (\S+) (\S+?)(?: from "(.+?)" to "(.+?)")? -->\n```ts\n(?:.*?\n)??```$/gms;

/** A page with each of its excerpts as the sources have it now. @throws Error a marker names what is not there */
export function withExcerpts(page: string): string {
  const written = page.replace(MARKER, (block, path: string, name: string, from?: string, to?: string) => {
    const lines = declaration(path, name);
    const shown = from === undefined || to === undefined ? lines : between(lines, from, to, `${path} ${name}`);
    const indent = leastIndentOf(shown);
    return `${block.split("\n")[0]}\n\`\`\`ts\n${shown.map((line) => line.slice(indent)).join("\n")}\n\`\`\``;
  });
  const [markers, blocks] = [/^<!-- source:/gm, MARKER].map((pattern) => [...page.matchAll(pattern)].length);
  if (markers !== blocks) throw new Error(`of ${markers} markers ${blocks} stand above a block and can be read`);
  return written;
}

/** The lines of a declaration at the top level of a file, or of a class's member. */
function declaration(path: string, name: string): string[] {
  const text = readFileSync(join(root, path), "utf8");
  const [outer, member] = name.split(".");
  let node = (treeOf(path, text).body as Node[]).find((node) => namesOf(node).includes(outer));
  if (node && member !== undefined) {
    const { body } = (node.declaration ?? node) as { readonly body: Node };
    node = (body.body as Node[]).find(({ key }) => (key as Node | undefined)?.name === member);
  }
  if (!node) throw new Error(`${path} has no ${name}`);
  const start = text.lastIndexOf("\n", node.start as number) + 1;
  return text.slice(start, node.end as number).split("\n");
}

/** The names that a statement at the top level declares. */
export function namesOf(node: Node): string[] {
  const { type, id, declarations } = (node.declaration ?? node) as Node;
  if (type === "VariableDeclaration") return (declarations as Node[]).map((one) => (one.id as Node).name as string);
  return id ? [(id as Node).name as string] : [];
}

function between(lines: readonly string[], from: string, to: string, where: string): string[] {
  const first = lines.findIndex((line) => line.includes(from));
  const last = lines.findIndex((line, i) => i >= first && line.includes(to));
  if (first < 0 || last < 0) throw new Error(`${where} has no lines from ${from} to ${to}`);
  const least = leastIndentOf(lines.slice(first, last + 1));
  let end = last + 1;
  while (closes(lines[end]) && indentOf(lines[end]) >= least) end++; // what was opened is closed
  const shown = lines.slice(first, end);
  return lines.slice(end).every(closes) ? shown : [...shown, `${" ".repeat(indentOf(shown.at(-1) as string))}// …`];
}

const closes = (line: string): boolean => /^\s*[)}\];,]+$/.test(line);
const indentOf = (line: string): number => line.search(/\S/);
const leastIndentOf = (lines: readonly string[]): number =>
  Math.min(...lines.filter((line) => line !== "").map(indentOf));

if (import.meta.main) {
  for (const path of TOUR_PAGES) writeFileSync(path, withExcerpts(readFileSync(path, "utf8")));
}
