/**
 * Loads the package by Node's `vm` modules into a context of its own, as test runners do, and says what it finds there. The environment's
 * META_URL is what every module finds in `import.meta.url`: its own URL if left out.
 */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { createContext, SourceTextModule, SyntheticModule } from "node:vm";

const { MODEL: folder, ASSETS: assets, META_URL: given } = process.env;
// What docs/deploying.md says that the package needs.
const { performance, process: node, setTimeout, clearTimeout, TextDecoder, TextEncoder, URL, AbortController, MessageChannel } = globalThis; // biome-ignore format: one line
const context = createContext({
  performance,
  process: node,
  setTimeout,
  clearTimeout,
  TextDecoder,
  TextEncoder,
  URL,
  AbortController,
  MessageChannel,
});
const modules = new Map();

function load(specifier, from) {
  const url =
    specifier === "plainbert"
      ? import.meta.resolve(specifier)
      : isBuiltin(specifier)
        ? specifier
        : new URL(specifier, from).href;
  if (!modules.has(url)) modules.set(url, isBuiltin(url) ? builtin(url) : source(url));
  return modules.get(url);
}

async function builtin(name) {
  const values = await import(name);
  const names = Object.keys(values);
  const set = (module) => names.forEach((key) => void module.setExport(key, values[key]));
  return new SyntheticModule(names, function () { set(this); }, { context }); // biome-ignore format: one line
}

async function source(url) {
  return new SourceTextModule(readFileSync(new URL(url), "utf8"), {
    context,
    identifier: url,
    initializeImportMeta(meta) {
      if (given === undefined) meta.url = url;
      else if (given !== "") meta.url = given;
    },
    importModuleDynamically: async (specifier) => {
      const module = await load(specifier, url);
      await link(module);
      return module;
    },
  });
}

async function link(module) {
  if (module.status === "unlinked") await module.link((specifier, { identifier }) => load(specifier, identifier));
  if (module.status === "linked") await module.evaluate();
}

const plainbert = await load("plainbert", import.meta.url);
await link(plainbert);
const check = await load("./check.mjs", import.meta.url);
await link(check);
console.log(JSON.stringify(await check.namespace.check(plainbert.namespace, { folder, assets })));
