import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { apiExamples } from "../support/apiExamples.ts";
import { allExamples } from "../support/examples.ts";
import { COMPILERS, writeConsumer } from "./consumer.ts";

/**
 * Compiles programs that have the packed package installed, with each compiler, each version of Node's types and each kind of module
 * that docs/runtimes.md names.
 */
const read = (name: string) => readFileSync(join(import.meta.dirname, "consumer", name), "utf8");
const program = read("program.ts");
const PROGRAMS = { "module.mts": program, "commonjs.cts": program, "script.cjs": read("program.cjs") };

/** What a compiler prints: nothing where all is well. */
function compile(compiler: keyof typeof COMPILERS, tsconfig: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [COMPILERS[compiler], "-p", tsconfig], (error, stdout) =>
      resolve(error ? stdout || error.message : stdout),
    );
  });
}

type Row = readonly [compiler: keyof typeof COMPILERS, node: string, module: string];
const MODULES = ["node16", "node18", "nodenext", "preserve", "commonjs"];
const rows: Row[] = [
  ...["20", "22", "24", "25", "26"].flatMap((node) => MODULES.map((module) => ["7.0", node, module] as const)),
  ...MODULES.map((module) => ["6.0", "26", module] as const),
  // "node18" came with 5.8. "commonjs" is that of TypeScript before 6: modules are looked for as Node 10 did, without `exports`.
  ...["node16", "nodenext", "preserve", "commonjs"].map((module) => ["5.6", "26", module] as const),
  // "preserve" came with 5.4.
  ...["node16", "nodenext", "commonjs"].map((module) => ["5.2", "20", module] as const),
];

describe.concurrent("without an error", () => {
  test.each(rows)("TypeScript %s, @types/node %s, module %s", async (compiler, node, module) => {
    const options = { module, allowJs: true, checkJs: true };
    const { tsconfig } = writeConsumer(`${compiler}-${node}-${module}`, node, options, PROGRAMS);
    expect(await compile(compiler, tsconfig)).toBe("");
  });

  test.each(["7.0", "5.6"] as const)("TypeScript %s, the programs of README and docs", async (compiler) => {
    const { run, compiled } = apiExamples();
    const all = [...allExamples(), ...run, ...compiled];
    const files = Object.fromEntries(all.map(({ name, code }) => [`${name}.mts`, code]));
    const { tsconfig } = writeConsumer(`${compiler}-examples`, "26", { module: "nodenext" }, files);
    expect(await compile(compiler, tsconfig)).toBe("");
  });
});

test("a type that is not as the program says is an error", async () => {
  const wrong = program.replace("is<string>()(best.token_str)", "is<number>()(best.token_str)");
  const { tsconfig } = writeConsumer("wrong", "26", { module: "nodenext" }, { "module.mts": wrong });
  expect(await compile("7.0", tsconfig)).toMatch(/^[^\n]*module\.mts\(\d+,\d+\): error TS2554/);
});
