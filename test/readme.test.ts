import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { PICTURE_FILE, terminalPicture } from "../scripts/terminalPicture.ts";
import { shownIn } from "./support/console.ts";
import { REWRITE, rewriteShown } from "./support/rewrite.ts";

/**
 * Runs the commands that README.md shows, from the sources, and compares what is printed with what README.md says is printed. Looks in
 * README.md and CONTRIBUTING.md for files and npm scripts that do not exist.
 */
const root = join(import.meta.dirname, "..");
const read = (name: string) => readFileSync(join(root, name), "utf8");
const manifest = JSON.parse(read("package.json"));
const readme = read("README.md");

const bash = (command: string) => spawnSync("bash", ["-o", "pipefail", "-c", command], { cwd: root, encoding: "utf8" });

test("README is at most 200 lines", () => {
  expect(readme.trimEnd().split("\n").length).toBeLessThanOrEqual(200);
});

test("README's picture is the explorer at work: twenty seconds, less than 1 MB, and at rest for who wants less motion", () => {
  const moving = readFileSync(join(root, "docs", "explorer-at-work.png"));
  expect(moving.length).toBeLessThan(1_000_000);
  const delays: number[] = [];
  for (let at = 8; at < moving.length; at += 12 + moving.readUInt32BE(at)) {
    if (moving.toString("latin1", at + 4, at + 8) === "fcTL") delays.push(moving.readUInt16BE(at + 28)); // PNG, §11.3.6
  }
  const milliseconds = delays.reduce((sum, delay) => sum + delay, 0);
  expect(milliseconds).toBeGreaterThan(18_000);
  expect(milliseconds).toBeLessThan(22_000);
  const resting = readFileSync(join(root, "docs", "explorer.png"));
  expect(resting.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  expect(resting.readUInt32BE(16)).toBe(2 * 1280);
  expect(resting.length).toBeLessThanOrEqual(200_000);
  expect(readme).toContain('media="(prefers-reduced-motion: reduce)" srcset="docs/explorer.png"');
  expect(readme).toContain('<img src="docs/explorer-at-work.png"');
});

test("the picture of a terminal is what the commands print: npm run docs writes it", () => {
  expect(readFileSync(PICTURE_FILE, "utf8")).toBe(terminalPicture());
  expect(read("docs/command-line.md")).toContain("](terminal.svg)");
});

describe("commands", () => {
  const shown = shownIn(readme).map(({ command, output }) => [command, output] as const);
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
    if (REWRITE) rewriteShown("README.md", { command, output }, ran.stdout);
    else expect(ran.stdout.trimEnd()).toBe(output.trimEnd());
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
