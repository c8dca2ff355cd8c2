import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

/** The files that a hosting site and editors read: whether they parse, name what exists, and agree with each other. */
const root = join(import.meta.dirname, "..");
const read = (...path: string[]) => readFileSync(join(root, ...path), "utf8");
const manifest = JSON.parse(read("package.json"));

/** What is used of a workflow. */
interface Job {
  readonly "runs-on": string;
  readonly container?: { readonly image: string };
  readonly strategy?: { readonly matrix: { readonly system: readonly string[] } };
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly with?: Record<string, unknown> }[];
}

describe(".github/workflows/test.yml", () => {
  const workflow = parse(read(".github/workflows/test.yml"));
  const jobs: Readonly<Record<string, Job>> = workflow.jobs;
  const commandsOf = ({ steps }: Job) => steps.flatMap(({ run }) => run ?? []);

  test("runs for each change, and may only read", () => {
    expect(Object.keys(workflow.on)).toEqual(["push", "pull_request"]);
    expect(workflow.permissions).toEqual({ contents: "read" });
  });

  test("runs .ci/run on Linux, on the oldest Node that is supported", () => {
    expect(commandsOf(jobs.everything)).toEqual(["bash .ci/run"]);
    expect(jobs.everything["runs-on"]).toMatch(/^ubuntu-[\d.]+$/);
    const [, node] = /^node:(\d+)-/.exec(jobs.everything.container?.image ?? "") ?? [];
    expect(manifest.engines.node).toBe(`>=${node}.19`);
  });

  test("runs the quick tests on Windows, macOS and Linux on arm64", () => {
    expect(commandsOf(jobs.quick)).toEqual(["npm cit"]);
    expect(jobs.quick["runs-on"]).toBe("$" + "{{ matrix.system }}");
    const systems = jobs.quick.strategy?.matrix.system.map((system) => system.replace(/-\d[\d.]*/, ""));
    expect(systems).toEqual(["windows", "macos", "ubuntu-arm"]);
  });

  test("fetches the sources first, by actions of a fixed version", () => {
    expect(Object.keys(jobs).length).toBe(2);
    for (const { steps } of Object.values(jobs)) {
      expect(steps[0].uses).toMatch(/^actions\/checkout@/);
      for (const { uses } of steps) if (uses) expect(uses).toMatch(/^actions\/[a-z-]+@v\d+$/);
    }
  });
});

describe.each(readdirSync(join(root, ".github/ISSUE_TEMPLATE")))("the form %s", (file) => {
  const form = parse(read(".github/ISSUE_TEMPLATE", file));
  const fields: readonly { type: string; id?: string; attributes: Record<string, unknown> }[] = form.body;

  test("has what a form must have", () => {
    for (const key of ["name", "description"]) expect(form[key], key).toMatch(/\w/);
    for (const key of Object.keys(form)) expect(["name", "description", "labels", "body"]).toContain(key);
    expect(fields.some(({ type }) => type !== "markdown")).toBe(true);
  });

  test("has fields that are known, each with a name of its own", () => {
    const ids = fields.flatMap(({ type, id, attributes }) => {
      expect(["markdown", "textarea", "input"]).toContain(type);
      expect(attributes[type === "markdown" ? "value" : "label"]).toMatch(/\w/);
      return type === "markdown" ? [] : id;
    });
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

/** The settings of an .editorconfig by the pattern of their section; "" for those before the first. */
function sectionsOf(text: string): Map<string, Record<string, string>> {
  const sections = text.split(/^(?=\[)/m).map((section) => {
    const settings = [...section.matchAll(/^(\w+) = (.*)$/gm)].map(([, key, value]) => [key, value]);
    return [/^\[(.*)\]$/m.exec(section)?.[1] ?? "", Object.fromEntries(settings)] as const;
  });
  return new Map(sections);
}

test(".editorconfig says what biome.json says", () => {
  const { formatter, javascript } = JSON.parse(read("biome.json"));
  const sections = sectionsOf(read(".editorconfig"));
  expect(sections.get("")).toEqual({ root: "true" });
  expect(sections.get("*")).toMatchObject({
    indent_style: formatter.indentStyle,
    indent_size: `${formatter.indentWidth}`,
    end_of_line: formatter.lineEnding ?? "lf",
  });
  expect(sections.get("*.{ts,mjs,cjs,js,json}")).toEqual({ max_line_length: `${formatter.lineWidth}` });
  expect(javascript).toBeUndefined(); // settings of a language would need a section of their own
});

describe("nothing names a place or a person before there is one", () => {
  test.each(["repository", "bugs", "homepage", "author"])("package.json has no %s", (field) => {
    expect(manifest).not.toHaveProperty(field);
  });

  const files = readdirSync(join(root, ".github"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  test.each([...files, join(root, "SECURITY.md")])("%s has no address", (file) => {
    const text = readFileSync(file, "utf8");
    expect(text).not.toMatch(/https?:|www\.|[\w.]+@[\w-]+\.\w|registry/);
  });
});

test("npm scripts run TypeScript through tsx, but for what is timed or starts workers from the sources", () => {
  const byNode = Object.entries<string>(manifest.scripts).filter(([, command]) => /\bnode .*\.ts\b/.test(command));
  expect(byNode.map(([name]) => name).filter((name) => !name.startsWith("bench"))).toEqual([
    "test:soak",
    "test:bulk",
    "test:load",
  ]);
});
