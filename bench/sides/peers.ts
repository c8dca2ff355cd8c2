import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The folder with the peers' own package.json and lock; they are no dependencies of plainbert. */
export const PEERS: string = join(import.meta.dirname, "..", "peers");

/**
 * Installs the peers as their lock says, if one is not there or of another version. Without their install scripts: those download builds for
 * graphics processors, which nothing here uses.
 */
export function installPeers(): void {
  const { dependencies }: { dependencies: Record<string, string> } = readJson(join(PEERS, "package.json"));
  if (Object.entries(dependencies).every(([name, version]) => isInstalled(name) && peerVersion(name) === version))
    return;
  console.error("bench: installing the peers into bench/peers/node_modules (690 MB)");
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: PEERS,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
}

/**
 * A peer's exports. `T` is what the bench uses of them, so that the type check of the project needs no peer installed.
 */
export function requirePeer<T>(name: string): T {
  return createRequire(join(PEERS, "package.json"))(name) as T;
}

/** The version of a peer that is installed. */
export function peerVersion(name: string): string {
  return readJson<{ version: string }>(manifestOf(name)).version;
}

function isInstalled(name: string): boolean {
  return existsSync(manifestOf(name));
}

function manifestOf(name: string): string {
  return join(PEERS, "node_modules", name, "package.json");
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8"));
}
