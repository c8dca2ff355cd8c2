/** The package as it is published for browsers, copied to be served. */
import { cpSync, existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What an entry of package.json's `exports` may be. */
type Exported = string | { readonly browser?: { readonly default: string }; readonly default?: string };

/** What stands in a module's text and names another file of the package. */
const NAMED = /["'](\.\.?\/[\w./-]+\.js)["']/g;
/** The files of the small models; recipes and pages are not for programs. */
const IS_MODEL = /\.(json|safetensors|txt)$/;

/**
 * Copies what the package's entry points reach in a browser, and its small models.
 *
 * @returns the file of each entry point, by the name that programs import, from the folder
 */
export function copyEngine(folder: string): ReadonlyMap<string, string> {
  const { exports } = JSON.parse(readFileSync("package.json", "utf8")) as { exports: Record<string, Exported> };
  const entries = new Map<string, string>();
  for (const [subpath, entry] of Object.entries(exports)) {
    const file = typeof entry === "string" ? entry : (entry.browser?.default ?? entry.default);
    if (file?.endsWith(".js") && !subpath.includes("*")) entries.set(`plainbert${subpath.slice(1)}`, file.slice(2));
  }
  const copied = new Set<string>();
  const waiting = [...entries.values()];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (copied.has(file) || !existsSync(file)) continue;
    copied.add(file);
    cpSync(file, join(folder, file));
    for (const [, named] of readFileSync(file, "utf8").matchAll(NAMED)) waiting.push(join(dirname(file), named));
  }
  if (copied.size < entries.size) throw new Error("copyEngine: npm run build writes the package, which is not there");
  const isServed = (path: string) => !path.includes("recipe") && (IS_MODEL.test(path) || !/\.\w+$/.test(path));
  cpSync("weights", join(folder, "weights"), { recursive: true, filter: isServed });
  return entries;
}
