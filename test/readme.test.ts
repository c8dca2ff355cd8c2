import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/**
 * Runs what README.md shows, from the sources, and compares what is printed with what README.md says is printed. Looks in
 * README.md and CONTRIBUTING.md for files and npm scripts that do not exist.
 */
const root = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(root, name), "utf8");
const manifest = JSON.parse(read("package.json"));
const readme = read("README.md");

/** The code blocks of a language, in order. */
function blocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, of]) => of === language)
    .map(([, , code]) => code);
}

const bash = (command: string) => spawnSync("bash", ["-o", "pipefail", "-c", command], { cwd: root, encoding: "utf8" });

describe("commands", () => {
  const shown = blocks(readme, "console")
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((text) => [text.slice(0, text.indexOf("\n")), text.slice(text.indexOf("\n") + 1)] as const);
  const ours = shown.filter(([command]) => command.includes("npx plainbert"));

  test("are the two of the first screen, and more", () => {
    expect(shown.map(([command]) => command)).toEqual(expect.arrayContaining(["npm cit"]));
    expect(ours[0][0]).toMatch(/^npm ci && npx plainbert fill-mask/);
    expect(ours.length).toBeGreaterThanOrEqual(4);
    for (const [command] of shown) expect(command).toMatch(/npx plainbert|^npm cit$/);
  });

  test.each(ours)("$ %s", (command, output) => {
    const source = command.replace("npm ci && ", "").replace("npx plainbert", '"$NODE" src/cli/main.ts');
    const ran = bash(`NODE='${process.execPath}'; ${source}`);
    expect(ran.stderr).toBe("");
    expect(ran.stdout.trimEnd()).toBe(output.trimEnd());
  });
});

describe("examples", () => {
  const folder = join(root, ".cache", "readme");
  const examples = blocks(readme, "ts");
  const path = (n: number) => join(folder, `example${n}.ts`);

  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [n, code] of examples.entries()) writeFileSync(path(n), fromSources(code));
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"], compilerOptions: { noUnusedLocals: false } }),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** The package's entry points as files of src, so that the test needs no build. */
  function fromSources(code: string): string {
    return code.replace(/from "plainbert(\/\w+)?"/g, (_, subpath = "") => {
      const built: string = manifest.exports[`.${subpath}`].default;
      return `from "${built.replace("./dist/", "../../src/").replace(/\.js$/, ".ts")}"`;
    });
  }

  test("there are some, for every entry point", () => {
    expect(examples.length).toBeGreaterThanOrEqual(5);
    for (const subpath of Object.keys(manifest.exports).filter((name) => !name.endsWith(".json"))) {
      expect(readme).toContain(`from "plainbert${subpath.slice(1)}"`);
    }
  });

  test("compile", () => {
    const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
    expect(String(tsc.stdout)).toBe("");
    expect(tsc.status).toBe(0);
  });

  test.each(examples.map((code, n) => [n, code] as const))("example %i prints what its comments say", (n, code) => {
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => output);
    expect(promised.length).toBe(code.split("console.log(").length - 1);
    expect(promised.length).toBeGreaterThan(0);
    const ran = spawnSync(process.execPath, [path(n)], { encoding: "utf8" });
    expect(ran.stderr).toBe("");
    expect(ran.stdout.trimEnd().split("\n")).toEqual(promised);
  });
});

describe.each(["README.md", "CONTRIBUTING.md"])("%s", (name) => {
  const text = read(name);

  test("links to files that exist, and to its own headings", () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target]) => target);
    if (name === "README.md") expect(links.length).toBeGreaterThan(10);
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(
      ([, heading]) => `#${heading.toLowerCase().replaceAll(" ", "-")}`,
    );
    for (const link of links)
      expect(link.startsWith("#") ? headings.includes(link) : existsSync(join(root, link)), link).toBe(true);
  });

  test("names npm scripts and files that exist", () => {
    const scripts = [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, script]) => script);
    for (const script of scripts) expect(manifest.scripts, script).toHaveProperty([script]);
    const paths = [...text.matchAll(/(?<=[ `(])(?:src|test|bench|scripts|weights|\.ci)\/[\w./-]*\w/g)].map(
      ([path]) => path,
    );
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) expect(existsSync(join(root, path)), path).toBe(true);
  });
});
