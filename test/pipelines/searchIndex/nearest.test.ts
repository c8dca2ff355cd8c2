import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex } from "../../../src/pipelines/index.ts";
import { plain } from "../../../src/tensor/kernels/index.ts";
import { createSimdBackend } from "../../../src/tensor/simd/createSimdBackend.ts";
import { direction, hashedVectors } from "./hashedVectors.ts";

const simd = createSimdBackend({ threads: 2 });
afterAll(() => simd.dispose());
const BACKENDS = [plain, simd];

/** All cosines in float64, element by element, and a sort. */
function bySorting(texts: readonly string[], query: string, k: number, H: number) {
  const q = direction(query, H);
  const scored = texts.map((text, index) => {
    const vector = direction(text, H);
    let score = 0;
    for (let h = 0; h < H; h++) score += vector[h] * q[h];
    return { id: String(index), text, index, score };
  });
  const best = scored.sort((a, b) => b.score - a.score || a.index - b.index).slice(0, k);
  return best.map(({ score, ...rest }) => ({ ...rest, score: Math.min(1, Math.max(-1, score)) }));
}

describe.each(BACKENDS.map((backend) => [backend.info.name, backend] as const))("%s", (_, backend) => {
  test("the best of any texts, in the bits of sums in float64, for any number of queries", async () => {
    const some = fc.array(fc.integer({ min: 0, max: 50 }).map(String), { minLength: 1, maxLength: 300 });
    const property = fc.asyncProperty(
      some, // many are equal
      fc.array(
        fc
          .string()
          .filter((text) => text.isWellFormed())
          .map((text) => `q${text}`), // one without a letter means nothing
        { minLength: 1, maxLength: 20 },
      ),
      fc.integer({ min: 1, max: 40 }),
      fc.constantFrom(1, 7, 16, 48),
      async (texts, queries, k, H) => {
        const index = await buildIndex(hashedVectors(backend, H), texts);
        expect(await index.search(queries, k)).toEqual(queries.map((query) => bySorting(texts, query, k, H)));
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  test("more rows than a tile has, more queries than are computed together: each as alone", async () => {
    const H = 256;
    const texts = Array.from({ length: 2500 }, (_, i) => `text ${i}`);
    const queries = Array.from({ length: 150 }, (_, i) => `query ${i}`);
    const index = await buildIndex(hashedVectors(backend, H), texts);
    const found = await index.search(queries, 3);
    for (const q of [0, 1, 77, 127, 128, 149]) {
      expect(found[q]).toEqual(bySorting(texts, queries[q], 3, H));
      expect(await index.search(queries[q], 3)).toEqual(found[q]);
    }
  });

  test("the filter leaves out whole families, and the best of the others are found", async () => {
    const H = 32;
    const texts = Array.from({ length: 500 }, (_, i) => `text ${i}`);
    const index = await buildIndex(
      hashedVectors(backend, H),
      texts.map((text, n) => ({ text, metadata: { third: n % 3 === 0 } })),
    );
    const want = bySorting(texts, "a", 500, H).filter((found) => found.index % 3 === 0);
    const found = await index.search("a", 20, { filter: ({ metadata }) => metadata?.third === true });
    expect(found.map((one) => [one.index, one.score])).toEqual(want.slice(0, 20).map((one) => [one.index, one.score]));
    let asked = 0;
    await index.search("a", 1, { filter: () => ++asked > 0 });
    expect(asked).toBeLessThan(30); // ln 500 = 6 in the mean, not 500
    expect(await index.search("a", 5, { filter: () => false })).toEqual([]);
  });
});

test("a cosine is 1 at most, though that of vectors rounded to float32 may be above", async () => {
  const vector = direction("4", 7);
  expect(vector.reduce((sum, x) => sum + x * x, 0)).toBeGreaterThan(1);
  const [{ score }] = await (await buildIndex(hashedVectors(plain, 7), ["4"])).search("4", 1);
  expect(score).toBe(1);
});

test("a search that is under way does not see what is added or removed", async () => {
  const H = 256;
  const texts = Array.from({ length: 30_000 }, (_, i) => `text ${i}`);
  const index = await buildIndex(hashedVectors(plain, H), texts);
  const searching = index.search(["a", "b", "c", "d"], 3);
  await new Promise((turn) => setTimeout(turn));
  await index.add(["a", "b", "c", "d"]);
  index.remove(texts.map((_, i) => String(i)));
  expect(index.size).toBe(4);
  expect(await searching).toEqual(["a", "b", "c", "d"].map((query) => bySorting(texts, query, 3, H)));
  expect((await index.search("c", 1))[0].text).toBe("c");
});

test("a large index leaves turns to the event loop, and a signal stops the search there", async () => {
  const H = 256;
  const texts = Array.from({ length: 30_000 }, (_, i) => `text ${i}`);
  const index = await buildIndex(hashedVectors(plain, H), texts);
  let turns = 0;
  const timer = setInterval(() => turns++);
  await index.search(["a", "b", "c", "d"], 3);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error("enough")));
  await expect(index.search(["a", "b", "c", "d"], 3, { signal: stop.signal })).rejects.toThrow("enough");
});
