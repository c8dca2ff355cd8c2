import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { flat, roundedLike } from "../../scripts/site/page/printed.ts";

const root = join(import.meta.dirname, "..", "..");

/** A fenced code block of a Markdown file. */
interface Block {
  readonly language: string;
  readonly code: string;
  /** Where the block ends. */
  readonly end: number;
}

function allBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([text, language, code], i, all) => ({
    language,
    code,
    end: (all[i]?.index ?? 0) + text.length,
  }));
}

/** The code blocks of a language, in order. */
export function blocks(markdown: string, language: string): string[] {
  return allBlocks(markdown).flatMap((block) => (block.language === language ? [block.code] : []));
}

/** A program with the output that a page promises: in a block of its own, right after it, or in a comment after each console.log. */
export interface Example {
  /** `docs-fill-mask-2`: the second of docs/fill-mask.md. */
  readonly name: string;
  /** The page that shows it, from the root; a doc comment is none. */
  readonly page?: string;
  readonly code: string;
  readonly output: string;
}

/** The pages with programs that a reader may copy. The API reference is made from doc comments: it shows calls, not programs. */
export const PAGES: readonly string[] = [
  "README.md",
  "weights/README.md",
  "weights/embeddings/README.md",
  ...["docs", "docs/training"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((file) => file.endsWith(".md") && file !== "api.md")
      .map((file) => `${folder}/${file}`),
  ),
];

/** Every program of README and docs. */
export function allExamples(): Example[] {
  return PAGES.flatMap((page) => examplesOf(page, readFileSync(join(root, page), "utf8")));
}

function examplesOf(page: string, markdown: string): Example[] {
  const all = allBlocks(markdown);
  const programs = all.flatMap(({ language, code, end }, i) => {
    if (language !== "ts") return [];
    const next = all[i + 1];
    if (next?.language === "text" && /^\s*```text\n/.test(markdown.slice(end))) return [{ code, output: next.code }];
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => `${output}\n`);
    if (promised.length === code.split("console.log(").length - 1) return [{ code, output: promised.join("") }];
    throw new Error(`${page}: what is printed must stand after each console.log, or in a block of its own:\n${code}`);
  });
  const name = page.replace(/\.md$/, "").replaceAll("/", "-");
  return programs.map((program, n) => ({ name: `${name}-${n + 1}`, page, ...program }));
}

/** `await using`: Node 24 is the first that has it. */
export function needsNode24({ code }: Example): boolean {
  return /^\s*await using /m.test(code);
}

/** What a process printed. */
export interface Ran {
  /** For each program. */
  readonly printed: readonly string[];
  readonly stderr: string;
}

/**
 * Runs programs one after the other in one process.
 *
 * @param node     the runtime
 * @param programs paths of their modules
 * @param folder   where they run: made anew, with `models`, which leads to the tiny models of the tests
 */
export function runInTurn(node: string, programs: readonly string[], folder: string): Ran {
  const mark = "\u0000";
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, "test", "pipelines", "reference", "heads"), join(folder, "models"), "junction");
  const start = join(folder, "run.mjs");
  writeFileSync(
    start,
    programs.map((path) => `await import("${pathToFileURL(path)}");\nconsole.log("${mark}");\n`).join(""),
  );
  const { stdout, stderr } = spawnSync(node, [start], {
    cwd: folder,
    env: { ...process.env, PLAINBERT_THREADS: "1" }, // changes no bit, and saves each model its workers: 3.4 s instead of 5.6
    encoding: "utf8",
  });
  return { printed: stdout.split(`${mark}\n`).slice(0, -1), stderr };
}

/** Whether a program printed what its page says. */
export function expectedOf({ output }: Example, printed: string): { readonly got: string; readonly want: string } {
  return { got: flat(roundedLike(output, printed)), want: flat(output) };
}

/** A page with what a program printed in place of what it shows. */
export function withOutput(markdown: string, { code, output }: Example, printed: string): string {
  const start = markdown.indexOf(code);
  const [before, after] = [markdown.slice(0, start), markdown.slice(start + code.length)];
  if (/^```\s*```text\n/.test(after))
    return before + code + after.replace(output, () => joined(roundedLike(output, printed)));
  const lines = printed.split("\n");
  const written = code.replaceAll(/(console\.log\(.*\); \/\/ )(.*)$/gm, (_, call, shown) => {
    return call + roundedLike(shown, lines.shift() ?? "");
  });
  return before + written + after;
}

/** Output with each list and object on one line that is short enough now that its numbers are. */
function joined(printed: string): string {
  return printed.replaceAll(/([{[])\n([^{}[\]]*)\n *([}\]])/g, (all, begin, inside, end) => {
    const line = `${begin} ${inside.trim().replaceAll(/\s*\n\s*/g, " ")} ${end}`;
    return line.length <= 76 ? line : all;
  });
}
