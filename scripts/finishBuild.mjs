/**
 * After the compiler, which wrote the type declarations: bundles the programs, and lets the command be executed. Plain JavaScript, as
 * it runs while the package is installed, on whatever Node there is.
 */
import { chmodSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { bundle } from "./bundle.mjs";
import { writeExplorerPage } from "./explorerPage.mjs";
import { browserTwins, forBrowsers } from "./forBrowsers.mjs";

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

/**
 * One file for each entry point, and in `chunks` what they share. As one file for each module of the sources, 139 of them, the import
 * of plainbert took 50 ms; it takes 20.
 *
 * What starts a worker looks for it beside itself, and for the package's weights two folders up: it is in a chunk, as several entry
 * points reach it; `scripts/checkPackage.ts` makes sure of it.
 */
await bundle({
  input: {
    index: "src/index.ts",
    "tokenizer/index": "src/tokenizer/index.ts",
    "safetensors/index": "src/safetensors/index.ts",
    "training/index": "src/training/index.ts",
    "testing/index": "src/testing/index.ts",
    "serve/index": "src/serve/index.ts",
    "adapters/index": "src/adapters/index.ts",
    "cli/main": "src/cli/main.ts",
    "browser/index": forBrowsers("src/index.ts"),
    "browser/training/index": forBrowsers("src/training/index.ts"),
  },
  ...common,
  plugins: [publishedNames("./", "../../weights/"), browserTwins],
  output: { dir: "dist", entryFileNames: "[name].js", chunkFileNames: "chunks/[name].js", comments: false },
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
