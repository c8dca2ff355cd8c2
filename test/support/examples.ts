import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

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
  readonly code: string;
  readonly output: string;
}

export function examplesOf(markdown: string): Example[] {
  const all = allBlocks(markdown);
  return all.flatMap(({ language, code, end }, i) => {
    if (language !== "ts") return [];
    const next = all[i + 1];
    if (next?.language === "text" && /^\s*```text\n/.test(markdown.slice(end))) return [{ code, output: next.code }];
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => `${output}\n`);
    return [{ code, output: promised.join("") }];
  });
}

/** Programs in the git-ignored folder .cache, where they can be compiled and run. */
export class Programs {
  /** The folder. Its `run` is the folder that programs run in; `models` in there leads to the tiny models of the tests. */
  readonly folder: string;

  /** @param sources programs by name, as pages show them */
  constructor(name: string, sources: ReadonlyMap<string, string>) {
    this.folder = join(root, ".cache", name);
    this.remove();
    mkdirSync(join(this.folder, "run"), { recursive: true });
    symlinkSync(join(root, "test", "pipelines", "reference", "heads"), join(this.folder, "run", "models"), "junction");
    for (const [program, code] of sources) writeFileSync(this.path(program), fromSources(code));
    const compilerOptions = { noUnusedLocals: false };
    const settings = { extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions };
    writeFileSync(join(this.folder, "tsconfig.json"), JSON.stringify(settings));
  }

  path(program: string): string {
    return join(this.folder, `${program}.ts`);
  }

  /** What the compiler prints: nothing where all is well. */
  compile(): string {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", this.folder], { encoding: "utf8" });
    return status === 0 ? stdout : stdout || `exit code ${status}`;
  }

  /** Runs programs one after the other in one process: what each prints, and what stands on standard error. */
  run(programs: readonly string[]): { readonly printed: string[]; readonly stderr: string } {
    const mark = "\u0000";
    const imports = programs.map(
      (name) => `await import(${JSON.stringify(this.path(name))});\nconsole.log("${mark}");\n`,
    );
    writeFileSync(join(this.folder, "run.mjs"), imports.join(""));
    const { stdout, stderr } = spawnSync(process.execPath, [join(this.folder, "run.mjs")], {
      cwd: join(this.folder, "run"),
      env: { ...process.env, PLAINBERT_THREADS: "1" }, // changes no bit, and saves each model its workers: 3.4 s instead of 5.6
      encoding: "utf8",
    });
    return { printed: stdout.split(`${mark}\n`).slice(0, -1), stderr };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The package's entry points as files of src, so that no build is needed. */
function fromSources(code: string): string {
  return code.replace(/from "plainbert(\/\w+)?"/g, (_, subpath = "") => {
    const built: string = manifest.exports[`.${subpath}`].default;
    return `from "${built.replace("./dist/", "../../src/").replace(/\.js$/, ".ts")}"`;
  });
}

/**
 * Output with its numbers rounded to the digits that a page shows, and line breaks as spaces, as the width of a number decides where
 * console.log breaks a line.
 */
export function roundedLike(shown: string, printed: string): string {
  const number = /-?\d+\.\d+(?:e[+-]?\d+)?/g;
  const digits = [...shown.matchAll(number)].map(([text]) => text.split(".")[1].length);
  let n = 0;
  return flat(printed.replace(number, (text) => Number(text).toFixed(Math.min(digits[n++] ?? 100, 100))));
}

export function flat(text: string): string {
  return text.trim().replaceAll(/\s+/g, " ");
}
