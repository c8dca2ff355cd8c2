/**
 * Runs worker.mjs in workerd, Cloudflare's runtime, whose file system holds what is deployed with the program, in /bundle.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Miniflare } from "miniflare";

const { MODEL, ASSETS } = process.env;

/** A folder's files, and those of folders in it, as modules of a program. */
const filesOf = (folder, name) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile()
      ? [{ type: "Data", path: `${name}/${relative(folder, path)}`, contents: readFileSync(path) }]
      : [];
  });

const miniflare = new Miniflare({
  modules: [
    { type: "ESModule", path: "worker.mjs", contents: readFileSync("out/worker.mjs", "utf8") },
    ...filesOf(MODEL, "model"),
    ...(ASSETS ? filesOf(ASSETS, "assets").filter(({ path }) => !path.endsWith("README.md")) : []),
  ],
  compatibilityDate: "2026-07-01",
  compatibilityFlags: ["nodejs_compat"],
  bindings: { MODEL: "/bundle/model", ...(ASSETS && { ASSETS: "/bundle/assets" }) },
});
console.log(await (await miniflare.dispatchFetch("http://localhost/")).text());
await miniflare.dispose();
