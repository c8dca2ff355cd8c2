/**
 * After the compiler, which wrote the type declarations: bundles the programs, and lets the command be executed. Plain JavaScript, as
 * it runs while the package is installed, on whatever Node there is.
 */
import { chmodSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { bundle } from "./bundle.mjs";
import { writeExplorerPage } from "./explorerPage.mjs";
import { browserTwins, forBrowsers, hasTwin } from "./forBrowsers.mjs";

const common = { platform: "node", tsconfig: false, transform: { target: "es2023" } };

/** The modules of workers, by the name that each has where it is published. */
const WORKERS = {
  "plainbert-helper": "src/tensor/simd/helperMain.ts",
  "plainbert-forward": "src/runtime/workerMain.ts",
};

/**
 * Puts the published names where a source names a worker's module, `new URL("./helperMain.ts", import.meta.url)`, or a file of a small model.
 *
 * @param chunks the folder of the workers, and `weights` that of the small models, from where the code will be
 */
const publishedNames = (chunks, weights) => ({
  name: "published names of workers and weights",
  transform(code) {
    let published = code.replaceAll('new URL("../../weights/', `new URL("${weights}`);
    for (const [name, source] of Object.entries(WORKERS)) {
      published = published.replace(`new URL("./${basename(source)}", import`, `new URL("${chunks}${name}.js", import`);
    }
    return published === code ? null : published;
  },
});

/** The entry points by the names of their files. */
const entries = {
  index: "src/index.ts",
  "tokenizer/index": "src/tokenizer/index.ts",
  "safetensors/index": "src/safetensors/index.ts",
  "training/index": "src/training/index.ts",
  "testing/index": "src/testing/index.ts",
  "serve/index": "src/serve/index.ts",
  "adapters/index": "src/adapters/index.ts",
  "cli/main": "src/cli/main.ts",
};

/**
 * Which chunk has a module that `plainbert` imports: `tokenizer` what `plainbert/tokenizer` needs too, `safetensors` what
 * `plainbert/safetensors` does, `shared` what both or the command do, `engine` the rest, `loading` what leads to modules of Node, which
 * browsers have another form of. `opening` is what `loadBert` imports when it is called; what it imports in browsers too is in `engine`. In
 * chunks as the bundler makes them, 45 for ten entry points and what they import later, the import of plainbert takes 27 ms of processor
 * time; in these 14. `opening` in 11 chunks takes 4 ms longer.
 */
async function chunksOfEngine() {
  const names = ["index", "tokenizer/index", "safetensors/index", "cli/main"];
  const inputs = [...names.map((name) => entries[name]), "src/load/openModel.ts", "src/browser/openFetchedModel.ts"];
  const [all, tokenizer, safetensors, command, opening, fetching] = await Promise.all(inputs.map(modulesOf));
  // A module belongs to the first group that takes it, and a group's modules import none of a later group.
  return [
    { name: "shared", test: (id) => all.has(id) && (command.has(id) || (tokenizer.has(id) && safetensors.has(id))) },
    { name: "tokenizer", test: (id) => all.has(id) && tokenizer.has(id) },
    { name: "safetensors", test: (id) => all.has(id) && safetensors.has(id) },
    { name: "engine", test: (id) => (all.has(id) || (opening.has(id) && fetching.has(id))) && !hasTwin(id) },
    { name: "loading", test: (id) => all.has(id) },
    { name: "opening", test: (id) => opening.has(id) },
  ];
}

/** The modules that a module imports, and what these import; nothing that is imported later. */
async function modulesOf(input) {
  const imported = new Map();
  const graph = { name: "graph", moduleParsed: ({ id, importedIds }) => void imported.set(id, importedIds) };
  await bundle({ input, ...common, plugins: [graph], write: false });
  const modules = new Set();
  const waiting = [resolve(input)];
  for (const id of waiting) {
    if (modules.has(id)) continue;
    modules.add(id);
    waiting.push(...(imported.get(id) ?? []));
  }
  return modules;
}

/**
 * One file for each entry point, and in `chunks` what they share. As one file for each module of the sources, 139 of them, the import
 * of plainbert took 50 ms; it takes 20.
 *
 * What starts a worker looks for it beside itself, and for the package's weights two folders up: it is in a chunk, as several entry
 * points reach it; `scripts/checkPackage.ts` makes sure of it.
 */
await bundle({
  input: {
    ...entries,
    "browser/index": forBrowsers("src/index.ts"),
    "browser/training/index": forBrowsers("src/training/index.ts"),
  },
  ...common,
  plugins: [publishedNames("./", "../../weights/"), browserTwins],
  output: {
    dir: "dist",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    comments: false,
    codeSplitting: { groups: await chunksOfEngine() },
  },
});

/** The same for a page without a bundler: all that `plainbert` exports in one file, which finds the workers and the weights in the package. */
await bundle({
  input: forBrowsers("src/index.ts"),
  ...common,
  platform: "browser",
  plugins: [publishedNames("./chunks/", "../weights/"), browserTwins],
  output: { file: "dist/plainbert.browser.js", codeSplitting: false, minify: true, comments: false },
});

/**
 * A worker is one file without import, export or import.meta: wherever a bundler copies it, it runs, as a module and as a script. It is
 * minified, as it repeats what the chunks have.
 */
for (const [name, source] of Object.entries(WORKERS)) {
  await bundle({
    input: source,
    ...common,
    transform: { ...common.transform, define: { "import.meta": "{}" } }, // of a module that starts workers, which one does not
    output: { file: `dist/chunks/${name}.js`, format: "iife", codeSplitting: false, minify: true, comments: false },
  });
}

await writeExplorerPage();

const { bin } = JSON.parse(readFileSync("package.json", "utf8"));
for (const path of Object.values(bin)) chmodSync(path, 0o755);
