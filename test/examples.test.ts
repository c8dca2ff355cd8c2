import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { apiExamples } from "./support/apiExamples.ts";
import { allExamples, expectedOf, needsNode24, type Ran, runInTurn, withOutput } from "./support/examples.ts";
import { REWRITE, rewrite } from "./support/rewrite.ts";

/**
 * Runs every program of README and docs from the sources, and compares what is printed with what the page says; so with the examples of
 * the API reference, as far as they need nothing from elsewhere. `npm run test:matrix` does the same with the packed package on each Node
 * that is supported.
 */
const root = join(import.meta.dirname, "..");
const folder = join(root, ".cache", "examples"); // git-ignored
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const examples = allExamples();
const reference = apiExamples();
const programs = [...examples, ...reference.run];
const pathOf = (name: string) => join(folder, `${name}.ts`);

/** The package's entry points as files of src, so that no build is needed. */
function fromSources(code: string): string {
  return code.replace(/from "plainbert(\/\w+)?"/g, (_, subpath = "") => {
    const built: string = exports[`.${subpath}`].default;
    return `from "${built.replace("./dist/", "../../src/").replace(/\.js$/, ".ts")}"`;
  });
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of [...programs, ...reference.compiled]) writeFileSync(pathOf(name), fromSources(code));
  const compilerOptions = { noUnusedLocals: false };
  const settings = { extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
});

const all = examples.map(({ code }) => code).join("\n");

test("there is one for each task at least", () => {
  const tasks = [...readFileSync(join(root, "src/pipelines/pipeline.ts"), "utf8").matchAll(/^ {2}"?([a-z-]+)"?: \[/gm)];
  expect(tasks.length).toBeGreaterThan(10);
  for (const [, task] of tasks) expect(all, task).toContain(`pipeline("${task}"`);
});

test("there is one for each entry point", () => {
  const subpaths = Object.keys(exports).filter((subpath) => exports[subpath].types !== undefined);
  expect(subpaths.length).toBeGreaterThan(3);
  for (const subpath of subpaths) expect(all).toContain(`from "plainbert${subpath.slice(1)}"`);
});

test("one shows `await using`, which Node 20 and 22 do not know", () => {
  expect(examples.filter(needsNode24).map(({ name }) => name)).toEqual(["docs-loading-models-2"]);
});

test("the API reference has examples that run, and others", () => {
  expect(reference.run.length).toBeGreaterThan(15);
  expect(reference.compiled.length).toBeGreaterThan(15);
});

test("compile", () => {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

describe("print what the page says", () => {
  let ran: Ran;
  beforeAll(() => {
    const paths = programs.map(({ name }) => pathOf(name));
    ran = runInTurn(process.execPath, paths, join(folder, "run"));
  }, 60_000);

  test("all run, without a warning", () => {
    expect(ran.stderr).toBe("");
    expect(ran.printed.length).toBe(programs.length);
  });

  test.each(programs.map((example, n) => ({ ...example, n })))("$name", (example) => {
    const { got, want } = expectedOf(example, ran.printed[example.n]);
    if (example.n < examples.length) expect(want).not.toBe("");
    if (REWRITE && got !== want && example.page !== undefined) {
      return rewrite(example.page, (markdown) => withOutput(markdown, example, ran.printed[example.n]));
    }
    expect(got).toBe(want);
  });
});
