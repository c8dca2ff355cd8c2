import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..", "src");
const EXPLORER = join(ROOT, "explorer");

/** What a module loads: its imports but for those of types alone; with the specifiers of packages as they are. */
function loads(file: string): string[] {
  const source = readFileSync(file, "utf8");
  const found = [...source.matchAll(/^(?:import|export) (?!type\b)([^;]*?) from "([^"]+)";/gms)];
  return found.flatMap(([, names, from]) => {
    const isOfTypes = names.startsWith("{") && names.slice(1, -1).split(",").filter((one) => one.trim()).every((one) => /^\s*type\b/.test(one)); // biome-ignore format: one line
    return isOfTypes ? [] : [from.startsWith(".") ? join(dirname(file), from) : from];
  });
}

/** All that is loaded with a module. */
function reached(file: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  if (file.startsWith(ROOT)) for (const next of loads(file)) reached(next, found);
  return found;
}

test("the page's own thread loads nothing of the engine; the worker does", () => {
  const outside = [...reached(join(EXPLORER, "page.ts"))].filter((file) => !file.startsWith(EXPLORER));
  expect(outside).toEqual(["lit-html"]);
  // What is loaded when it is first opened: with exp, erf and tanh, which a number is computed again with.
  const stepper = [...reached(join(EXPLORER, "page", "stepper", "stepperView.ts"))];
  expect(stepper.filter((file) => !file.startsWith(EXPLORER))).toEqual([
    "lit-html",
    join(ROOT, "tensor", "kernels", "transcendental.ts"),
  ]);
  const worker = [...reached(join(EXPLORER, "worker.ts"))].map((file) => relative(ROOT, file));
  expect(worker).toContain(join("model", "bert.ts"));
});
