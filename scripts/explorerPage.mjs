/**
 * The page of dist/explorer, without a model: the page's bundle with a file for each view that is loaded when it is first opened, and the
 * worker's, beside index.html and the style sheet. Plain JavaScript, as it runs while the package is installed, on whatever Node there is.
 */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { browserTwins, forBrowsers } from "./forBrowsers.mjs";

const SOURCES = "src/explorer";

/** The folder of the page. */
export const EXPLORER = join("dist", "explorer");

const common = { platform: "browser", tsconfig: false, transform: { target: "es2023" } };

/** Writes the page's bundle. @param output where to */
async function bundlePage(output) {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  await bundle({
    ...common,
    input: { explorer: join(SOURCES, "page.ts") },
    transform: { ...common.transform, define: { PLAINBERT_VERSION: JSON.stringify(version) } },
    output: { ...output, minify: true, comments: { legal: true, annotation: false, jsdoc: false } }, // lit-html's licence
  });
}

/** Writes the page's bundle with all views in it, as one file. */
export const writeWholePage = (file) => bundlePage({ file, codeSplitting: false });

/** Writes the page into `dist/explorer`. */
export async function writeExplorerPage() {
  mkdirSync(EXPLORER, { recursive: true });
  await bundlePage({ dir: EXPLORER, entryFileNames: "[name].js", chunkFileNames: "explorer-[name].js" });
  await bundle({
    ...common,
    input: forBrowsers(join(SOURCES, "worker.ts")),
    plugins: [browserTwins],
    transform: { ...common.transform, define: { "import.meta": "{}" } }, // of what starts workers and has a small model: unused
    output: {
      ...{ file: join(EXPLORER, "explorer-worker.js"), codeSplitting: false, minify: true, comments: false },
      format: "iife", // as a module and as a script
    },
  });
  for (const file of ["index.html", "explorer.css"]) cpSync(join(SOURCES, file), join(EXPLORER, file));
}
