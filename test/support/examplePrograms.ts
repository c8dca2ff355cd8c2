import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dirname, "..", "..");
const folder = join(root, "examples");

/** What runs TypeScript on every Node. */
export const TSX: string = join(root, "node_modules", "tsx", "dist", "cli.mjs");

/** The same inside of a Node, as its first arguments, for programs that are sent signals. */
export const TSX_IN_NODE: readonly string[] = [
  "--import",
  pathToFileURL(join(root, "node_modules", "tsx", "dist", "loader.mjs")).href,
];

/** A folder of examples with dependencies and services of its own, which `npm run test:bulk` brings up. */
const APART = "bulk-embedding";

/** The programs of the folder examples but for that one, as paths in it. */
export const PROGRAMS: readonly string[] = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => path.endsWith(".ts") && !path.startsWith(`${APART}/`))
  .sort();

/** A command that the first lines of a program show after `$ `, and what they show below. */
export interface ShownCall {
  readonly program: string;
  readonly command: string;
  readonly output: string;
}

/** @throws Error the program does not begin with a comment that shows a call */
export function callsOf(program: string): ShownCall[] {
  const [, comment] = /^\/\*\*\n(.*?)^ \*\/$/ms.exec(readFileSync(join(folder, program), "utf8")) ?? [];
  const shown = [...(comment ?? "").matchAll(/^ \* {5}(.*)$/gm)].map(([, line]) => line).join("\n");
  const calls = shown.split(/^\$ /m).slice(1);
  if (calls.length === 0) throw new Error(`examples/${program} must begin with a comment that shows how it is run`);
  return calls.map((text) => {
    const [command, ...output] = text.trimEnd().split("\n");
    return { program, command, output: output.join("\n") };
  });
}

/** The calls of programs that end by themselves, and say what they print. */
export const CALLS: readonly ShownCall[] = PROGRAMS.flatMap(callsOf).filter(({ output }) => output !== "");

/** Copies the examples into a folder where plainbert is installed, with the models of the tests that they name. */
export function copyExamples(to: string): void {
  const filter = (path: string) => path !== join(folder, APART);
  cpSync(folder, join(to, "examples"), { recursive: true, filter });
  mkdirSync(join(to, "test", "pipelines"), { recursive: true });
  symlinkSync(join(root, "test", "pipelines", "reference"), join(to, "test", "pipelines", "reference"), "junction");
}

/** What a call gave: the lines of its output without the space around all of them, as a comment shows them. */
export interface CallResult {
  readonly printed: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** Runs a call with a Node of one's choice in a folder that `copyExamples` has filled. */
export function runCall(node: string, command: string, cwd: string, env: NodeJS.ProcessEnv = process.env): CallResult {
  const ours = command.replace("npx tsx", '"$NODE" "$TSX"');
  const ran = spawnSync("bash", ["-o", "pipefail", "-c", ours], {
    cwd,
    encoding: "utf8",
    env: { ...env, NODE: node, TSX },
  });
  return { printed: ran.stdout.trim(), stderr: ran.stderr, status: ran.status };
}
