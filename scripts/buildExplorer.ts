/**
 * Writes the explorer for those who have no package: `dist/explorer`, a folder for any server of static files, with the
 * small model; and `dist/explorer.html`, one file that holds all of it and works from a disk.
 *
 *     npm run build:explorer
 */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadBert } from "../src/index.ts";
// @ts-expect-error: plain JavaScript, as the build of the package runs it on whatever Node there is
import { EXPLORER, writeExplorerPage, writeWholePage } from "./explorerPage.mjs";

const MODEL = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"];

/** The text of a file of the page. */
const pageFile = (name: string): string => readFileSync(join(EXPLORER, name), "utf8");

/** A script as HTML holds it: nothing in it ends the element. */
function inScript(code: string): string {
  if (code.includes("<!--")) throw new Error("buildExplorer: a script must not hold <!--, which HTML reads otherwise");
  return code.replaceAll("</script", "<\\/script");
}

/** What a Content-Security-Policy allows: this text and no other. */
const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** A part of the text that is there once, replaced. @throws Error it is not there once */
function replacedOnce(text: string, part: string | RegExp, by: string): string {
  const parts = text.split(part);
  if (parts.length !== 2)
    throw new Error(`buildExplorer: index.html must have ${part} once, has it ${parts.length - 1} times`);
  return parts.join(by);
}

/** The page with its script, style sheet, worker and model in it. */
async function singleFile(): Promise<string> {
  const [style, worker] = ["explorer.css", "explorer-worker.js"].map(pageFile);
  const whole = join("dist", "explorer-whole.js");
  await writeWholePage(whole);
  const page = readFileSync(whole, "utf8");
  rmSync(whole);
  const script = inScript(page);
  const policy = [
    ...["default-src 'none'", `script-src ${hashOf(script)} 'wasm-unsafe-eval'`, `style-src ${hashOf(style)}`],
    ...["worker-src blob:", "img-src blob: data:", "base-uri 'none'", "form-action 'none'"],
  ].join("; ");
  const files = Object.fromEntries(MODEL.map((name) => [name, readFileSync(join("weights", name)).toString("base64")]));
  const data = [
    `<script type="application/json" id="model-files">${JSON.stringify(files)}</script>`,
    `<script type="text/plain" id="worker-source">${inScript(worker)}</script>`,
  ].join("\n");
  const html = replacedOnce(pageFile("index.html"), /(?<=Content-Security-Policy" content=")[^"]*/, policy);
  const styled = replacedOnce(html, '<link rel="stylesheet" href="explorer.css">', `<style>${style}</style>`);
  const started = `${data}\n<script type="module">${script}</script>`;
  return replacedOnce(styled, '<script type="module" src="explorer.js"></script>', started);
}

rmSync(EXPLORER, { recursive: true, force: true });
await writeExplorerPage();
await using bert = await loadBert(undefined, { backend: "plain" });
// So that the page knows the small model, for which code needs no path.
const known = `<meta name="small-model" content="${bert.fingerprint}">\n</head>`;
writeFileSync(join(EXPLORER, "index.html"), replacedOnce(pageFile("index.html"), "</head>", known));
writeFileSync(join("dist", "explorer.html"), await singleFile());
mkdirSync(join(EXPLORER, "model"));
for (const file of MODEL) cpSync(join("weights", file), join(EXPLORER, "model", file));
