import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildIndex, loadIndex, pipeline, type SearchIndex } from "../../../src/pipelines/index.ts";
import { expectBertError } from "../support.ts";

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

describe("nothing", () => {
  test("of no texts it is an index that finds nothing, is saved, loaded and added to", async () => {
    const path = join(folder, "empty.safetensors");
    for (const empty of [await buildIndex(extract, []), await buildIndex(extract, [].values())]) {
      expect([empty.size, [...empty]]).toEqual([0, []]);
      await empty.save(path);
      const loaded = await loadIndex(extract, path);
      for (const one of [empty, loaded]) {
        for (const options of [{}, { hybrid: true }]) {
          expect(await one.search("a letter", 5, options)).toEqual([]);
          expect(await one.search(["a letter", "the sea"], 5, options)).toEqual([[], []]);
        }
        await one.add([]);
        await one.add(["He read a letter."]);
        expect(await one.search("a letter")).toMatchObject([{ id: "0", index: 0, text: "He read a letter." }]);
      }
    }
  });

  test("no queries have no results", async () => {
    expect(await index.search([])).toEqual([]);
    expect(await index.search([], 2, { hybrid: true })).toEqual([]);
  });
});

describe("bad input", () => {
  test("texts, queries and k", async () => {
    await expectBertError(buildIndex(extract, ["a", 1 as never]), "ERR_INPUT", "texts[1]");
    await expectBertError(
      buildIndex(extract, ["a"], { pooling: "none" as never }),
      "ERR_INPUT",
      "pooling must be one of mean, cls, first_token, max",
    );
    await expectBertError(index.search(1 as never), "ERR_INPUT", "query must be a string");
    await expectBertError(index.search("a", 0), "ERR_INPUT", "k must be a whole number from 1");
    await expectBertError(index.search("a", 1, { fliter: () => true } as never), "ERR_INPUT", 'did you mean "filter"');
    await expectBertError(index.search("a", 1, { filter: true as never }), "ERR_INPUT", "filter must be a function");
    const promising = { filter: async () => true } as never;
    await expectBertError(index.search("a", 1, promising), "ERR_INPUT", "filter must be a function that returns true");
    await expectBertError(
      buildIndex(extract, ["a"], { poling: "cls" } as never),
      "ERR_INPUT",
      'did you mean "pooling"',
    );
    await expectBertError(buildIndex(extract, "a" as never), "ERR_INPUT", "texts must be an array or a stream");
    await expectBertError(buildIndex((() => []) as never, ["a"]), "ERR_INPUT", "extract must be what pipeline");
    await expectBertError(index.save(join(folder, "none", "x")), "ERR_FILE", "none");
  });
});

describe("records", () => {
  const RECORDS = [
    { id: "door", text: "The door is open.", metadata: { page: 3, tags: ["a", null], deep: { yes: true } } },
    { text: "He read a letter." },
    { id: "größe 𝒳", text: "The window was shut.", metadata: "anything" },
  ];

  test("ids and metadata come back with what is found; an id that was not given is the index", async () => {
    const kept = await buildIndex<unknown>(extract, [...RECORDS, "The sea was calm."]);
    expect(kept.size).toBe(4);
    const all = [
      { ...RECORDS[0], index: 0 },
      { ...RECORDS[1], id: "1", index: 1 },
      { ...RECORDS[2], index: 2 },
      { id: "3", text: "The sea was calm.", index: 3 },
    ];
    expect([...kept]).toStrictEqual(all);
    for (const one of all) expect(kept.get(one.id ?? "")).toStrictEqual(one);
    expect([kept.has("0"), kept.get("4"), kept.has("01"), kept.get("nobody")]).toEqual([
      false,
      undefined,
      false,
      undefined,
    ]);
    const [best] = await kept.search("The door is open.", 1);
    expect(best).toStrictEqual({ ...all[0], score: best.score });
    const path = join(folder, "records.safetensors");
    await kept.save(path);
    const loaded = await loadIndex(extract, path);
    expect([...loaded]).toStrictEqual(all);
    expect(await loaded.search("a letter", 4)).toStrictEqual(await kept.search("a letter", 4));
  });

  test("metadata is a copy, as JSON has it", async () => {
    const metadata: { page: number; note?: string | undefined } = { page: 1, note: undefined };
    const kept = await buildIndex(extract, [{ text: "A door.", metadata }]);
    metadata.page = 2;
    expect(kept.get("0")?.metadata).toStrictEqual({ page: 1 });
    (kept.get("0")?.metadata as { page: number }).page = 3;
    expect(kept.get("0")?.metadata?.page).toBe(1);
  });

  test("add and remove: what is found is what is there, and an index stays", async () => {
    const changed = await buildIndex<unknown>(extract, RECORDS);
    await changed.add(["The sea was calm."]);
    changed.remove(["door", "1"]);
    changed.remove("3");
    expect(Array.from(changed, ({ id, index }) => [id, index])).toEqual([["größe 𝒳", 2]]);
    expect((await changed.search("The door is open.")).map(({ id }) => id)).toEqual(["größe 𝒳"]);
    await changed.add([{ id: "door", text: "The door is open again." }, "A letter."].values());
    expect(Array.from(changed, ({ id, index }) => [id, index])).toEqual([
      ["größe 𝒳", 2],
      ["door", 4],
      ["5", 5],
    ]);
    const path = join(folder, "changed.safetensors");
    await changed.save(path);
    const loaded = await loadIndex(extract, path);
    expect([...loaded]).toStrictEqual([...changed]);
    await loaded.add(["The next."]);
    expect(loaded.get("6")?.text).toBe("The next.");
    loaded.remove(Array.from(loaded, ({ id }) => id));
    expect([loaded.size, await loaded.search("a"), [...loaded]]).toEqual([0, [], []]);
    await loaded.save(path);
    expect((await loadIndex(extract, path)).size).toBe(0);
  });

  test.each<[string, unknown, string]>([
    ["a number", 5, "texts[1] must be a text or { id, text, metadata }, got 5"],
    ["an array", ["a"], "texts[1] must be a text or { id, text, metadata }"],
    ["no text", { id: "b" }, "texts[1].text must be a string"],
    ["another name of a field", { text: "b", meta: 1 }, 'texts[1]: unknown field "meta"'],
    ["an id that is a number", { text: "b", id: 1 }, "texts[1].id must be a string that is not empty, got 1"],
    ["an empty id", { text: "b", id: "" }, "texts[1].id must be a string that is not empty"],
    ["an id twice", { text: "b", id: "a" }, 'texts[1].id must be an id of its own, as each is there once, got "a"'],
    [
      "NaN",
      { text: "b", metadata: { x: [1, Number.NaN] } },
      'texts[1].metadata["x"][1] must be a value that JSON has (a Date is written as a string), got NaN',
    ],
    ["a BigInt", { text: "b", metadata: { a: 1n } }, 'texts[1].metadata["a"] must be a value that JSON has'],
    ["a Date", { text: "b", metadata: { at: new Date(0) } }, "got a Date"],
    ["a Map", { text: "b", metadata: new Map() }, "got a Map"],
    ["a lone surrogate", { text: "b", metadata: ["\ud800"] }, "lone surrogate"],
    [
      "a circle",
      { text: "b", metadata: circle() },
      "metadata must be nested at most 100 deep, without circles, has itself in it",
    ],
  ])("%s is refused, and nothing is added", async (_, record, message) => {
    const kept = await buildIndex<unknown>(extract, [{ id: "a0", text: "A door." }]);
    const added = kept.add([{ id: "a", text: "A letter." }, record] as never);
    await expectBertError(added, "ERR_INPUT", "add: ", message);
    expect([kept.size, kept.has("a")]).toEqual([1, false]);
  });

  test("an id that is another text's index", async () => {
    await expectBertError(buildIndex(extract, ["A door.", { text: "A letter.", id: "0" }]), "ERR_INPUT", '"0"');
    await expectBertError(
      buildIndex(extract, [{ text: "A letter.", id: "1" }, "A door."]),
      "ERR_INPUT",
      '"1"',
      "gets its index",
    );
    const swapped = await buildIndex(extract, [
      { id: "1", text: "A letter." },
      { id: "0", text: "A door." },
    ]);
    expect([swapped.get("0")?.index, swapped.get("1")?.index]).toEqual([1, 0]);
  });

  test("of two adds at the same time with one id the second is refused", async () => {
    const kept = await buildIndex(extract, ["A door."]);
    const add = () => kept.add([{ id: "x", text: "A letter." }]);
    const ends = await Promise.allSettled([add(), add()]);
    expect(ends.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(kept.size).toBe(2);
  });

  test("an unknown id removes nothing", async () => {
    const kept = await buildIndex(extract, ["A door.", "A letter."]);
    expect(() => kept.remove(["0", "nobody"])).toThrow('ids must be those of texts in the index, got "nobody"');
    expect(() => kept.remove(5 as never)).toThrow("ids must be an id or an array of them");
    expect(kept.size).toBe(2);
    kept.remove(["0", "0"]);
    expect(kept.size).toBe(1);
  });

  test("truncation of queries and of added texts", async () => {
    const long = "The door is open. ".repeat(200);
    await expectBertError(index.search(long), "ERR_INPUT", "search: query must be at most ");
    const [best] = await index.search(long, 1, { truncation: true });
    expect(best.score).toBeLessThanOrEqual(1 + 1e-6);
    const kept = await buildIndex(extract, ["A door."]);
    await expectBertError(kept.add(["a", long, "b", long]), "ERR_INPUT", "add: 2 inputs must be at most ", "texts[3]");
    expect(kept.size).toBe(1);
    await kept.add([long], { truncation: true });
    expect((await kept.search(long, 1, { truncation: true }))[0].index).toBe(1);
  });
});

function circle(): unknown[] {
  const list: unknown[] = [];
  list.push(list);
  return list;
}
