/**
 * After the compiler: of the type declarations only those stay that a program can reach from an entry point of package.json, and
 * the command may be executed. Plain JavaScript, as it runs while the package is installed, on whatever Node there is.
 */
import { chmodSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

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

for (const { types } of Object.values(exports)) if (types) reach(join(types));
for (const file of readdirSync("dist", { recursive: true })) {
  const path = join("dist", file);
  if (path.endsWith(".d.ts") && !reached.has(path)) rmSync(path);
}
for (const path of Object.values(bin)) chmodSync(path, 0o755);
