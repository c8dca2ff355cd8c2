import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { keptVectors } from "../../src/cli/keptVectors.ts";
import { PartialFile } from "../../src/cli/partialFile.ts";
import { loadIndex, pipeline } from "../../src/pipelines/index.ts";
import type { VectorSource } from "../../src/pipelines/searchIndex/vectorsOf.ts";
import { head, plainbert } from "./run.ts";

/** An index that is cut short goes on with the vectors that are there. */
const root = await mkdtemp(join(tmpdir(), "plainbert-kept-"));
afterAll(() => rm(root, { recursive: true }));
let cwd = "";
beforeEach(async () => {
  cwd = await mkdtemp(join(root, "test-"));
});

describe("the vectors of an earlier run", () => {
  const TEXTS = ["a", "b", "c", "d", "e"];
  const numbers = (text: string) => Float32Array.of(text.charCodeAt(0), 1 / 3, -0);
  const told = (text: string) => ({ truncated: text > "b" ? 1 : 0, unknown: text === "a" || text === "e" ? 1 : 0 });

  /** The vectors of the first texts, and which of them were computed. */
  async function computed(texts: readonly string[], finish: (file: PartialFile) => Promise<void>) {
    const asked: string[] = [];
    const source = {
      size: 3,
      async *vectors(texts: AsyncIterable<string>) {
        for await (const text of texts) {
          asked.push(text);
          yield { data: numbers(text), ...told(text) };
        }
      },
    } as unknown as VectorSource;
    const file = await PartialFile.open(join(cwd, "out"), false);
    await file.begin("work", new Uint8Array(0));
    const lines = texts.map((text) => `line ${text}`);
    const counts = { count: 0, truncated: 0, unknown: 0 };
    const vectors: unknown[] = [];
    try {
      const kept = keptVectors(file, source, lines, counts);
      for await (const vector of kept.vectors(texts.values(), "document", {})) vectors.push(vector);
      await finish(file);
    } finally {
      await file.stop();
    }
    return { asked, vectors, counts };
  }
  const all = TEXTS.map((text) => ({ data: numbers(text), ...told(text) }));

  test("are taken as they are, and only others are computed", async () => {
    const first = await computed(TEXTS.slice(0, 3), (file) => file.stop());
    expect(first).toEqual({
      ...{ asked: ["a", "b", "c"], vectors: all.slice(0, 3) },
      counts: { count: 3, truncated: 1, unknown: 1 },
    });
    expect((await readdir(cwd)).sort()).toEqual(["out.partial", "out.partial.json"]);
    const second = await computed(TEXTS, (file) => file.replace(() => writeFile(join(cwd, "out"), "whole")));
    expect(second).toEqual({ asked: ["d", "e"], vectors: all, counts: { count: 5, truncated: 3, unknown: 2 } });
    expect(await readdir(cwd)).toEqual(["out"]);
  });

  test("of other lines, or of more than there are now, are refused, and stay", async () => {
    await computed(TEXTS.slice(0, 3), (file) => file.stop());
    const before = await readFile(join(cwd, "out.partial"));
    const write = (file: PartialFile) => file.replace(() => Promise.reject(new Error("written")));
    for (const texts of [["a", "x", "c", "d"], ["a", "b"], []]) {
      await expect(computed(texts, write)).rejects.toThrow("was made from another input, whose first 3 lines differ");
    }
    expect(await readFile(join(cwd, "out.partial"))).toEqual(before);
  });

  test("where the whole cannot be written, nothing is lost", async () => {
    const full = (file: PartialFile) => file.replace(() => Promise.reject(new Error("the disk is full")));
    await expect(computed(TEXTS, full)).rejects.toThrow("the disk is full");
    const again = await computed(TEXTS, (file) => file.replace(() => writeFile(join(cwd, "out"), "whole")));
    expect(again.asked).toEqual([]);
  });
});

describe("the command", () => {
  const MODEL = ["--model", head("ner"), "--backend", "plain"];
  const index = (lines: readonly string[], ...args: string[]) =>
    plainbert(["index", "--jsonl", "--output", "i.safetensors", ...MODEL, ...args], { cwd, input: lines.join("\n") });
  const LINES = ['{"text":"The door was open.","metadata":1}', "", '"He read a letter."', '{"id":"x","text":"Bath."}'];
  const begun =
    "; 3 lines are done, in i.safetensors.partial: once the line is mended, the same command goes on there\n";

  test("stops at a wrong line, keeps the others, and goes on when it is mended, to the same bytes", async () => {
    expect(await index([...LINES, '"Emma."'])).toMatchObject({ code: 0, stderr: "" });
    const whole = await readFile(join(cwd, "i.safetensors"));
    await rm(join(cwd, "i.safetensors"));
    const wrong = await index([...LINES, '{"id":"x","text":"Emma."}']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toBe(
      `plainbert: standard input, line 5: index: id must be an id of its own, as each is there once, got "x"${begun}`,
    );
    expect((await index([...LINES, '{"id":"x"'])).stderr).toContain(begun);
    expect(await index([...LINES, '"Emma."'])).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(join(cwd, "i.safetensors"))).toEqual(whole);
    expect(await readdir(cwd)).toEqual(["i.safetensors"]);
  });

  test("says nothing of lines that were cut or are unknown before it refuses", async () => {
    const long = JSON.stringify("long ".repeat(99));
    expect((await index([long, '"дверь"', "{"], "--truncation")).stderr).toContain("2 lines are done");
    for (const lines of [['"Another."', long, '"The."'], [long]]) {
      expect(await index(lines, "--truncation")).toMatchObject({
        code: 1,
        stderr:
          "plainbert: i.safetensors.partial was made from another input, whose first 2 lines differ; --restart begins anew\n",
      });
    }
  });

  test("what is unfinished is no index yet: search, inspect and the library say so", async () => {
    await index([...LINES, "{"]);
    const name = "i.safetensors.partial";
    const unfinished = `${name}: is unfinished: the command that made it goes on when it is given again`;
    for (const args of [
      ["search", name, "a"],
      ["inspect", name],
      ["compare", name, name],
    ]) {
      const { code, stderr } = await plainbert(args, { cwd });
      expect([code, stderr]).toEqual([1, `plainbert: ${unfinished}\n`]);
    }
    await using embed = await pipeline("embeddings");
    await expect(loadIndex(embed, join(cwd, name))).rejects.toThrow("is unfinished");
  });

  test("does not go on with other lines, options or another model, unless --restart", async () => {
    const cut = async () => expect((await index([...LINES, "{"])).stderr).toContain(begun);
    await cut();
    const options = "plainbert: i.safetensors.partial was made with other options, or by another model; --restart begins anew\n"; // biome-ignore format: one line
    expect(await index(LINES, "--pooling", "cls")).toMatchObject({ code: 1, stderr: options });
    expect(await index(LINES, "--model", head("nli"))).toMatchObject({ code: 1, stderr: options });
    const other = await index(['"Another."', ...LINES.slice(1)]);
    expect(other.stderr).toBe("plainbert: i.safetensors.partial was made from another input, whose first 3 lines differ; --restart begins anew\n"); // biome-ignore format: one line
    expect(await index(LINES, "--pooling", "cls", "--restart")).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(cwd)).toEqual(["i.safetensors"]);
  });

  test("no line of text is an index that finds nothing, and says so", async () => {
    for (const lines of [[], ["", "  "]]) {
      const stderr = "standard input has no line of text, so the index is empty\n";
      expect(await index(lines)).toMatchObject({ code: 0, stderr });
      const search = ["search", ...MODEL, "i.safetensors"];
      expect(await plainbert([...search, "a"], { cwd })).toMatchObject({ code: 0, stdout: "  nothing found\n" });
      expect(await plainbert([...search, "--json", "a"], { cwd })).toMatchObject({ code: 0, stdout: "[]\n" });
    }
  });
});
