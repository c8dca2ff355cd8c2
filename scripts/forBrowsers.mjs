/**
 * The part of the build that makes modules for browsers: a plugin of rolldown. twins.json lists what stands in for a module there, both as
 * paths in `src`: what reads files of the disk is fetched, and what writes some says that it cannot. A module that leads to one of them, at
 * once or when it is called, is there twice: as it is, and with the mark `?browser`, with the twins in their place. All others are shared.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const MARK = "?browser";
const SRC = resolve("src");

const twins = new Map(
  Object.entries(JSON.parse(readFileSync("scripts/twins.json", "utf8"))).map(([module, twin]) => [
    join(SRC, module),
    join(SRC, twin),
  ]),
);

/** The modules that a module names, but for types. */
function namedBy(path) {
  const source = readFileSync(path, "utf8");
  const named = [
    ...source.matchAll(/^(?:import|export)(?! type)[^;]*? from "(\.[^"]+)";|(?:\bawait|=>) import\("(\.[^"]+)"\)/gm),
  ];
  return named.map(([, loaded, asked]) => join(dirname(path), loaded ?? asked));
}

/** Every module that leads to one that has a twin. */
function findMarked() {
  const modules = readdirSync(SRC, { recursive: true })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(SRC, name));
  const named = new Map(modules.map((path) => [path, namedBy(path)]));
  const marked = new Set(twins.keys());
  for (let before = -1; before < marked.size; ) {
    before = marked.size;
    for (const [path, names] of named) if (names.some((name) => marked.has(name))) marked.add(path);
  }
  return marked;
}

const marked = findMarked();

/** Whether a module, by its path, is another one for browsers. */
export const hasTwin = (path) => marked.has(path);

/** A module as it is for browsers. */
export const forBrowsers = (path) => resolve(path) + MARK;

export const browserTwins = {
  name: "twins for browsers",
  resolveId(source, importer) {
    if (source.endsWith(MARK)) return source;
    if (!importer?.endsWith(MARK)) return null;
    const path = join(dirname(importer), source);
    return twins.get(path) ?? (marked.has(path) ? path + MARK : path);
  },
  load(id) {
    return id.endsWith(MARK) ? { code: readFileSync(id.slice(0, -MARK.length), "utf8"), moduleType: "ts" } : null;
  },
};
