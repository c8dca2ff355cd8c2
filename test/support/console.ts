import { COMMANDS } from "../../src/cli/commands.ts";
import { plainbert, shell } from "../cli/run.ts";
import { blocks } from "./examples.ts";

/** A command that a page shows after `$ `, and what it shows below. */
export interface Shown {
  readonly command: string;
  readonly output: string;
}

/** What the console blocks of a page show, in order. */
export function shownIn(markdown: string): Shown[] {
  const parts = blocks(markdown, "console").flatMap((block) => block.split(/^\$ /m).slice(1));
  return parts.map((text) => ({
    command: text.slice(0, text.indexOf("\n")),
    output: text.slice(text.indexOf("\n") + 1),
  }));
}

/**
 * What a terminal would show of a command. A shell runs those that need one, as they are; a bare `npx plainbert …` runs in this process,
 * by the backend plain if none is named, which needs no worker: a tenth of the time, and the same digits as far as pages show them.
 */
export async function printedBy(command: string, cwd: string, env: Readonly<Record<string, string>>): Promise<string> {
  const [, rest] = /^npx plainbert (.*)$/.exec(command) ?? [];
  const unquoted = command.replaceAll(/'[^']*'|"[^"]*"/g, "");
  if (rest === undefined || /[|&;<>]/.test(unquoted)) {
    const { stdout, stderr } = await shell(command.replaceAll("npx plainbert", "plainbert"), { cwd, env });
    return stdout + stderr;
  }
  const words = (await shell(`printf '%s\\0' ${rest}`)).stdout.split("\0").slice(0, -1);
  const [name, ...args] = words;
  const computes = name in COMMANDS && "backend" in (await COMMANDS[name].load()).command.options;
  const plain = computes && !args.includes("--backend") ? ["--backend", "plain"] : [];
  const { stdout, stderr } = await plainbert([name, ...plain, ...args], { cwd, env });
  return stdout + stderr;
}

/** What a page shows as a pattern: `…` stands for anything within a line. */
export function patternOf(output: string): RegExp {
  const escaped = output.trimEnd().replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`^${escaped.replaceAll("…", "[^\\n]*")}$`);
}

/** Without spaces at the ends of lines, which pages do not have. */
export function trimmedLines(printed: string): string {
  return printed.replaceAll(/ +$/gm, "").trimEnd();
}
