/**
 * The page of dist/explorer, without a model: two bundles, of the page and of its worker, beside index.html and the style sheet. Plain
 * JavaScript, as it runs while the package is installed, on whatever Node there is.
 */
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundle } from "./bundle.mjs";
import { browserTwins, forBrowsers } from "./forBrowsers.mjs";

const SOURCES = "src/explorer";

/** The folder of the page. */
export const EXPLORER = join("dist", "explorer");

/** Writes the page into `dist/explorer`. */
export async function writeExplorerPage() {
  mkdirSync(EXPLORER, { recursive: true });
  const common = { platform: "browser", tsconfig: false, transform: { target: "es2023" } };
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  const outputTo = (file) => ({ file: join(EXPLORER, file), codeSplitting: false, minify: true, comments: false });
  await bundle({
    ...common,
    input: join(SOURCES, "page.ts"),
    transform: { ...common.transform, define: { PLAINBERT_VERSION: JSON.stringify(version) } },
    output: { ...outputTo("explorer.js"), comments: { legal: true, annotation: false, jsdoc: false } }, // lit-html's licence
  });
  await bundle({
    ...common,
    input: forBrowsers(join(SOURCES, "worker.ts")),
    plugins: [browserTwins],
    transform: { ...common.transform, define: { "import.meta": "{}" } }, // of what starts workers and has a small model: unused
    output: { ...outputTo("explorer-worker.js"), format: "iife" }, // as a module and as a script
  });
  for (const file of ["index.html", "explorer.css"]) cpSync(join(SOURCES, file), join(EXPLORER, file));
}
