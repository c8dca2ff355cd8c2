import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, loadIndex, type SearchIndex, type SearchResult } from "../../../src/pipelines/index.ts";
import { wordsOf } from "../../../src/pipelines/searchIndex/postings.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { expectBertError } from "../support.ts";
import { direction, hashedVectors } from "./hashedVectors.ts";

const simd = createSimdBackend({ threads: 2 });
afterAll(() => simd.dispose());

interface Golden {
  texts: string[];
  queries: string[];
  words: string[][];
  scores: number[][];
  removed: number[];
  scores_of_rest: number[][];
}
const golden: Golden = JSON.parse(readFileSync(join(import.meta.dirname, "../reference/bm25.json"), "utf8"));
const H = 16;
const extract = hashedVectors(plain, H);

/** BM25 of each text of an index, in order; 0 where it was not found, as a text without words is not. */
const inOrder = (index: SearchIndex, found: readonly SearchResult[]) =>
  Array.from(index, (text) => found.find(({ id }) => id === text.id)?.bm25 ?? 0);

describe("against bm25s", () => {
  /** Each sum of up to 96 numbers below 5. */
  const expectClose = (got: readonly (number | undefined)[], want: readonly number[]) => {
    expect(got.length).toBe(want.length);
    for (const [t, score] of want.entries()) expect(Math.abs((got[t] as number) - score)).toBeLessThanOrEqual(1e-13);
  };

  test("the words of texts", () => {
    expect(golden.texts.map(wordsOf)).toEqual(golden.words);
  });

  test.each([0, 0.75])(
    "the scores of texts, and of those that are left when some are removed, alpha %d",
    async (alpha) => {
      const index = await buildIndex(extract, golden.texts);
      for (const [q, query] of golden.queries.entries()) {
        expectClose(inOrder(index, await index.search(query, 100, { hybrid: true, alpha })), golden.scores[q]);
      }
      index.remove(golden.removed.map(String));
      for (const [q, query] of golden.queries.entries()) {
        expectClose(inOrder(index, await index.search(query, 100, { hybrid: true, alpha })), golden.scores_of_rest[q]);
      }
      expect(golden.scores.flat().some((score) => score > 5)).toBe(true);
    },
  );
});

const WORDS = ["a", "the", "door", "sea", "open", "letter", "Köln", "42"];
const TEXT = fc.array(fc.constantFrom(...WORDS), { maxLength: 8 }).map((words) => words.join(" "));
const QUERY = fc.array(fc.constantFrom(...WORDS, "unknown"), { maxLength: 6 }).map((words) => words.join(" "));

/** Everything in the open: cosines and BM25 of all texts by their definitions. null: it is not found. */
function scored(texts: readonly string[], query: string, alpha: number) {
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  const lengths = texts.map((text) => split(text).length);
  const average = lengths.reduce((sum, length) => sum + length, 0) / texts.length;
  const having = (word: string) => texts.filter((text) => split(text).includes(word)).length;
  const idf = (word: string) => Math.log1p((texts.length - having(word) + 0.5) / (having(word) + 0.5));
  const both = texts.map((text, t) => {
    const [x, y] = [direction(text, H), direction(query, H)];
    const isMute = text === "" || query === ""; // no vector
    const cosine = isMute ? null : x.reduce((sum, value, h) => sum + value * y[h], 0);
    let bm25 = 0;
    for (const word of split(query)) {
      const f = split(text).filter((other) => other === word).length;
      if (f > 0) bm25 += idf(word) / (1 + (1.2 * (0.25 + (0.75 * lengths[t]) / average)) / f);
    }
    return { cosine, bm25 };
  });
  const cosines = both.map(({ cosine }) => cosine).filter((cosine) => cosine !== null);
  const [least, most] = [Math.min, Math.max].map((of) => of(...cosines));
  // Half of what a text of average length has with every word of the query once, 1 / (1 + 1.2) of each idf, or more
  const whole = split(query).reduce((sum, word) => sum + idf(word) / 2.2, 0);
  const mostWords = Math.max(whole / 2, ...both.map(({ bm25 }) => bm25));
  return both.map(({ cosine, bm25 }) => {
    const byWords = (1 - alpha) * (mostWords === 0 ? 0 : bm25 / mostWords);
    if (cosine === null) return byWords === 0 ? null : { cosine: 0, bm25, score: byWords };
    const byVector = most === least ? 1 : (cosine - least) / (most - least);
    if (alpha === 0 && byWords === 0) return null;
    return { cosine, bm25, score: alpha * byVector + byWords };
  });
}

describe.each([plain, simd].map((backend) => [backend.info.name, backend] as const))("%s", (_, backend) => {
  const extract = hashedVectors(backend, H);

  test("the best by the formula, best first, for any number of queries", async () => {
    const property = fc.asyncProperty(
      fc.array(TEXT, { minLength: 1, maxLength: 200 }), // many are equal
      fc.array(QUERY, { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom(0, 0.3, 0.7, 1),
      async (texts, queries, k, alpha) => {
        const index = await buildIndex(extract, texts);
        const all = await index.search(queries, k, { hybrid: true, alpha });
        for (const [q, found] of all.entries()) {
          const want = scored(texts, queries[q], alpha);
          const sorted = want.flatMap((one) => one?.score ?? []).sort((a, b) => b - a);
          expect(found.length).toBe(Math.min(k, sorted.length));
          for (const [i, { index, score, cosine, bm25 }] of found.entries()) {
            const own = want[index] as NonNullable<(typeof want)[number]>;
            expect(score).toBeGreaterThanOrEqual(0);
            expect(score).toBeLessThanOrEqual(1);
            expect(Math.abs(score - sorted[i])).toBeLessThanOrEqual(1e-12);
            expect(Math.abs(score - own.score)).toBeLessThanOrEqual(1e-12);
            const cosineInRange = Math.min(1, Math.max(-1, own.cosine)); // lengths are 1 but for roundings
            expect(Math.abs((cosine as number) - cosineInRange)).toBeLessThanOrEqual(1e-12);
            expect(Math.abs((bm25 as number) - own.bm25)).toBeLessThanOrEqual(1e-12);
            if (i === 0) continue;
            const before = found[i - 1];
            expect(before.score > score || (before.score === score && before.index < index)).toBe(true);
          }
          expect(await index.search(queries[q], k, { hybrid: true, alpha })).toEqual(found);
        }
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  test("a filter leaves out texts and changes no score", async () => {
    const texts = Array.from({ length: 300 }, (_, i) => `text ${i} ${WORDS[i % 7]} ${WORDS[i % 5]}`);
    const index = await buildIndex(extract, texts);
    const query = "the sea or the letter 42";
    const all = await index.search(query, 300, { hybrid: true });
    const filter = ({ index }: { index: number }) => index % 3 === 0;
    expect(await index.search(query, 7, { hybrid: true, filter })).toEqual(all.filter(filter).slice(0, 7));
    const promising = { hybrid: true, filter: async () => true } as never;
    await expectBertError(
      index.search(query, 7, promising),
      "ERR_INPUT",
      "filter must be a function that returns true",
    );
  });
});

test("plain and simd give the same bits", async () => {
  const texts = Array.from({ length: 500 }, (_, i) => `${WORDS[i % 7]} ${WORDS[i % 5]} ${i}`);
  const [one, other] = await Promise.all(
    [plain, simd].map(async (backend) => {
      const index = await buildIndex(hashedVectors(backend, 48), texts);
      return index.search(["the sea 42", "a letter"], 20, { hybrid: true });
    }),
  );
  expect(one).toEqual(other);
});

test("simd: among cosines that float32 cannot tell apart, the best, and the exact least and largest", async () => {
  const vectorOf = (text: string) => {
    const side = text.charCodeAt(text.length - 1) % 2; // there are two crowds, one near the query and one far from it
    const [base, noise] = [direction(`base ${side}`, H), direction(text, H)];
    const sum = base.map((value, h) => value + 1e-7 * noise[h]);
    const length = Math.sqrt(sum.reduce((squares, value) => squares + value * value, 0));
    return sum.map((value) => value / length);
  };
  async function* stream(texts: Iterable<string> | AsyncIterable<string>) {
    for await (const text of texts) yield { dims: [1, H], data: vectorOf(text), truncated: 0, unknown: 0 };
  }
  const { model } = hashedVectors(simd, H);
  const extract = Object.assign(stream, { task: "feature-extraction", model }) as never;
  const texts = Array.from({ length: 3000 }, (_, i) => `text ${i}`);
  const vectors = texts.map(vectorOf);
  const index = await buildIndex(extract, texts);
  for (let q = 0; q < 40; q++) {
    const query = vectorOf(`query ${q}`);
    const cosines = vectors.map((vector) => vector.reduce((sum, value, h) => sum + value * query[h], 0));
    const [min, max] = [Math.min(...cosines), Math.max(...cosines)];
    const scores = cosines.map((cosine) => (cosine - min) / (max - min));
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, 10);
    const found = await index.search(`query ${q}`, 10, { hybrid: true, alpha: 1 });
    expect(found.map(({ index, score }) => [index, score])).toEqual(order.map((index) => [index, scores[index]]));
  }
});

test("what was added and removed in any order is found as in an index of what is left, in the same bits", async () => {
  const H = 1 << 15; // a segment has 64 rows
  const extract = hashedVectors(plain, H);
  const step = fc.oneof(
    fc.record({ add: fc.array(TEXT, { minLength: 1, maxLength: 40 }) }),
    fc.record({ remove: fc.array(fc.nat(), { maxLength: 25 }) }),
  );
  const property = fc.asyncProperty(fc.array(step, { maxLength: 6 }), QUERY, async (steps, query) => {
    const records = (texts: readonly string[], first: number) =>
      texts.map((text, i) => ({ text, id: `text ${first + i}` }));
    let left = records(["the door", "a letter"], 0);
    let count = left.length;
    const index = await buildIndex(extract, left);
    for (const step of steps) {
      await index.search(query, 3, { hybrid: true }); // its words are known from here on
      if ("add" in step) {
        const added = records(step.add, count);
        count += added.length;
        await index.add(added);
        left = [...left, ...added];
      } else {
        const gone = new Set(step.remove.map((at) => left[at % left.length].id));
        if (gone.size === left.length) continue;
        index.remove([...gone]);
        left = left.filter(({ id }) => !gone.has(id));
      }
    }
    const rebuilt = await buildIndex(extract, left);
    const found = async (of: typeof index) =>
      (await of.search(query, 200, { hybrid: true })).map(({ index, ...rest }) => rest);
    expect(await found(index)).toEqual(await found(rebuilt));
  });
  await fc.assert(property, { numRuns: 25 });
});

test("a saved index is searched in the same way; all texts removed, nothing is found", async () => {
  const folder = await mkdtemp(join(tmpdir(), "plainbert-"));
  try {
    const index = await buildIndex(extract, golden.texts);
    const path = join(folder, "index.safetensors");
    await index.save(path);
    const loaded = await loadIndex(extract, path);
    const want = await index.search(golden.queries, 5, { hybrid: true });
    expect(await loaded.search(golden.queries, 5, { hybrid: true })).toEqual(want);
    loaded.remove(golden.texts.map((_, t) => String(t)));
    expect(await loaded.search(golden.queries, 5, { hybrid: true })).toEqual(golden.queries.map(() => []));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("without a known word the vectors decide, and alpha 1 gives their order", async () => {
  const texts = Array.from({ length: 100 }, (_, i) => `text ${i}`);
  const index = await buildIndex(extract, texts);
  for (const [query, alpha] of [
    ["unknown", 0.4],
    ["text 5 text 7", 1],
  ] as const) {
    const byVector = await index.search(query, 100);
    const found = await index.search(query, 100, { hybrid: true, alpha });
    expect(found.map(({ id }) => id)).toEqual(byVector.map(({ id }) => id));
    expect(found.map(({ cosine }) => cosine)).toEqual(byVector.map(({ score }) => score));
    expect([found[0].score, found[99].score]).toEqual([alpha, 0]);
    expect(byVector[0]).not.toHaveProperty("bm25");
    expect(byVector[0]).not.toHaveProperty("cosine");
  }
});

test("with alpha 0 a text without a word of the query is not found, whatever its cosine", async () => {
  const index = await buildIndex(extract, ["the door", "a letter", "the sea"]);
  expect(await index.search("unknown", 5, { hybrid: true, alpha: 0 })).toEqual([]);
  const [found, nothing] = await index.search(["a letter", "unknown"], 5, { hybrid: true, alpha: 0 });
  expect(found).toEqual([expect.objectContaining({ text: "a letter", score: 1, cosine: expect.closeTo(1, 6) })]);
  expect(nothing).toEqual([]);
  expect(await index.search("unknown", 5, { hybrid: true, alpha: 0.01 })).toHaveLength(3);
});

test("identical texts come in their order, each with the whole of alpha", async () => {
  const index = await buildIndex(extract, Array(5).fill("the sea"));
  const found = await index.search("a door", 3, { hybrid: true, alpha: 0.6 });
  expect(found.map(({ index, score, bm25 }) => [index, score, bm25])).toEqual([[0, 0.6, 0], [1, 0.6, 0], [2, 0.6, 0]]); // biome-ignore format: one line
});

test("a search goes on with the texts that it began with, and a signal stops it", async () => {
  const index = await buildIndex(extract, ["the door", "a letter"]);
  const found = index.search("a letter", 5, { hybrid: true });
  index.remove("1");
  expect((await found).length).toBe(2);
  const many = await buildIndex(
    extract,
    Array.from({ length: 20_000 }, (_, i) => `text ${i} `.repeat(10)),
  );
  const stop = new AbortController();
  const stopped = many.search("text", 5, { hybrid: true, signal: stop.signal });
  setTimeout(() => stop.abort(), 1);
  await expect(stopped).rejects.toThrow("aborted");
});

test("options that are wrong", async () => {
  const index = await buildIndex(extract, ["a"]);
  const search = (options: object) => index.search("a", 1, options as never);
  await expectBertError(search({ hybrid: "yes" }), "ERR_INPUT", "search: hybrid must be true or false");
  for (const alpha of [-0.1, 1.1, Number.NaN, "0.5", null])
    await expectBertError(search({ hybrid: true, alpha }), "ERR_INPUT", "search: alpha must be a number from 0 to 1");
  for (const hybrid of [undefined, false])
    await expectBertError(search({ hybrid, alpha: 0.5 }), "ERR_INPUT", "alpha must be left out without hybrid: true");
});
