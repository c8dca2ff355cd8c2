/**
 * Writes docs/api.md: everything that the package exports, its declaration and its doc comment, from the sources.
 *
 *     npm run docs
 *
 * A test compares the file with what this would write. No documentation tool does: those that there are need TypeScript 6.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { type Comment, parseSync } from "oxc-parser";

const root = join(import.meta.dirname, "..");
export const API_FILE: string = join(root, "docs", "api.md");

/** A node of the ESTree syntax tree. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  // biome-ignore lint/suspicious/noExplicitAny: a syntax tree, of which a few fields are read
  readonly [field: string]: any;
}

/** A source file with what stands at its top level. */
interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly body: readonly Node[];
  readonly comments: readonly Comment[];
}

/** Something exported: the declarations of one name, several for an overloaded function, and what they refer to beside them. */
interface Entry {
  readonly name: string;
  readonly path: string;
  readonly doc: string;
  readonly code: string;
}

const files = new Map<string, SourceFile>();
/** @param path from the root of `src` */
function open(path: string): SourceFile {
  let file = files.get(path);
  if (!file) {
    const text = readFileSync(join(root, "src", path), "utf8");
    const { program, comments, errors } = parseSync(path, text, { lang: "ts", sourceType: "module" });
    if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`);
    file = { path, text, body: program.body as unknown as Node[], comments };
    files.set(path, file);
  }
  return file;
}

/** Where each exported name of a module is declared, re-exports followed. */
function exportsOf(path: string): Map<string, { file: SourceFile; name: string }> {
  const found = new Map<string, { file: SourceFile; name: string }>();
  const file = open(path);
  for (const node of file.body) {
    if (node.type === "ExportAllDeclaration") throw new Error(`${path}: export * is not looked through`);
    if (node.type !== "ExportNamedDeclaration") continue;
    if (node.declaration) for (const name of namesOf(node.declaration)) found.set(name, { file, name });
    if (!node.source) continue;
    const from = exportsOf(posix.join(posix.dirname(path), node.source.value));
    for (const { local, exported } of node.specifiers) found.set(exported.name, from.get(local.name)!);
  }
  return found;
}

function namesOf(declaration: Node): string[] {
  if (declaration.type === "VariableDeclaration") return declaration.declarations.map((one: Node) => one.id.name);
  return declaration.id ? [declaration.id.name] : [];
}

/** The doc comment that ends right before a node, as it stands; "" if there is none. */
function docBefore({ text, comments }: SourceFile, node: Node): string {
  const last = comments.findLast(({ end }) => end <= node.start);
  const isDoc = last?.type === "Block" && last.value.startsWith("*") && text.slice(last.end, node.start).trim() === "";
  return isDoc ? text.slice(last.start, last.end) : "";
}

/** The top-level statements that declare a name. */
function declarationsOf(file: SourceFile, name: string): Node[] {
  return file.body.filter((node) => namesOf(node.declaration ?? node).includes(name));
}

function entryOf(name: string, file: SourceFile, declared: string, isPublic: (name: string) => boolean): Entry {
  const nodes = declarationsOf(file, declared);
  const code = nodes.flatMap((node) => signature(file, node.declaration ?? node, nodes.length > 1));
  const beside = referredTo(file, code.join("\n"), isPublic, new Set([declared]));
  return { name, path: file.path, doc: docBefore(file, nodes[0]), code: [...code, ...beside].join("\n") };
}

/** Types and constants of the same file that a declaration needs to be understood and that are exported nowhere. */
function referredTo(file: SourceFile, code: string, isPublic: (name: string) => boolean, seen: Set<string>): string[] {
  const found: string[] = [];
  for (const node of file.body) {
    const declaration = node.declaration ?? node;
    for (const name of namesOf(declaration)) {
      const isType = declaration.type === "TSTypeAliasDeclaration" || declaration.type === "TSInterfaceDeclaration";
      const used = isType ? `\\b${name}\\b` : `typeof ${name}\\b`;
      if (seen.has(name) || isPublic(name) || !new RegExp(used).test(code)) continue;
      seen.add(name);
      const text = [docBefore(file, node), ...signature(file, declaration, false)].filter(Boolean).join("\n");
      found.push(text, ...referredTo(file, text, isPublic, seen));
    }
  }
  return found;
}

/** A declaration without its body. The body of an overloaded function is none of its signatures. */
function signature(file: SourceFile, node: Node, overloaded: boolean): string[] {
  const { text } = file;
  switch (node.type) {
    case "TSDeclareFunction":
      return [text.slice(node.start, node.end)];
    case "FunctionDeclaration":
      if (overloaded) return [];
      return [
        `${text
          .slice(node.start, node.body.start)
          .trim()
          .replace(/^async /, "")};`,
      ];
    case "VariableDeclaration": {
      const [{ id, end }] = node.declarations;
      return [`${node.kind} ${text.slice(id.start, id.typeAnnotation ? id.typeAnnotation.end : end)};`];
    }
    case "ClassDeclaration": {
      const head = text.slice(node.start, node.body.start);
      const members = node.body.body.flatMap((member: Node) => memberSignature(file, member, node.body.body));
      return [`${head}{\n${members.join("\n")}\n}`];
    }
    case "TSInterfaceDeclaration":
      return [withoutInternals(file, node)];
    default:
      return [text.slice(node.start, node.end)];
  }
}

/** Whether declarations leave it out (`stripInternal`). */
function isInternal(doc: string): boolean {
  return /^ *\*? *@internal\b/m.test(doc.replace("/**", ""));
}

/** An interface without its internal members. */
function withoutInternals(file: SourceFile, { start, end, body }: Node): string {
  let text = "";
  let from = start;
  for (const member of body.body as Node[]) {
    const doc = docBefore(file, member);
    if (!isInternal(doc)) continue;
    const begin = file.text.lastIndexOf(doc, member.start);
    text += file.text.slice(from, begin).trimEnd();
    from = member.end;
  }
  return text + file.text.slice(from, end);
}

/** A public member of a class with its doc comment. */
function memberSignature(file: SourceFile, member: Node, all: readonly Node[]): string[] {
  const { text } = file;
  const name = (node: Node) => text.slice(node.key?.start, node.key?.end);
  if (member.accessibility || member.key?.type === "PrivateIdentifier" || member.type === "StaticBlock") return [];
  const doc = docBefore(file, member);
  if (isInternal(doc)) return [];
  const lines = doc === "" ? [] : [`  ${doc}`];
  if (member.type === "PropertyDefinition") {
    const end = member.typeAnnotation ? member.typeAnnotation.end : member.value?.end;
    return [...lines, `  ${plain(text.slice(member.start, end))};`];
  }
  const { body } = member.value;
  const isOverload = (node: Node) =>
    node.type === "MethodDefinition" && !node.value.body && name(node) === name(member);
  if (body && all.some(isOverload)) return [];
  return [...lines, `  ${plain(text.slice(member.start, body ? body.start : member.end).trim()).replace(/;$/, "")};`];
}

/** Without words that say nothing to a caller. */
function plain(text: string): string {
  return text.replace(/\b(async|override) /g, "");
}

/** A doc comment as Markdown: prose, parameters as a list, examples as code. */
function markdown(doc: string): string {
  const lines = doc
    .replace(/^\/\*\*|\*\/$/g, "")
    .split("\n")
    .map((line) => line.replace(/^ *\* ?/, "").trimEnd());
  const [prose, ...tags] = lines.join("\n").split(/^ *@(?=\w)/m);
  const written = tags.map((tag) => {
    const [, kind, text] = /^(\w+)\s*(.*)$/s.exec(tag.trimEnd())!;
    if (kind === "example") return `\n\`\`\`ts\n${text}\n\`\`\``;
    const flat = text.replaceAll(/\s*\n\s*/g, " ");
    if (kind === "param") return flat.replace(/^(\S+)\s+(.*)$/, "- `$1`: $2");
    return kind === "returns" ? `- returns ${flat}` : `- ${kind} ${flat}`;
  });
  return [prose.trim(), written.join("\n").trim()].filter(Boolean).join("\n\n");
}

/** The entries of one entry point, in the order of the alphabet. */
function entriesOf(path: string): Entry[] {
  const found = exportsOf(path);
  const isPublic = (name: string) => found.has(name);
  return [...found]
    .map(([name, { file, name: declared }]) => entryOf(name, file, declared, isPublic))
    .sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
}

/** The entry points of the package, as in package.json, with their sources. */
const ENTRY_POINTS: readonly (readonly [name: string, path: string])[] = Object.entries(
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports as Record<string, string | { default: string }>,
).flatMap(([subpath, target]) =>
  typeof target === "string"
    ? []
    : [[`plainbert${subpath.slice(1)}`, target.default.replace("./dist/", "").replace(/\.js$/, ".ts")] as const],
);

/** The text of docs/api.md. What two entry points export is written where it stands last: with the tokenizer, with the format. */
export function apiReference(): string {
  const modules = ENTRY_POINTS.map(([name, path]) => ({ name, entries: entriesOf(path) }));
  const home = new Map(modules.flatMap(({ name, entries }) => entries.map((entry) => [keyOf(entry), name])));
  const sections = modules.map(({ name, entries }) => {
    const list = entries.map((entry) => `[${entry.name}](#${anchor(home.get(keyOf(entry))!, entry.name)})`).join(", ");
    const written = entries
      .filter((entry) => home.get(keyOf(entry)) === name)
      .map(
        (entry) =>
          `<a id="${anchor(name, entry.name)}"></a>\n### ${entry.name}\n\n` +
          `${entry.doc && `${markdown(entry.doc)}\n\n`}\`\`\`ts\n${entry.code}\n\`\`\`\n\n` +
          `[src/${entry.path}](../src/${entry.path})\n`,
      );
    return `## ${name}\n\n${list}\n\n${written.join("\n")}`;
  });
  return `# API reference

Written by \`npm run docs\` from the sources: do not edit. What each function checks is said in its "throws"; every error is a
[BertError](#plainbert-BertError). The tests compile the examples, and run those that need no model or file of yours.

${sections.join("\n")}`;
}

function keyOf({ path, name }: Entry): string {
  return `${path} ${name}`;
}

/** Names are told apart by their case, which headings are not. */
function anchor(module: string, name: string): string {
  return `${module.replace("/", "-")}-${name}`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(API_FILE, apiReference());
