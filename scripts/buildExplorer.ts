/**
 * Writes dist/explorer, the page that shows what a model does, with the small model: a folder for any server of static files.
 *
 *     npm run build:explorer
 */
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "rolldown";
// @ts-expect-error: plain JavaScript, as the build of the package runs it on whatever Node there is
import { browserTwins, forBrowsers } from "./forBrowsers.mjs";

const root = join(import.meta.dirname, "..");
const OUT = join(root, "dist", "explorer");
const MODEL = ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"];

rmSync(OUT, { recursive: true, force: true });
mkdirSync(join(OUT, "model"), { recursive: true });
const common = { platform: "browser", tsconfig: false, transform: { target: "es2023" } } as const;
const output = { codeSplitting: false, minify: true, comments: false } as const;
await build({
  ...common,
  input: join(root, "src/explorer/page.ts"),
  output: { ...output, file: join(OUT, "explorer.js") },
});
await build({
  ...common,
  input: forBrowsers("src/explorer/worker.ts"),
  plugins: [browserTwins],
  output: { ...output, file: join(OUT, "explorer-worker.js") },
});
for (const file of ["index.html", "explorer.css"]) cpSync(join(root, "src/explorer", file), join(OUT, file));
for (const file of MODEL) cpSync(join(root, "weights", file), join(OUT, "model", file));
