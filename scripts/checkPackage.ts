/**
 * Checks the tarball that `npm publish` would send: publint and "are the types wrong" on it, its types in a program for a
 * browser, then what plainbert promises of its package: no dependency, no install script, each part within its budget,
 * nothing that should stay at home, and the files that bundlers must see in the form that they look for.
 *
 *     npm run check:package
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { packInto, run } from "./npm.ts";

/** The parts of the package: how many bytes each may have, and its files; the last one has what is in no other. */
const PARTS: readonly { readonly name: string; readonly budget: number; readonly files: RegExp }[] = [
  { name: "weights", budget: Number.POSITIVE_INFINITY, files: /^weights\// },
  { name: "browser file", budget: 378_000, files: /^dist\/plainbert\.browser\.js$/ },
  { name: "explorer", budget: 521_000, files: /^dist\/explorer\// }, // 31 kB are the stepper, 46 kB the other views below, 26 kB what page and worker do for them and for models of the hub; 27 kB take heads and words away; 2 kB round weights by kernels
  { name: "description of the service", budget: 30_000, files: /^dist\/chunks\/openApi\.js$/ }, // a table, for /openapi.json
  { name: "engine and command line", budget: 2_021_000, files: /^/ }, // 170 kB train: vectors, rerankers, distillation; 60 kB serve several models, hold whatever arrives, log and count it; 13 kB search by words; 12 kB go on with an index, and tell what a model cannot read; 18 kB are the adapters for frameworks, most of it types and what they refuse; 5 kB round weights by kernels; 4 kB read them while the kernels are compiled; 4 kB decode files of 16-bit numbers by kernels
];
const SHIPPED = ["CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "dist", "package.json", "weights"];

/** What the tarball's contents break of the promises. */
function brokenPromises(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const broken = [];
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"]) {
    if (manifest[field] !== undefined) broken.push(`package.json must have no ${field}`);
  }
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
    if (manifest.scripts?.[script] !== undefined) broken.push(`package.json must have no ${script} script`);
  }
  broken.push(...unseenByBundlers(folder), ...brokenBrowserFile(folder), ...brokenExplorer(folder));
  broken.push(...brokenService(folder));
  const shipped = readdirSync(folder).sort();
  if (shipped.join() !== SHIPPED.join())
    broken.push(`the package must hold ${SHIPPED.join()}, holds ${shipped.join()}`);

  const sizes = new Map(PARTS.map((part) => [part, 0]));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (/\.(node|wasm|tsbuildinfo|map)$/.test(path)) broken.push(`the package must not hold ${path}`);
    const file = relative(folder, path).replaceAll("\\", "/");
    const part = PARTS.find(({ files }) => files.test(file))!;
    sizes.set(part, sizes.get(part)! + statSync(path).size);
  }
  for (const [{ name, budget }, size] of sizes) {
    console.log(`${name}: ${size} bytes${Number.isFinite(budget) ? ` of at most ${budget}` : ""}`);
    if (size > budget) broken.push(`${name} must be at most ${budget} bytes, has ${size}`);
  }
  return broken;
}

/** What a user downloads, compressed: the tarball, and the small embedding model's part of it. */
const DOWNLOAD_BUDGET = 16_000_000;
const EMBEDDINGS_BUDGET = 8_000_000;

/**
 * The code that only the service needs, `plainbert serve` and `plainbert/serve`; its description, which /openapi.json
 * loads, is a part of its own.
 */
const SERVICE_BUDGET = 60_000;
const OF_SERVICE = /^\/\/ src\/(serve\/|cli\/serve(Log)?\.ts)/m; // the bundler names the sources of a chunk

/** Whether the service is too large. */
function brokenService(folder: string): string[] {
  const dist = join(folder, "dist");
  const chunks = readdirSync(join(dist, "chunks")).filter((name) => name !== "openApi.js");
  const own = chunks.filter((name) => OF_SERVICE.test(readFileSync(join(dist, "chunks", name), "utf8")));
  const files = [...own.map((name) => join("chunks", name)), join("serve", "index.js")];
  const size = files.reduce((sum, file) => sum + statSync(join(dist, file)).size, 0);
  console.log(`the service, ${files.join(", ")}: ${size} bytes of at most ${SERVICE_BUDGET}`);
  if (own.length === 0)
    return ["dist/chunks must name the sources of its files in comments, names none of the service"];
  return size > SERVICE_BUDGET ? [`the service must be at most ${SERVICE_BUDGET} bytes, has ${size}`] : [];
}

/** Whether what a user downloads is too large. */
function tooLarge(tarball: string, folder: string): string[] {
  const ofEmbeddings = readdirSync(join(folder, "weights", "embeddings"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + gzipSync(readFileSync(join(entry.parentPath, entry.name))).length, 0);
  const sizes = [
    ["the tarball", statSync(tarball).size, DOWNLOAD_BUDGET],
    ["weights/embeddings, compressed,", ofEmbeddings, EMBEDDINGS_BUDGET],
  ] as const;
  return sizes.flatMap(([name, size, budget]) => {
    console.log(`${name}: ${size} bytes of at most ${budget}`);
    return size > budget ? [`${name} must be at most ${budget} bytes, has ${size}`] : [];
  });
}

/** The files of a model, without those that sentence-transformers adds. */
const MODEL_FILES = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"];
/** The workers and the small models' files, as dist/chunks names them. */
const CARRIED = ["./plainbert-helper.js", "./plainbert-forward.js"].concat(
  MODEL_FILES.map((name) => `../../weights/${name}`),
  [...MODEL_FILES, "modules.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"].map(
    (name) => `../../weights/embeddings/${name}`,
  ),
);

/** What bundlers and file tracing would leave behind: they look for `new URL("…", import.meta.url)` and for nothing else. */
function unseenByBundlers(folder: string): string[] {
  const chunks = join(folder, "dist", "chunks");
  const sources = readdirSync(chunks).map((name) => [name, readFileSync(join(chunks, name), "utf8")] as const);
  const code = sources.map(([, source]) => source).join("\n");
  const expected = CARRIED.map((file) => {
    const url = `new URL("${file}", import.meta.url)`;
    return /plainbert-/.test(file) ? `new Worker(${url}, {` : `return ${url};`; // Next's tracing sees no body of an arrow function
  });
  const unseen = expected.filter((form) => !code.includes(form)).map((form) => `dist/chunks must have ${form}`);
  for (const [name, source] of sources) {
    const own = source.replaceAll("`import ${", ""); // of the module that starts a worker of another origin: a text
    if (/^plainbert-/.test(name) && /\b(import|export|require)\b/.test(own))
      unseen.push(`dist/chunks/${name} must be one file that imports nothing`);
  }
  for (const file of CARRIED) if (!existsSync(join(chunks, file))) unseen.push(`dist/chunks must find ${file}`);
  return unseen;
}

/** What the file for pages without a bundler breaks of its promises: it imports nothing, and finds workers and weights. */
function brokenBrowserFile(folder: string): string[] {
  const name = "dist/plainbert.browser.js";
  const source = readFileSync(join(folder, name), "utf8");
  const files = CARRIED.map((file) => file.replace("./plainbert-", "./chunks/plainbert-").replace("../../", "../"));
  const broken = files.flatMap((file) => {
    const isNamed = new RegExp(`new URL\\([\`"']${file.replaceAll(".", "\\.")}[\`"'], ?import\\.meta\\.url\\)`).test(
      source,
    );
    return isNamed && existsSync(join(folder, "dist", file)) ? [] : [`${name} must name ${file}, which must be there`];
  });
  if (/\bimport\s*[("'{]|\bfrom\s*["']/.test(source)) broken.push(`${name} must import nothing`);
  return broken;
}

/** What the explorer's page loads first, beside the engine in its worker, compressed as servers send it. */
const PAGE_BUDGET = 40_000;
/** What lit-html, the one library that is bundled, has in it, and nothing of ours. */
const OF_LIT = "litHtmlVersions";

/** What the explorer breaks of its promises: its files, its size, and that code of others is in its page alone. */
function brokenExplorer(folder: string): string[] {
  const dist = join(folder, "dist");
  const names = readdirSync(join(dist, "explorer")).sort();
  const first = ["explorer-worker.js", "explorer.css", "explorer.js", "index.html"];
  const later = names.filter((name) => /^explorer-\w+\.js$/.test(name) && !first.includes(name)); // views, when they are opened
  const expected = [...first, ...later].sort();
  const broken = names.join() === expected.join() ? [] : [`dist/explorer must hold ${expected}, holds ${names}`];
  const script = readFileSync(join(dist, "explorer", "explorer.js"), "utf8");
  if (/\b(from|import) ?["']\.\//.test(script))
    broken.push("dist/explorer/explorer.js must load no other file at once");
  const page = first.filter((name) => name !== "explorer-worker.js");
  const size = page.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, "explorer", name))).length, 0);
  console.log(`explorer's page, compressed: ${size} bytes of at most ${PAGE_BUDGET}`);
  if (size > PAGE_BUDGET) broken.push(`the explorer's page must be at most ${PAGE_BUDGET} bytes, has ${size}`);
  const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => /\.c?js$/.test(name));
  const withLit = files.filter((name) => readFileSync(join(dist, name), "utf8").includes(OF_LIT));
  if (withLit.join() !== join("explorer", "explorer.js"))
    broken.push(`code of others must be in dist/explorer/explorer.js alone, is in ${withLit.join()}`);
  return broken;
}

/** Compiles a program that imports everything, for a browser: without Node's types, and with every .d.ts checked. */
function compileConsumer(folder: string, tarball: string): void {
  const consumer = join(folder, "consumer");
  const installed = join(consumer, "node_modules", "plainbert");
  mkdirSync(installed, { recursive: true });
  run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  const { exports } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  const subpaths = Object.keys(exports).filter((subpath) => !/\*|\.json$/.test(subpath));
  const imports = subpaths.map((subpath, n) => `export * as m${n} from "plainbert${subpath.slice(1)}";\n`);
  writeFileSync(join(consumer, "program.mts"), imports.join(""));
  const compilerOptions = {
    ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
    ...{ module: "NodeNext", target: "ES2022", lib: ["ES2022", "DOM", "ESNext.Disposable"], types: [] },
  };
  writeFileSync(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["program.mts"] }));
  run("npx", ["--no-install", "tsc", "-p", consumer]);
}

const folder = mkdtempSync(join(tmpdir(), "plainbert-package-"));
try {
  const tarball = packInto(folder);
  run("npx", ["--no-install", "publint", "--strict", tarball]);
  run("npx", ["--no-install", "attw", "--profile", "strict", tarball]);
  compileConsumer(folder, tarball);
  run("tar", ["-xzf", tarball, "-C", folder]);
  console.log("publint, are the types wrong, types for a browser: nothing found");
  const broken = [...brokenPromises(join(folder, "package")), ...tooLarge(tarball, join(folder, "package"))];
  for (const sentence of broken) console.error(sentence);
  if (broken.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
