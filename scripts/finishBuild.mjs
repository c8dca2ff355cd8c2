/**
 * After the compiler: of the type declarations only those stay that a program can reach from an entry point of package.json, lines
 * are indented by two spaces as in the sources, not by four, and the command may be executed. Plain JavaScript, as it runs while the
 * package is installed, on whatever Node there is.
 */
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseSync } from "oxc-parser";

const { exports, bin } = JSON.parse(readFileSync("package.json", "utf8"));
const reached = new Set();

/** A declaration file and all that it imports, by `from "…"` or `import("…")`. */
function reach(path) {
  if (reached.has(path)) return;
  reached.add(path);
  for (const [, specifier] of readFileSync(path, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)"/g)) {
    reach(join(dirname(path), specifier.replace(/\.[jt]s$/, ".d.ts")));
  }
}

/** A program with half the indentation: 70 kB less in all. The text of template literals stays as it is. */
function reindented(path) {
  const source = readFileSync(path, "utf8");
  const literals = [];
  const visit = (node) => {
    if (node === null || typeof node !== "object") return;
    if (node.type === "TemplateElement") literals.push(node);
    else for (const child of Object.values(node)) visit(child);
  };
  visit(parseSync(path, source).program);
  const inLiteral = (at) => literals.some(({ start, end }) => start < at && at <= end);
  return source.replace(/^(?: {4})+/gm, (spaces, at) => (inLiteral(at) ? spaces : " ".repeat(spaces.length / 2)));
}

for (const { types } of Object.values(exports)) if (types) reach(join(types));
for (const file of readdirSync("dist", { recursive: true })) {
  const path = join("dist", file);
  if (path.endsWith(".d.ts") && !reached.has(path)) rmSync(path);
  else if (/\.[jt]s$/.test(path)) writeFileSync(path, reindented(path));
}
for (const path of Object.values(bin)) chmodSync(path, 0o755);
