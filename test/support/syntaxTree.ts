import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";

/** A node of the ESTree syntax tree. */
export interface Node {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * The syntax tree of a TypeScript file, without its comments.
 *
 * @param path what errors call it
 * @throws Error the file is not valid TypeScript
 */
export function treeOf(path: string, source: string): Node {
  const { program, errors } = parseSync(path, source, { lang: "ts", sourceType: "module" });
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
  return program as unknown as Node;
}

/** Where a file's comments begin and end. */
export function commentsOf(path: string, source: string): readonly { readonly start: number; readonly end: number }[] {
  return parseSync(path, source, { lang: "ts", sourceType: "module" }).comments;
}

/** A node, and every node below it. */
export function* nodesOf(node: Node): Generator<Node> {
  yield node;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === "string") yield* nodesOf(child);
    }
  }
}

/** The TypeScript files of `src`: their paths from its root, with `/` on every system, and their texts. */
export function sourceFiles(): Map<string, string> {
  const root = join(import.meta.dirname, "..", "..", "src");
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
  return new Map(paths.map((path) => [path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8")]));
}
