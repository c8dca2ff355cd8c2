import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildIndex, loadIndex, pipeline, type SearchIndex } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { expectBertError } from "./support.ts";

const extract = await pipeline("feature-extraction", undefined, { backend: "plain" });
const TEXTS = ["The door is open.", "He read a letter — naïve, 𝒳!", "The window was shut.", "The door is open."];
let folder: string;
let index: SearchIndex;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plainbert-"));
  index = await buildIndex(extract, TEXTS);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await extract.dispose();
});

test("finds by the cosine of the pooled vectors, best first; of equal ones the first", async () => {
  const found = await index.search("The door was shut.", 10);
  const [query, ...vectors] = (await extract(["The door was shut.", ...TEXTS], { pooling: "mean" })).tolist();
  const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  const cosines = vectors.map((vector) => dot(query, vector) / Math.sqrt(dot(query, query) * dot(vector, vector)));
  const order = [...cosines.keys()].sort((a, b) => cosines[b] - cosines[a] || a - b);
  expect(found.map((one) => one.index)).toEqual(order);
  for (const { text, index, score } of found) {
    expect(text).toBe(TEXTS[index]);
    expect(Math.abs(score - cosines[index])).toBeLessThanOrEqual(3e-7);
  }
  expect(await index.search("The door was shut.", 2)).toStrictEqual(found.slice(0, 2));
  expect((await index.search("The door is open.")).slice(0, 2).map((one) => one.index)).toEqual([0, 3]);
});

test("a stream makes the same index, and so does the file", async () => {
  const path = join(folder, "index.safetensors");
  await index.save(path);
  const query = "a letter";
  const want = await index.search(query);
  expect(await (await buildIndex(extract, TEXTS.values())).search(query)).toStrictEqual(want);
  const loaded = await loadIndex(extract, path);
  expect(Array.from(loaded, ({ text }) => text)).toEqual(TEXTS);
  expect(await loaded.search(query)).toStrictEqual(want);
});

test("pooling is kept in the file", async () => {
  const path = join(folder, "cls.safetensors");
  const cls = await buildIndex(extract, TEXTS, { pooling: "cls" });
  await cls.save(path);
  const want = await cls.search("a letter");
  expect(await (await loadIndex(extract, path)).search("a letter")).toStrictEqual(want);
  expect(want).not.toStrictEqual(await index.search("a letter"));
});

describe("bad input", () => {
  test("texts, queries and k", async () => {
    await expectBertError(buildIndex(extract, []), "ERR_INPUT", "texts must be at least one text");
    await expectBertError(buildIndex(extract, ["a", " "]), "ERR_INPUT", "texts[1]");
    await expectBertError(
      buildIndex(extract, ["a"], { pooling: "none" as never }),
      "ERR_INPUT",
      "pooling must be one of mean, cls, first_token, max",
    );
    await expectBertError(index.search(""), "ERR_INPUT", "at least one word");
    await expectBertError(index.search("a", 0), "ERR_INPUT", "k must be a whole number from 1");
    await expectBertError(index.save(join(folder, "none", "x")), "ERR_FILE", "none");
  });

  test("files that are no index", async () => {
    const path = join(folder, "good.safetensors");
    await index.save(path);
    const good = readSafetensors(await readFile(path));
    const write = async (changes: Record<string, unknown>, metadata = good.metadata) => {
      const tensors = ["embeddings", "texts", "text_ends"].map((name) => {
        const { shape } = good.tensors.get(name)!;
        return [name, changes[name] ?? { shape, data: good.toTypedArray(name) }] as never;
      });
      const bad = join(folder, "bad.safetensors");
      await writeFile(bad, writeSafetensors(tensors, metadata));
      return loadIndex(extract, bad);
    };
    const refused = (promise: Promise<unknown>, what: string) => expectBertError(promise, "ERR_CHECKPOINT", what);
    expect(Array.from(await write({}), ({ text }) => text)).toEqual(TEXTS);
    await refused(write({}, new Map([...good.metadata, ["pooling", "none"]])), "must name its pooling");
    const N = TEXTS.length;
    const ends = good.toTypedArray("text_ends") as BigInt64Array;
    const last = Number(ends.at(-1));
    await refused(write({}, new Map()), "must be a file that SearchIndex.save has written");
    await refused(
      write({ embeddings: { shape: [N, 8], data: new Float32Array(N * 8) } }),
      "must have vectors of the model's hidden size, 256",
    );
    await refused(write({ text_ends: { shape: [N - 1], data: ends.slice(1) } }), "as many texts as vectors");
    await refused(write({ text_ends: { shape: [N], data: ends.with(0, BigInt(last)) } }), "ends before it begins");
    await refused(write({ texts: { shape: [last], data: new Uint8Array(last).fill(255) } }), "in UTF-8");
    await expectBertError(loadIndex(extract, join(folder, "missing")), "ERR_FILE", "missing");
  });
});
