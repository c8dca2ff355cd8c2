import { posix } from "node:path";
import { type Node, treeOf } from "./syntaxTree.ts";

/** What a source file reaches for outside itself. */
export interface Reaches {
  /**
   * Every module it names: static, dynamic and type imports, and re-exports. Relative ones as paths from the root of
   * `src`; a dynamic import of a computed name as `(computed)`.
   */
  readonly imports: readonly string[];
  /** Those of `imports` that are loaded together with the file: neither types alone nor dynamic. */
  readonly loaded: readonly string[];
  /** Those of `imports` that are loaded when they are asked for. */
  readonly dynamic: readonly string[];
  /** Every use of a name that is a global in Node alone. A local of that name counts too: call it something else. */
  readonly globals: readonly string[];
}

const NODE_GLOBALS: ReadonlySet<unknown> = new Set(["process", "Buffer", "__dirname", "__filename", "require"]);

/**
 * Reads one TypeScript file's imports and Node globals from its syntax tree, so that comments and strings cannot
 * pretend.
 *
 * @param path the file's path from the root of `src`
 * @throws Error the file is not valid TypeScript
 */
export function reachesOf(path: string, source: string): Reaches {
  const imports = new Set<string>();
  const loaded = new Set<string>();
  const dynamic = new Set<string>();
  const globals = new Set<string>();

  for (const { node, isPropertyName } of walk(treeOf(path, source), false)) {
    const from = moduleName(node);
    if (from !== null) {
      const resolved = from.startsWith(".") ? posix.join(posix.dirname(path), from) : from;
      imports.add(resolved);
      if (isLoaded(node)) loaded.add(resolved);
      if (node.type === "ImportExpression") dynamic.add(resolved);
    }
    if (node.type === "Identifier" && !isPropertyName && NODE_GLOBALS.has(node.name)) globals.add(node.name as string);
    if (node.type === "MemberExpression" && (node.object as Node).name === "globalThis") {
      const { name, value } = node.property as Node;
      if (NODE_GLOBALS.has(name ?? value)) globals.add((name ?? value) as string);
    }
  }
  return { imports: [...imports], loaded: [...loaded], dynamic: [...dynamic], globals: [...globals] };
}

/** Every node below `node`; `isPropertyName` is true of the b in `a.b`, `{ b: 1 }` and `class { b }`. */
function* walk(node: Node, isPropertyName: boolean): Generator<{ node: Node; isPropertyName: boolean }> {
  yield { node, isPropertyName };
  for (const [field, value] of Object.entries(node)) {
    const isName = (field === "property" || field === "key") && node.computed !== true && node.shorthand !== true;
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child?.type === "string") yield* walk(child, isName);
    }
  }
}

/** The module that an import or re-export names; null for any other node. */
function moduleName(node: Node): string | null {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
    case "ImportExpression":
    case "TSImportType": {
      const source = node.source as Node | null;
      if (source === null) return null;
      return typeof source.value === "string" ? source.value : "(computed)";
    }
    case "TSExternalModuleReference":
      return (node.expression as Node).value as string;
    default:
      return null;
  }
}

function isLoaded(node: Node): boolean {
  if (!["ImportDeclaration", "ExportAllDeclaration", "ExportNamedDeclaration"].includes(node.type)) return false;
  if (node.importKind === "type" || node.exportKind === "type") return false;
  const specifiers = (node.specifiers ?? []) as Node[];
  return specifiers.length === 0 || specifiers.some((s) => s.importKind !== "type" && s.exportKind !== "type");
}
