import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { TOUR_PAGES, withExcerpts } from "../../scripts/readingExcerpts.ts";
import { expectedOf } from "../support/examples.ts";

/** The tour: its excerpts are the sources', its programs print what the pages say, its links lead somewhere. */
const root = join(import.meta.dirname, "..", "..");
const folder = join(root, ".cache", "tour"); // git-ignored, and as deep as docs/reading
const pages = TOUR_PAGES.map((path) => ({ path, name: basename(path, ".md"), text: readFileSync(path, "utf8") }));

/** The programs of a page: blocks with what they print in a block below, and no marker above. */
function programsOf({ name, text }: { readonly name: string; readonly text: string }) {
  const found = text.matchAll(/(?<! -->\n)^```ts\n((?:(?!```).*\n)*)```\n```text\n((?:(?!```).*\n)*)```$/gm);
  return [...found].map(([, code, output], n) => ({ name: `${name}-${n + 1}`, code, output }));
}
const programs = pages.flatMap(programsOf);

test("there is a page for each part, in order, and questions", () => {
  expect(pages.map(({ name }) => name)).toEqual([
    "01-tokens",
    "02-embeddings",
    "03-attention",
    "04-residual-and-layernorm",
    "05-feed-forward",
    "06-the-stack",
    "07-masked-language-model",
    "08-next-sentence",
    "09-pretraining",
    "10-the-backward-pass",
    "11-the-machine",
    "README",
    "questions",
  ]);
});

describe.each(pages)("$name.md", ({ path, name, text }) => {
  test("shows code as the sources have it: npm run docs", () => {
    expect(withExcerpts(text)).toBe(text);
  });

  test("is short, in lines of at most 140 columns", () => {
    const lines = text.trimEnd().split("\n");
    expect(lines.length).toBeLessThanOrEqual(name === "11-the-machine" ? 140 : 130);
    expect(lines.filter((line) => line.length > 140)).toEqual([]);
  });

  test("links to files that exist", () => {
    for (const [, link] of text.matchAll(/\]\((?!https:)([^)#]+)/g))
      expect(existsSync(join(path, "..", link)), link).toBe(true);
  });

  test("has each of its parts, and leads to the next page", () => {
    if (!/^\d/.test(name)) return;
    const headings = [...text.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading);
    expect(headings).toEqual([
      expect.stringMatching(/^The (equation|rule)s?$/),
      "By hand",
      "In the code",
      "Try it",
      ...(name === "11-the-machine" ? ["The steps, measured"] : []),
      "What would break",
    ]);
    const next = pages[pages.findIndex((page) => page.name === name) + 1];
    expect(text.trimEnd().split("\n").at(-1)).toContain(
      name === "11-the-machine" ? "(questions.md)" : `(${next.name}.md)`,
    );
    expect(programsOf({ name, text }).length).toBeGreaterThan(0);
    expect(text.match(/^<!-- source: docs\/reading\/onePage/m)).not.toBeNull();
    expect(text.match(/^<!-- source: src\//m)).not.toBeNull();
  });

  test("folds the engine's lines away, and no others; those of the last page are its subject", () => {
    const folded = [...text.matchAll(/^<details><summary>The engine's lines<\/summary>\n\n(.*?)^<\/details>$/gms)];
    expect(text.match(/<\/?details>|<summary>/g)?.length ?? 0).toBe(3 * folded.length);
    const sourcesIn = (part: string) => [...part.matchAll(/^<!-- source: (\w+)\//gm)].map(([, top]) => top);
    const open = folded.reduce((rest, [block]) => rest.replace(block, ""), text);
    for (const [block] of folded) expect(new Set(sourcesIn(block))).toEqual(new Set(["src"]));
    if (name !== "11-the-machine") expect(sourcesIn(open)).not.toContain("src");
  });
});

/**
 * The equalities in what a page does by hand, as `[left, right]`: of "w = 0.5 − 0.1 × 2 = 0.3" those of numbers alone.
 * Two or more spaces stand between equalities.
 */
function equalitiesIn(text: string): (readonly [left: string, right: string])[] {
  const [, section = ""] = /^## By hand\n(.*?)^## /ms.exec(text) ?? [];
  return section.split(/\n| {2,}|, (?=√|ln)/).flatMap((cell) => {
    const parts = cell.trim().replace(/[:.]$/, "").split(" = ");
    return parts.slice(1).flatMap((right, i) => {
      const left = parts[i].replace(/^.*(?:is|as|then) /, "");
      return [left, right].every((part) => /^[\d.()×/+− √]+$/.test(part)) ? [[left, right] as const] : [];
    });
  });
}

/** What an expression of numbers is worth. */
function worth(expression: string): number {
  const code = expression
    .replaceAll("×", "*")
    .replaceAll("−", "-")
    .replaceAll(/√(\([^)]*\)|[\d.]+)/g, "Math.sqrt($1)");
  return Function(`return ${code}`)();
}

test("what is done by hand is right, to the digits that are shown", () => {
  const equalities = pages.flatMap(({ name, text }) => equalitiesIn(text).map((sides) => [name, ...sides] as const));
  expect(equalities.length).toBeGreaterThan(30);
  for (const [name, left, right] of equalities) {
    const digits = /\.(\d+)$/.exec(right)?.[1].length ?? 0;
    expect(Math.abs(worth(left) - worth(right)), `${name}: ${left} = ${right}`).toBeLessThanOrEqual(
      0.501 * 10 ** -digits,
    );
  }
});

test("the check of what is done by hand finds chains, roots and negative numbers", () => {
  const found = equalitiesIn(
    "## By hand\n\n    the sum of 2  w = 2 × (−1) + 1 = −1    √(8 + 8) = 4\n    e^0 = 1\n\n## In the code",
  );
  expect(found).toEqual([
    ["2 × (−1) + 1", "−1"],
    ["√(8 + 8)", "4"],
  ]);
  expect(found.map(([left]) => worth(left))).toEqual([-1, 4]);
});

test("there are ten questions, and ten answers that name their page", () => {
  const [questions, answers] = pages[12].text.split("## Answers").map((part) => part.split(/^\d+\. /m).slice(1));
  expect([questions.length, answers.length]).toEqual([10, 10]);
  for (const [n, answer] of answers.entries()) expect(answer).toContain(`[${n + 1}](${pages[n].name}.md)`);
});

test("programs are run by one command", () => {
  const commands = pages.flatMap(({ text }) => [...text.matchAll(/npx (\w+) docs/g)].map(([, command]) => command));
  expect(commands).toEqual(["tsx", "tsx", "tsx"]);
});

test("every block of code is an excerpt or a program that is run", () => {
  const blocks = pages.flatMap(({ text }) => text.match(/^```ts$/gm) ?? []).length;
  const excerpts = pages.flatMap(({ text }) => text.match(/^<!-- source:/gm) ?? []).length;
  expect(excerpts).toBeGreaterThan(25);
  expect(blocks).toBe(excerpts + programs.length);
});

test("the steps that the machine's page shows are those that npm run bench:steps measures", () => {
  const rows = (text: string) => [...text.matchAll(/^\| ((?:TypeScript|WebAssembly), .*?) \|/gm)].map(([, row]) => row);
  const shown = rows(pages[10].text);
  const { stdout, stderr } = spawnSync(process.execPath, ["bench/steps.ts", "0"], { cwd: root, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(shown).toHaveLength(8);
  expect(rows(stdout)).toHaveLength(8);
  for (const row of rows(stdout)) expect(shown).toContain(row); // an engine without 256 bits shows those of 128 twice
});

describe("the check of excerpts", () => {
  const block = (marker: string, code: string) => `<!-- source: ${marker} -->\n\`\`\`ts\n${code}\n\`\`\``;

  test("writes a function, a member and some lines, without their indentation", () => {
    const take = (marker: string) => withExcerpts(block(marker, "stale")).split("\n").slice(2, -1).join("\n");
    expect(take("docs/reading/onePage.ts dot")).toMatch(/^export function dot\(.*\n {2}let sum = 0;\n.*\n.*\n}$/);
    expect(take("src/tensor/simd/functionBuilder.ts FunctionBuilder.get")).toMatch(/^get\(name: string\): this \{\n/);
    expect(take('docs/reading/onePage.ts dot from "let" to "for"')).toMatch(/^let sum = 0;\nfor \(let i/);
  });

  test("closes what it opens, and ends by a comment where more code follows", () => {
    const last = (marker: string) =>
      withExcerpts(block(`docs/reading/onePage.ts ${marker}`, ""))
        .split("\n")
        .at(-2);
    expect(last('dot from "let" to "for"')).toBe("// …"); // `return sum` is left out
    expect(last('encode from "const second" to "const ids"')).toBe("// …"); // so is what is returned
    expect(last('dot from "let" to "return"')).toBe("return sum;");
    expect(last('layerNorm from "return" to "return x.map"')).toBe("});");
    expect(last("dot")).toBe("}");
  });

  test("refuses what is not there, and a marker without a block", () => {
    expect(() => withExcerpts(block("docs/reading/onePage.ts nothing", ""))).toThrow("has no nothing");
    expect(() => withExcerpts(block('docs/reading/onePage.ts dot from "x" to "nothing"', ""))).toThrow("to nothing");
    expect(() => withExcerpts("<!-- source: docs/reading/onePage.ts dot -->\n\n```ts\n```")).toThrow("of 1 markers 0");
  });
});

describe("programs", () => {
  const pathOf = (name: string) => join(folder, `${name}.ts`);
  let printed: string[];
  beforeAll(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { name, code } of programs)
      writeFileSync(pathOf(name), code.replaceAll('from "./onePage', 'from "../../docs/reading/onePage'));
    const settings = { extends: "../../tsconfig.json", include: ["*.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const mark = "\u0000";
    const start = join(folder, "run.mjs");
    const lines = programs.map(({ name }) => `await import("${pathToFileURL(pathOf(name))}"); console.log("${mark}");`);
    writeFileSync(start, lines.join("\n"));
    const { stdout, stderr } = spawnSync(process.execPath, [start], { cwd: root, encoding: "utf8" });
    expect(stderr).toBe("");
    printed = stdout.split(`${mark}\n`);
  }, 60_000);

  test("compile", () => {
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  });

  test.each(programs.map((program, n) => ({ ...program, n })))("$name prints what the page says", (program) => {
    expect(program.output).not.toBe("");
    const { got, want } = expectedOf(program, printed[program.n]);
    expect(got).toBe(want);
  });
});
