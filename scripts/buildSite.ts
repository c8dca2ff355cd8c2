/**
 * Writes the site into `dist/site`: README, guides, tour and API reference as pages, the explorer, and what runs their
 * examples. All addresses in it are relative, so that any server of static files can serve it, under any path.
 *
 *     npm run build:site
 */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { allExamples } from "../test/support/examples.ts";
// @ts-expect-error: plain JavaScript, as the build of the package runs it on whatever Node there is
import { bundle } from "./bundle.mjs";
import { copyEngine } from "./site/engine.ts";
import { modelsIn, moduleOf, whyNotInPage } from "./site/examples.ts";
import { layout } from "./site/layout.ts";
import { groupsOf } from "./site/navigation.ts";
import { addressOfSources, collectPages, type Repository } from "./site/pages.ts";
import { partsOf } from "./site/parts.ts";
import { addressFrom, pathOf } from "./site/paths.ts";

const SITE = join("dist", "site");
const PAGE = join("scripts", "site", "page");
const EXPLORER = join("dist", "explorer");
/** Libraries whose code is in what the site serves; the explorer's script has lit-html's licence in it. */
const LICENCES = { minisearch: "LICENSE.txt", "node-inspect-extracted": "LICENSE" };
const MODELS = join("test", "pipelines", "reference", "heads");

/** Writes a file of the site. */
function write(path: string, content: string): void {
  const file = join(SITE, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const { repository } = JSON.parse(readFileSync("package.json", "utf8")) as { repository?: Repository };

function writePages(): void {
  const { pages, copied } = collectPages(repository);
  const groups = groupsOf(pages);
  for (const page of pages) write(page.path, layout(page, groups));
  for (const file of copied) cpSync(file, join(SITE, pathOf(file)));
  const parts = pages.filter(({ path }) => !path.startsWith("source/")).flatMap(partsOf);
  write("search.json", JSON.stringify(parts.map((part, id) => ({ id, ...part }))));
}

async function writeScripts(): Promise<void> {
  const common = { platform: "browser", tsconfig: false, transform: { target: "es2023" } };
  const output = { dir: SITE, minify: true, comments: false, entryFileNames: "[name].js", chunkFileNames: "[name].js" };
  const inputs = [{ site: join(PAGE, "site.ts") }, { "run-worker": join(PAGE, "runWorker.ts") }, { "explorer-bar": join(PAGE, "explorerBar.ts") }]; // biome-ignore format: one line
  for (const input of inputs) await bundle({ ...common, input, output });
  for (const name of ["site.css", "explorer-bar.css"]) cpSync(join(PAGE, name), join(SITE, name));
  for (const [name, file] of Object.entries(LICENCES))
    cpSync(join("node_modules", name, file), join(SITE, "licences", `${name}.txt`));
  for (const name of ["LICENSE", "NOTICE"]) cpSync(name, join(SITE, "licences", name));
}

/** The examples that run in a page, the package, and the models that they ask for. */
function writeExamples(): void {
  const entries = copyEngine(join(SITE, "engine"));
  const examples = allExamples().filter((example) => whyNotInPage(example) === null);
  for (const example of examples) write(join("run", `${example.name}.js`), moduleOf(example, entries));
  const models = new Set(examples.flatMap(modelsIn).filter((name) => existsSync(join(MODELS, name))));
  for (const name of models) cpSync(join(MODELS, name), join(SITE, "models", name), { recursive: true });
}

/** The explorer, with a bar that leads back to the pages; its stepper leads to sources and tour. */
function writeExplorer(): void {
  if (!existsSync(EXPLORER))
    throw new Error("buildSite: npm run build:explorer writes the explorer, which is not there");
  cpSync(EXPLORER, join(SITE, "explorer"), { recursive: true });
  const links = [["../index.html", "plainbert"], ["../docs/explorer.html", "About this page"]].map(([to, name]) => `<a href="${to}">${name}</a>`); // biome-ignore format: one line
  const bar = `<nav id="site" tabindex="-1" aria-label="plainbert">${links.join("")}<a id="tour-step" href="../docs/reading/index.html">A tour of BERT</a></nav>`;
  const path = "explorer/index.html";
  const head = [
    `<meta name="sources" content="${addressOfSources(path, repository)}">`,
    `<meta name="tour" content="${addressFrom(path, pathOf("docs/reading/*.md"))}">`,
    '<link rel="stylesheet" href="../explorer-bar.css">\n<script type="module" src="../explorer-bar.js"></script>',
  ].join("\n");
  const html = readFileSync(join(EXPLORER, "index.html"), "utf8");
  const skip = '<a class="skip" href="#site">Skip to the pages of plainbert</a>';
  const framed = html.replace("<body>", `<body>\n${skip}`).replace("</body>", `${bar}\n</body>`);
  write(path, framed.replace("</head>", `${head}\n</head>`));
}

rmSync(SITE, { recursive: true, force: true });
writePages();
await writeScripts();
writeExamples();
writeExplorer();
