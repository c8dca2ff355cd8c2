/**
 * Checks the tarball that `npm publish` would send: publint and "are the types wrong" on it, then what plainbert promises
 * of its package: no dependency, no install script, less than a megabyte beside the weights, and nothing that should stay
 * at home.
 *
 *     npm run check:package
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packInto, run } from "./npm.ts";

/** Bytes installed beside the weights. */
const BUDGET = 1_000_000;
const SHIPPED = ["CHANGELOG.md", "LICENSE", "NOTICE", "README.md", "dist", "package.json", "weights"];

/** What the tarball's contents break of the promises. */
function brokenPromises(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const broken = [];
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "bundleDependencies"]) {
    if (manifest[field] !== undefined) broken.push(`package.json must have no ${field}`);
  }
  for (const script of ["preinstall", "install", "postinstall"]) {
    if (manifest.scripts?.[script] !== undefined) broken.push(`package.json must have no ${script} script`);
  }
  const shipped = readdirSync(folder).sort();
  if (shipped.join() !== SHIPPED.join())
    broken.push(`the package must hold ${SHIPPED.join()}, holds ${shipped.join()}`);

  const size = { weights: 0, rest: 0 };
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (/\.(node|wasm|tsbuildinfo|map)$/.test(path)) broken.push(`the package must not hold ${path}`);
    size[path.startsWith(join(folder, "weights")) ? "weights" : "rest"] += statSync(path).size;
  }
  if (size.rest >= BUDGET)
    broken.push(`the package must be under ${BUDGET} bytes beside the weights, has ${size.rest}`);
  console.log(`weights ${size.weights} bytes, everything else ${size.rest} bytes of at most ${BUDGET}`);
  return broken;
}

const folder = mkdtempSync(join(tmpdir(), "plainbert-package-"));
try {
  const tarball = packInto(folder);
  console.log(run("npx", ["--no-install", "publint", "--strict", tarball]));
  console.log(run("npx", ["--no-install", "attw", "--profile", "esm-only", tarball]));
  run("tar", ["-xzf", tarball, "-C", folder]);
  const broken = brokenPromises(join(folder, "package"));
  for (const sentence of broken) console.error(sentence);
  if (broken.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
