import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, loadIndex, pipeline } from "../../src/pipelines/index.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";

/** What is told of texts that a model cannot read, and what an index does with them. */
const embed = await pipeline("embeddings", undefined, { backend: "plain" });
const extract = await pipeline("feature-extraction", embed.model);
const root = await mkdtemp(join(tmpdir(), "plainbert-unknown-"));
afterAll(async () => {
  await embed.dispose();
  await rm(root, { recursive: true });
});

const LONG = "a".repeat(101); // a word of more letters is [UNK]
/** Texts, and whether more than half of their pieces are [UNK], as counted by hand. */
const TEXTS: readonly (readonly [text: string, pieces: string, isUnknown: boolean])[] = [
  ["The door is open.", "the door is open .", false],
  ["Откройте дверь, пожалуйста!", "[UNK] [UNK] , [UNK] !", true],
  ["ドアが開いています。", "[UNK] [UNK] [UNK] [UNK]", true],
  ["🎉🎉🎉", "[UNK]", true],
  [LONG, "[UNK]", true],
  [`${LONG}, ${LONG} and`, "[UNK] , [UNK] and", true],
  [`${LONG} and`, "[UNK] and", false],
  [`${LONG} !!! ???`, "[UNK] ! ! ! ? ? ?", true],
  ["[UNK]", "[UNK]", true],
  ["The door is open 🎉🎉🎉", "the door is open [UNK]", false],
  ["?!…", "? ! …", false],
  ["", "", false],
];
const isUnknown = TEXTS.map(([, , unknown]) => (unknown ? 1 : 0));
const texts = TEXTS.map(([text]) => text);
const count = isUnknown.reduce<number>((sum, one) => sum + one, 0);

test("the pieces are those that were counted", () => {
  for (const [text, pieces] of TEXTS) {
    const tokens = embed.model.tokenizer.encode(text).tokens().slice(1, -1);
    expect(tokens.filter((token) => token === "[UNK]").length, text).toBe(pieces.split("[UNK]").length - 1);
    if (!/[^ -~]/.test(text)) expect(tokens.join(" "), text).toBe(pieces);
  }
});

describe("the result of a call says how many texts are mostly unknown", () => {
  test.each([
    ["embeddings", (input: string[] | Generator<string>) => embed(input as string[])],
    ["feature-extraction", (input: string[] | Generator<string>) => extract(input as string[], { pooling: "mean" })],
  ] as const)("%s, of an array and of each text of a stream", async (_, call) => {
    expect(await call(texts)).toMatchObject({ unknown: count, truncated: 0 });
    const each: number[] = [];
    const stream = call(texts.values() as Generator<string>) as unknown as AsyncIterable<{ unknown: number }>;
    for await (const { unknown } of stream) each.push(unknown);
    expect(each).toEqual(isUnknown);
  });

  test("a prompt does not count", async () => {
    await using prompted = await pipeline("embeddings", await sentenceFolder(root, "prompts"), { backend: "plain" });
    expect((await prompted.encodeQuery("дверь")).unknown).toBe(1);
    expect((await prompted("дверь", { prompt: "one two three four five: " })).unknown).toBe(1);
    expect((await prompted.encodeQuery("The door.")).unknown).toBe(0);
  });

  test("of a text that is cut, what is left counts", async () => {
    expect(await embed(`${"дверь ".repeat(300)} ${"door ".repeat(900)}`)).toMatchObject({ truncated: 1, unknown: 1 });
    expect(await embed(`${"door ".repeat(300)} ${"дверь ".repeat(900)}`)).toMatchObject({ truncated: 1, unknown: 0 });
  });
});

describe("an index", async () => {
  const index = await buildIndex(embed, [...texts, "He read a letter."]);
  /** Texts of which no word is known; nor is the empty one. */
  const meaningless = new Set([1, 2, 3, 4, 7, 8, 11]);
  const meaningful = Array.from({ length: TEXTS.length + 1 }, (_, i) => i).filter((i) => !meaningless.has(i));

  test("counts texts and queries that are mostly unknown", async () => {
    expect([index.unknown, index.truncated]).toEqual([count, 0]);
    const own = await buildIndex(embed, ["The door is open."]);
    await own.search(["дверь", "The door.", `${LONG} ${LONG} and`]);
    expect([own.unknown, own.unknownQueries]).toEqual([0, 2]);
    await own.add(["дверь"]);
    expect(own.unknown).toBe(1);
  });

  test("does not find what means nothing, and finds all else", async () => {
    const found = await index.search("The door is open.", 100);
    expect(found.map(({ index }) => index).sort((a, b) => a - b)).toEqual(meaningful);
    expect(found[0]).toMatchObject({ index: 0, score: expect.closeTo(1, 6) });
    expect([...index].map(({ text }) => text)).toEqual([...texts, "He read a letter."]);
  });

  test.each(["", " \t", "Закройте окно!", "🎉", LONG, "[UNK]"])("finds nothing for %j", async (query) => {
    expect(await index.search(query, 100)).toEqual([]);
    const [nothing, door] = await index.search([query, "The door."], 1);
    expect([nothing.length, door.length]).toEqual([0, 1]);
  });

  test("by words too, finds by the words alone what the model cannot read", async () => {
    const found = await index.search("Закройте дверь!", 100, { hybrid: true });
    expect(found.map(({ index, cosine }) => [index, cosine])).toEqual([[1, 0]]);
    expect(found[0].score).toBeGreaterThan(0);
    expect(await index.search("окно", 100, { hybrid: true })).toEqual([]);
    expect(await index.search("дверь", 100, { hybrid: true, alpha: 1 })).toEqual([]);
    const both = await index.search("the door дверь", 100, { hybrid: true });
    expect(both.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...meaningful, 1].sort((a, b) => a - b));
  });

  test("that was saved does the same", async () => {
    const path = join(root, "unknown.safetensors");
    await index.save(path);
    const loaded = await loadIndex(embed, path);
    for (const query of ["The door is open.", "дверь"]) {
      for (const options of [{}, { hybrid: true }]) {
        expect(await loaded.search(query, 100, options)).toEqual(await index.search(query, 100, options));
      }
    }
  });

  test("with the encoder's own vectors too", async () => {
    const own = await buildIndex(extract, [...texts, "He read a letter."], { pooling: "cls" });
    expect(own.unknown).toBe(count);
    const found = await own.search("The door is open.", 100);
    expect(found.map(({ index }) => index).sort((a, b) => a - b)).toEqual(meaningful);
  });
});
