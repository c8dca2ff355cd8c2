import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { API_FILE, apiReference } from "../scripts/apiReference.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { parseConfig } from "../src/model/config.ts";
import { head } from "./cli/run.ts";
import { HubServer } from "./hub/server.ts";
import { patternOf, printedBy, shownIn, trimmedLines } from "./support/console.ts";
import { allExamples, PAGES } from "./support/examples.ts";
import { REWRITE, rewriteShown } from "./support/rewrite.ts";

/** Runs every command in docs and compares what is printed with what the page says; follows its links. */
const root = join(import.meta.dirname, "..");
const folder = join(root, "docs");
const pages = ["", "training/"].flatMap((inner) =>
  readdirSync(join(folder, inner)).flatMap((name) => (name.endsWith(".md") ? [inner + name] : [])),
);
const read = (page: string) => readFileSync(join(folder, page), "utf8");
const WRITTEN_BY_HAND = pages.filter((page) => page !== "api.md");
/** Its lines ask services, which `serve/curl.test.ts` starts. */
const WITH_SERVICES = "serving-with-curl.md";

describe("commands", () => {
  const folder = mkdtempSync(join(tmpdir(), "plainbert-docs-"));
  let hub: HubServer;
  beforeAll(async () => {
    hub = await HubServer.start();
    const files = readdirSync(head("mlm")).map((name) => [name, readFileSync(join(head("mlm"), name))] as const);
    hub.add("google-bert/bert-base-cased", Object.fromEntries(files)); // stands for it: what is shown is where it goes
  });
  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  const own = WRITTEN_BY_HAND.filter((page) => page !== WITH_SERVICES);
  const shown = own.map((page) => [page, shownIn(read(page))] as const).filter(([, all]) => all.length > 0);
  test.each(shown)("of %s, in a folder of their own, print what the page says", async (page, all) => {
    const cwd = join(folder, page);
    mkdirSync(cwd, { recursive: true });
    symlinkSync(join(head("mlm"), ".."), join(cwd, "models"), "junction");
    mkdirSync(join(cwd, "node_modules"));
    symlinkSync(root, join(cwd, "node_modules", "plainbert"), "junction");
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(cwd, "huggingface") };
    for (const { command, output } of all) {
      const printed = trimmedLines(await printedBy(command, cwd, env));
      if (REWRITE && !output.includes("…") && printed !== output.trimEnd())
        rewriteShown(`docs/${page}`, { command, output }, printed);
      else expect.soft(printed, command).toMatch(patternOf(output));
    }
  });

  test("show every command there is", () => {
    const text = shownIn(read("command-line.md")).map(({ command }) => command).join("\n"); // biome-ignore format: one line
    // Nothing to download there, too slow, without an end, never the same twice, or a script.
    const named = ["explore", "serve", "download", "make-examples", "pretrain", "finetune", "doctor", "completion"];
    for (const name of Object.keys(COMMANDS)) {
      if (named.includes(name)) expect(read("command-line.md"), name).toContain(`plainbert ${name}`);
      else expect(text, name).toContain(`npx plainbert ${name}`);
    }
  });
});

describe("names that README and docs give to what the package exports", async () => {
  /** Of Python's libraries and Node's; methods of what an example has made. */
  const NOT_OURS = ["SentenceTransformer", "model", "pipe", "tokenizer", "require", "dispose", "tolist"];
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const modules = new Map<string, Record<string, unknown>>();
  for (const [subpath, entry] of Object.entries<{ default?: string }>(exports)) {
    const source = entry.default?.replace("./dist/", "../src/").replace(/\.js$/, ".ts");
    if (source) modules.set(`plainbert${subpath.slice(1)}`, await import(source));
  }
  const exported = new Map([...modules.values()].flatMap((module) => Object.entries(module)));
  const examples = allExamples();
  const variables = examples.flatMap(({ code }) =>
    [...code.matchAll(/(?:const|function\*?) (\w+)/g)].map(([, v]) => v),
  );
  const known = new Set([...exported.keys(), ...variables, ...NOT_OURS]);
  const spansOf = (text: string) => text.replaceAll(/^```.*?^```/gms, "").match(/`[^`]+`/g) ?? [];

  test.each(PAGES)("%s", (page) => {
    const text = readFileSync(join(root, page), "utf8");
    for (const [, names, module] of text.matchAll(/import \{([^}]*)\} from "(plainbert[\w/]*)"/g)) {
      const values = names.split(",").filter((name) => name.trim() !== "" && !name.trim().startsWith("type "));
      for (const name of values) expect(modules.get(module), `${page}: ${module}`).toHaveProperty(name.trim());
    }
    for (const span of spansOf(text)) {
      for (const [, name] of span.matchAll(/(?<![.\w]|new )(\w+)\(/g))
        expect([...known], `${page}: ${span}`).toContain(name);
      for (const [, name, member] of span.matchAll(/\b(Bert\w*)\.(\w+)\(?/g)) {
        if (exported.has(name) && member !== "from_pretrained") expect(exported.get(name), span).toHaveProperty(member);
      }
    }
  });

  test("are many", () => {
    const spans = PAGES.flatMap((page) => spansOf(readFileSync(join(root, page), "utf8"))).join("\n");
    for (const name of ["downloadModel", "loadTokenizer", "saveBert"]) expect(spans).toContain(`${name}(`);
  });
});

test("docs/api.md is what the sources say: npm run docs", () => {
  expect(readFileSync(API_FILE, "utf8") === apiReference(), "npm run docs writes it").toBe(true);
});

describe.each(pages)("%s", (page) => {
  const text = read(page);
  test("links to files and headings that exist", () => {
    const links = [...text.replaceAll(/^```.*?^```$/gms, "").matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, to]) => to);
    if (page === "README.md") expect(links.length).toBeGreaterThan(15);
    for (const link of links) {
      const [file, heading] = link.split("#");
      const path = join(dirname(page), file);
      expect(existsSync(join(folder, path)), link).toBe(true);
      if (heading) expect(anchorsOf(file === "" ? text : read(path)), link).toContain(heading);
    }
  });

  test("is in the list of pages", () => {
    if (page !== "README.md") expect(read("README.md")).toContain(`](${page})`);
  });
});

test("models.md: every model_type of its table is refused with a reason and with what to take instead", () => {
  const [, table] = read("models.md").split("| `model_type` | why it is not read, and what else may do |");
  const rows = table.slice(0, table.indexOf("\n## ")).match(/^\| `(?!bert`)[^|]+/gm) as string[];
  const types = rows.flatMap((row) => Array.from(row.matchAll(/`([^`]+)`/g), ([, type]) => type));
  expect(types).toEqual(expect.arrayContaining(["roberta", "mpnet", "new", "nezha", "bart"]));
  for (const type of types)
    expect(() => parseConfig(JSON.stringify({ model_type: type }))).toThrow(
      new RegExp(`got "${type}": .+; take a BERT or a DistilBERT that was trained for the same`),
    );
});

function anchorsOf(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-"),
  );
  return [...headings, ...[...markdown.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id)];
}
