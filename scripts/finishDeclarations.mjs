/**
 * After the compiler, which wrote a declaration file for each source: keeps those that a program can reach from an entry point of
 * package.json, once, as `.d.cts`, which an `import` and a `require` may both have; and writes for `import` an `index.d.ts` that exports
 * the same again. A declaration of an ES module alone would be refused where CommonJS sources are compiled for `module: node16`
 * (TS1479), and two copies of a class would be two types. Plain JavaScript, as it runs while the package is installed, on whatever Node
 * there is.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
/** `from "./x.ts"`, `import("./x.ts")` */
const SPECIFIER = /((?:from |import\()"\.[^"]+)\.[jt]s"/g;
/** What each declaration file becomes. */
const written = new Map();

/** A declaration file and all that it imports. */
function reach(path) {
  if (written.has(path)) return;
  const text = readFileSync(path, "utf8");
  written.set(path, text.replace(SPECIFIER, '$1.cjs"'));
  for (const [, from] of text.matchAll(SPECIFIER)) reach(join(dirname(path), `${from.slice(from.indexOf(".") )}.d.ts`));
}

const entries = Object.values(exports).flatMap(({ types }) => (types ? [types] : []));
for (const { default: path } of entries) reach(join(path));
for (const file of readdirSync("dist", { recursive: true })) if (file.endsWith(".d.ts")) rmSync(join("dist", file));
for (const [path, text] of written) writeFileSync(path.replace(/\.ts$/, ".cts"), text);
for (const { default: path, require } of entries) {
  const beside = relative(dirname(path), require).replace(".d.cts", ".cjs");
  writeFileSync(path, `export * from "./${beside}";\n`);
}
