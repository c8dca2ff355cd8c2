/**
 * After the compiler, which wrote a declaration file for each source: what `import` and `require` find at each entry point of
 * package.json.
 *
 * Declarations: those that a program can reach, once, as `.d.cts`, which both may have; and for `import` a `.d.ts` that exports the same
 * again. Of an ES module's declarations alone the compiler says that CommonJS sources cannot have them (TS1479, `module: node16`), and
 * two copies of a class would be two types.
 *
 * Programs: a `.cjs` that hands on the module, as Node warns of a `require` of a module outside of node_modules until version 22.13.
 *
 * Plain JavaScript, as it runs while the package is installed, on whatever Node there is.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const { exports } = JSON.parse(readFileSync("package.json", "utf8"));
/** `from "./x.ts"`, `import("./x.ts")` */
const SPECIFIER = /((?:from |import\()"(\.[^"]+))\.[jt]s"/g;
/** The text of each declaration file. */
const reached = new Map();

/** A declaration file and all that it imports. */
function reach(path) {
  if (reached.has(path)) return;
  const text = readFileSync(path, "utf8");
  reached.set(path, text);
  for (const [, , specifier] of text.matchAll(SPECIFIER)) reach(join(dirname(path), `${specifier}.d.ts`));
}

const entries = Object.values(exports).filter((entry) => entry.require);
for (const { types } of entries) reach(join(types));
for (const file of readdirSync("dist", { recursive: true })) if (file.endsWith(".d.ts")) rmSync(join("dist", file));
for (const [path, text] of reached) writeFileSync(path.replace(/\.ts$/, ".cts"), text.replace(SPECIFIER, '$1.cjs"'));
for (const { types, default: module, require } of entries) {
  writeFileSync(types, `export * from "./${basename(require.default)}";\n`);
  writeFileSync(require.default, `module.exports = require("./${basename(module)}");\n`);
}
