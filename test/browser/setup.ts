import { cpSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Place } from "../programs/place.ts";
import { SENTENCE_FORMS, sentenceFolder } from "../support/sentenceFolders.ts";
import { Site } from "./site.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** A page that gets the package in one of the ways there are; `site.texts` has them all. */
export const PAGES = {
  /** Bundled by esbuild. */
  bundle: "/bundle.html",
  /** The single file, of the page's own origin. */
  single: "/single.html",
  /** The single file of a content network. */
  network: "/network.html",
} as const;

/** A folder with a model in PyTorch's shards. */
export function pytorchModel(): string {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-pytorch-"));
  cpSync(join(ROOT, "test", "pytorch", "reference", "sharded"), folder, { recursive: true });
  cpSync(join(ROOT, "test", "reference", "tiny", "config.json"), join(folder, "config.json"));
  return folder;
}

/** The folders of sentence-transformers, of every form. */
export const SENTENCE_FOLDERS: string = mkdtempSync(join(tmpdir(), "plainbert-sentences-"));

/**
 * The packed package, a program that esbuild has bundled with it, and a site that serves both, with models in `/models/`, those of
 * sentence-transformers in `/sentences/`.
 *
 * @param name of the folder that the program is built in
 */
export async function startSite(): Promise<Site> {
  const place = new Place("esbuild");
  const program = join(import.meta.dirname, "program");
  for (const name of ["program", "page", "worker", "everything"])
    cpSync(join(program, `${name}.mjs`), place.path(`${name}.mjs`));
  const out = place.path("page");
  place.run("esbuild", [
    ...["page.mjs", "worker.mjs", "everything.mjs"],
    ...["--bundle", "--platform=browser", "--format=esm", `--outdir=${out}`],
  ]);
  const installed = place.path("node_modules", "plainbert");
  cpSync(join(installed, "weights"), join(out, "assets"), { recursive: true });
  for (const worker of ["plainbert-forward.js", "plainbert-helper.js"])
    cpSync(join(installed, "dist", "chunks", worker), join(out, "assets", worker));
  for (const form of SENTENCE_FORMS) await sentenceFolder(SENTENCE_FOLDERS, form);
  const site = await Site.start({
    "/out/": out,
    "/package/": installed,
    "/node_modules/plainbert/": installed,
    "/program/": program,
    "/tiny/": join(ROOT, "test", "reference", "tiny"),
    "/pytorch/": pytorchModel(),
    "/sentences/": SENTENCE_FOLDERS,
    "/models/": join(ROOT, "test", "pipelines", "reference", "heads"),
  });
  site.texts.set(PAGES.bundle, pageOf("/out/page.js"));
  for (const [name, origin] of [
    ["single", site.origin],
    ["network", site.network],
  ] as const) {
    const start = `import * as plainbert from "${origin}/package/dist/plainbert.browser.js";\n`;
    const page = `import { programOf } from "/program/program.mjs";\nglobalThis.workerFile = "/${name}.worker.js";\nglobalThis.program = programOf(plainbert);\n`;
    const worker = `import { listen, programOf } from "/program/program.mjs";\nlisten(programOf(plainbert));\n`;
    site.texts.set(PAGES[name], pageOf(`/${name}.js`));
    site.texts.set(`/${name}.js`, start + page);
    site.texts.set(`/${name}.worker.js`, start + worker);
  }
  return site;
}

function pageOf(script: string): string {
  return `<!doctype html><title>plainbert</title><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`;
}
