import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, loadBert, loadIndex, pipeline, type SearchIndex } from "../../../src/index.ts";
import { sentenceFolder } from "../../support/sentenceFolders.ts";
import { expectBertError } from "../support.ts";

const REFERENCE = join(import.meta.dirname, "../reference");
const PLAIN = { backend: "plain" } as const;
const root = await mkdtemp(join(tmpdir(), "plainbert-index-"));
afterAll(() => rm(root, { recursive: true }));

const TEXTS = ["The door was open.", "He read a letter.", "The window was shut.", "Emma lived in London."];
const LONG = "Emma Smith lived in London with John and Anna from Bath, it was very long ago. ".repeat(5);

const folderOf = (form: string) => sentenceFolder(root, form);

test.each([
  ...["plain", "prompts", "dense", "several_flags", "truncate_dim", "without_prompt", "query_length", "hidden_state"],
])("a folder of the form %s: texts are documents, queries queries", async (form) => {
  await using embed = await pipeline("embeddings", await folderOf(form), PLAIN);
  const index = await buildIndex(embed, TEXTS);
  const query = "Was the door shut?";
  const found = await index.search(query, 4);
  const documents = (await embed.encodeDocument(TEXTS, { normalize: true })).tolist();
  const [vector] = (await embed.encodeQuery(query, { normalize: true })).tolist();
  const cosines = documents.map((document) => document.reduce((sum, x, d) => sum + x * vector[d], 0));
  expect(found.map(({ index }) => index)).toEqual([...cosines.keys()].sort((a, b) => cosines[b] - cosines[a]));
  for (const { index, score } of found) expect(Math.abs(score - cosines[index])).toBeLessThanOrEqual(3e-7);
  const path = join(root, `${form}.safetensors`);
  await index.save(path);
  expect(await (await loadIndex(embed, path)).search(query, 4)).toStrictEqual(found);
});

describe("an index knows how its vectors are made", async () => {
  const extract = await pipeline("feature-extraction", join(REFERENCE, "heads/ner"), PLAIN);
  const saved = async (form: string) => {
    await using embed = await pipeline("embeddings", await folderOf(form), PLAIN);
    const path = join(root, `${form}.safetensors`);
    await (await buildIndex(embed, TEXTS)).save(path);
    return path;
  };
  afterAll(() => extract.dispose());

  test("one of the mean is the same by either pipeline", async () => {
    for (const form of ["plain", "mean", "normalize"]) {
      await using embed = await pipeline("embeddings", await folderOf(form), PLAIN);
      const index = await buildIndex(embed, TEXTS);
      expect(index.pooling).toBe("mean");
      const path = await saved(form);
      const want = await (await buildIndex(extract, TEXTS)).search("a letter");
      expect(await index.search("a letter")).toStrictEqual(want);
      expect(await (await loadIndex(extract, path)).search("a letter")).toStrictEqual(want);
    }
  });

  test("with another prompt, module, length or hidden state it is another model", async () => {
    for (const form of ["prompts", "dense", "max_seq_length", "query_length", "document_length", "hidden_state"]) {
      await using embed = await pipeline("embeddings", await folderOf(form), PLAIN);
      const path = await saved(form);
      await using other = await pipeline("embeddings", await folderOf("default_prompt"), PLAIN);
      await expectBertError(loadIndex(extract, path), "ERR_CHECKPOINT", "made with, its modules.json and prompts: ");
      await using same = await pipeline("feature-extraction", embed.model);
      expect(await (await loadIndex(same, path)).search("a letter")).toStrictEqual(
        await (await loadIndex(embed, path)).search("a letter"),
      );
      await expectBertError(loadIndex(other, path), "ERR_CHECKPOINT", "must be searched with");
      expect((await loadIndex(embed, path)).size).toBe(4);
    }
  });

  test("the file says which pooling it is, whatever pipeline the model comes with", async () => {
    const path = join(root, "cls.index.safetensors");
    const index = await buildIndex(extract, TEXTS, { pooling: "cls" });
    await index.save(path);
    const want = await index.search("a letter");
    await using mean = await pipeline("embeddings", await folderOf("mean"), PLAIN);
    expect(await (await loadIndex(mean, path)).search("a letter")).toStrictEqual(want);
    await using cls = await pipeline("embeddings", await folderOf("cls"), PLAIN);
    expect((await loadIndex(cls, path)).pooling).toBe("cls");
    await expectBertError(
      buildIndex(mean, TEXTS, { pooling: "cls" }),
      "ERR_INPUT",
      "buildIndex: pooling must be left out",
    );
  });
});

test("queries and texts are cut to lengths of their own, and refused by them", async () => {
  await using embed = await pipeline("embeddings", await folderOf("query_length"), PLAIN);
  const index = await buildIndex(embed, [LONG]);
  expect(await index.search(LONG)).toHaveLength(1);
  expect([index.truncated, index.truncatedQueries]).toEqual([1, 1]);
  const uncut = { truncation: false };
  await expectBertError(index.search(LONG, 1, uncut), "ERR_INPUT", "search: query must be at most 7 tokens long");
  await expectBertError(index.add([LONG], uncut), "ERR_INPUT", "add: texts[0] must be at most 15 tokens long");
  await expectBertError(embed.encodeQuery(LONG, uncut), "ERR_INPUT", "must be at most 7 tokens long");
  await expectBertError(embed(LONG, uncut), "ERR_INPUT", "must be at most 12 tokens long");
});

describe("what is too long, before an index is saved and after it is loaded", () => {
  /** What a long query, and a long text that is added, come to: what is found, and how many were cut. */
  async function outcomes(index: SearchIndex) {
    const found = await index.search(LONG, 4).catch(messageOf);
    const [first] = await index.search([LONG, "a letter"], 4).catch((error) => [messageOf(error)]);
    const added = await index.add([LONG]).then(() => index.size, messageOf);
    return { found, first, added, truncated: index.truncated, truncatedQueries: index.truncatedQueries };
  }
  const messageOf = (error: Error) => error.message;

  test.each(["plain", "mean", "cls", "normalize", "prompts"])("embeddings of the form %s cut it", async (form) => {
    await using embed = await pipeline("embeddings", await folderOf(form), PLAIN);
    const path = join(root, `${form}-long.safetensors`);
    const index = await buildIndex(embed, TEXTS);
    await index.save(path);
    const want = await outcomes(index);
    expect(want).toMatchObject({ found: { length: 4 }, added: 5, truncated: 1, truncatedQueries: 2 });
    expect(await outcomes(await loadIndex(embed, path))).toStrictEqual(want);
  });

  test.each(["mean", "last_token"] as const)("feature-extraction with %s refuses it", async (pooling) => {
    await using extract = await pipeline("feature-extraction", await folderOf("plain"), PLAIN);
    const path = join(root, `${pooling}-refused.safetensors`);
    const index = await buildIndex(extract, TEXTS, { pooling });
    await index.save(path);
    const want = await outcomes(index);
    expect(want.found).toContain("search: query must be at most 64 tokens long");
    expect(want.added).toContain("add: texts[0] must be at most 64 tokens long");
    expect(await outcomes(await loadIndex(extract, path))).toStrictEqual(want);
  });

  test("the pipeline in use decides, and embeddings cut: the queries of an index of the mean, and of plainbert 0.2", async () => {
    await using bert = await loadBert(undefined, PLAIN);
    const small = await pipeline("embeddings", bert);
    const index = await loadIndex(small, join(REFERENCE, "index-0.2.0.safetensors"));
    const long = LONG.repeat(5);
    expect(await index.search(long, 1)).toStrictEqual(await index.search(long, 1, { truncation: true }));
    await expectBertError(index.search(long, 1, { truncation: false }), "ERR_INPUT", "search: query must be at most");
    expect(index.truncatedQueries).toBe(2);
  });

  test("feature-extraction that is told to cut counts as well", async () => {
    await using extract = await pipeline("feature-extraction", await folderOf("plain"), PLAIN);
    const index = await buildIndex(extract, ["a", LONG, LONG], { truncation: true, pooling: "cls" });
    expect(index.truncated).toBe(2);
    await index.search([LONG, "a"], 1, { truncation: true });
    expect(index.truncatedQueries).toBe(1);
  });
});

test("what is too long is cut and counted, unless truncation is false", async () => {
  await using embed = await pipeline("embeddings", await folderOf("prompts"), PLAIN);
  const index = await buildIndex(embed, [TEXTS[0], LONG]);
  expect(index.truncated).toBe(1);
  await index.add([LONG.toUpperCase(), LONG]);
  expect(index.truncated).toBe(3);
  await expectBertError(
    buildIndex(embed, ["a", LONG], { truncation: false }),
    "ERR_INPUT",
    "buildIndex: texts[1] must be at most 64 tokens long",
  );
  await expectBertError(
    index.search(LONG, 1, { truncation: false }),
    "ERR_INPUT",
    "search: query must be at most 64 tokens long",
  );
  await expectBertError(
    index.add(["a"], { truncation: "no" as never }),
    "ERR_INPUT",
    "add: truncation must be true or false",
  );
  expect(await index.search(LONG, 1)).toHaveLength(1);
});

test("modules that cannot be read: the index says why", async () => {
  const folder = await folderOf("mean");
  await writeFile(join(folder, "modules.json"), '[{"type":"a.Transformer","path":""},{"type":"a.CNN","path":"1_CNN"}]');
  const embed = pipeline("embeddings", folder, PLAIN);
  await expectBertError(
    embed,
    "ERR_CHECKPOINT",
    "modules.json: a module must be one of Transformer, Pooling",
    'got "CNN"',
  );
  await using extract = await pipeline("feature-extraction", folder, PLAIN);
  expect((await buildIndex(extract, TEXTS)).size).toBe(4);
});
