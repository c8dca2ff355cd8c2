import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { pipeline } from "../src/pipelines/index.ts";

/** The figures of the embedding model's card are those that the recipe's commands wrote, and its links lead somewhere. */
const root = join(import.meta.dirname, "..");
const folder = join(root, "weights", "embeddings");
const read = (...path: string[]) => readFileSync(join(folder, ...path), "utf8");
const card = read("README.md");

interface Row {
  readonly name: string;
  readonly sts2013?: number;
  readonly sts2015?: number;
  readonly recall1: number;
  readonly recall10: number;
  readonly perSecond?: number;
}

describe("evaluation", () => {
  const rows: Row[] = JSON.parse(read("recipe", "results", "evaluation.json"));
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const cells = ({ sts2013, sts2015, recall1, recall10 }: Row) =>
    [sts2013?.toFixed(1) ?? "", sts2015?.toFixed(1) ?? "", percent(recall1), percent(recall10)].join(" | ");

  test("of all rows", () => {
    expect(rows.map(({ name }) => name)).toEqual(["TF-IDF of words", "BM25 of words", "this model", "this model, and words", "all-MiniLM-L6-v2", "all-MiniLM-L6-v2, and words"]); // biome-ignore format: one line
  });

  test.each(rows)("$name", (row) => {
    const speed = row.perSecond === undefined ? "" : row.perSecond.toFixed(0);
    const line = (name: string) => `| ${name} | ${cells(row)} |`.replace(/ {2,}/g, " ");
    expect(card).toContain(
      `${line(row.name === "this model" ? "**this model**" : row.name)} ${speed} |`.replace("  |", " |"),
    );
    const page = readFileSync(join(root, "docs", "semantic-search.md"), "utf8");
    expect(page).toContain(line(row.name.replace("this model", "the small embedding model")));
  });

  test("reaches what words alone do not", () => {
    const [words, , own] = rows;
    expect(own.sts2013).toBeGreaterThan(words.sts2013!);
    expect(own.recall10).toBeGreaterThan(words.recall10);
  });
});

test("probes", async () => {
  await using embed = await pipeline("embeddings", undefined, { backend: "plain" });
  const probes = [...card.matchAll(/^\| (They [^|]+|He [^|]+) − ([^|]+) \| ([^|]+) \|$/gm)];
  expect(probes.length).toBe(2);
  for (const [, one, other, differences] of probes) {
    const text = (word: string) => (one === "They are good." ? `They are ${word}.` : `A ${word}.`);
    const wanted = differences.split(", ").map((each) => each.split(" "));
    expect(wanted.length).toBe(15);
    const vectors = (await embed([one, other, ...wanted.map(([word]) => text(word))])).tolist();
    const cosine = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i], 0); // of length 1
    for (const [i, [word, difference]] of wanted.entries()) {
      const found = cosine(vectors[i + 2], vectors[0]) - cosine(vectors[i + 2], vectors[1]);
      expect(Math.abs(found - Number(difference)), word).toBeLessThan(0.0051);
    }
  }
});

test.each(["README.md", "recipe/README.md"])("%s: links to files that exist", (name) => {
  const links = [...read(name).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)];
  expect(links.length).toBeGreaterThan(2);
  for (const [, link] of links) expect(existsSync(join(folder, dirname(name), link)), link).toBe(true);
});

test("the recipe's README names each of its commands", () => {
  const commands = readdirSync(join(folder, "recipe")).filter((name) => /^(\d|evaluate|probes)/.test(name));
  expect(commands.length).toBe(7);
  for (const command of commands)
    expect(read("recipe", "README.md")).toContain(`node weights/embeddings/recipe/${command}`);
});
