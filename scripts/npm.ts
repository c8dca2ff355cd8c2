import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/**
 * Runs npm, or a command that npm installs, and returns what it prints; its errors and warnings go to the terminal.
 *
 * @throws Error it fails; with what it printed
 */
export function run(command: string, args: readonly string[], cwd: string = root): string {
  // On Windows npm and npx are .cmd files, which run in a shell alone.
  const shell = process.platform === "win32";
  const ran = spawnSync(command, args, { cwd, shell, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (ran.error) throw ran.error;
  if (ran.status !== 0) throw new Error(`${command} ${args.join(" ")}: exit code ${ran.status}\n${ran.stdout}`);
  return ran.stdout;
}

/**
 * Builds and packs the package as `npm publish` would.
 *
 * @param folder where the tarball goes; must exist
 * @returns the tarball's path
 */
export function packInto(folder: string): string {
  run("npm", ["run", "build", "--silent"]);
  const printed = run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder]);
  return join(folder, printed.trim().split("\n").at(-1) ?? "");
}
