import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alignedTokens, computeCompared, divergencesOf } from "../../src/explorer/comparedResult.ts";
import {
  type ComparedResult,
  type ComparedText,
  compute,
  type ExplorerRequest,
  type ExplorerToken,
} from "../../src/explorer/explorerResult.ts";
import { HOSTILE } from "./hostile.ts";
import { type Explored, explored, MODELS, small, tiny } from "./models.ts";

/** Two texts and two models side by side, against each computed alone, and against the definitions. */
const A = "She opened the [MASK] and looked out.";
const B = "He opened the [MASK] and quickly looked out.";

const sideOf = ({ model, tokenizer }: Explored) => ({ bert: model, tokenizer });
const requestOf = (text: string, compare: Partial<ComparedText> & { text: string }): ExplorerRequest => ({
  ...{ text, pair: "", masks: [], top: 8, compare: { pair: "", masks: [], ...compare } },
});
const compared = (own: Explored, other: Explored, text: string, compare: Partial<ComparedText> & { text: string }) => {
  const result = computeCompared(sideOf(own), sideOf(other), requestOf(text, compare));
  if (!result.compared) throw new Error("nothing is compared");
  const { result: otherResult, ...rest } = result.compared;
  return { result, otherResult, ...rest };
};

const token = (piece: string, segment = 0): ExplorerToken => ({
  ...{
    id: 0,
    piece,
    span: [0, 0],
    segment,
    word: 0,
    isSpecial: false,
    isMasked: false,
    hidden: null,
    isUnknown: false,
  },
});
const aligned = (one: string, other: string) =>
  alignedTokens(one.split(" ").map((piece) => token(piece)), other.split(" ").map((piece) => token(piece))); // biome-ignore format: one line

describe("what a text is compared with", () => {
  const [text, pair] = ["the dog barked", "the animal ran away"];
  const requestWith = (compare: ComparedText): ExplorerRequest => ({ text, pair, masks: [2, 6], top: 8, compare });
  const other = async (compare: ComparedText) => {
    const side = sideOf(await small());
    const { compared } = computeCompared(side, side, requestWith(compare));
    const { request, tokens } = (compared as ComparedResult).result;
    return [request.text, request.pair, tokens.flatMap(({ hidden, segment }) => (hidden ? [segment] : []))];
  };

  test("null is the same text with the same tokens hidden, and an empty one is none", async () => {
    expect(await other({ text: null, pair: null, masks: [] })).toEqual([text, pair, [0, 1]]);
    expect(await other({ text: null, pair: "it barked", masks: [] })).toEqual([text, "it barked", [0]]);
    expect(await other({ text: "a cat", pair: null, masks: [1] })).toEqual(["a cat", pair, [0, 1]]);
    expect(await other({ text: null, pair: "", masks: [] })).toEqual([text, "", [0]]);
  });
});

describe("which tokens belong together", () => {
  test.each<[string, string, (number | null)[]]>([
    ["a b c", "a b c", [0, 1, 2]],
    ["a b c", "a x c", [0, 1, 2]], // replaced
    ["a b c", "a x y c", [0, null, 3]], // two for one: neither is its place
    ["a b c", "b c", [null, 0, 1]],
    ["b c", "a b c", [1, 2]],
    ["x", "y", [0]],
    ["a b", "a b c d", [0, 1]],
    ["a b c d", "d", [null, null, null, 0]],
    ["the cat sat on the mat", "the dog sat on a small mat", [0, 1, 2, 3, null, 6]],
  ])("%s · %s", (one, other, want) => {
    expect(aligned(one, other)).toEqual(want);
  });

  test("the same piece in the other segment is another token", () => {
    expect(alignedTokens([token("a"), token("b", 1)], [token("a"), token("x"), token("b")])).toEqual([0, null]);
  });

  test("they keep their order, each has one place, and none in common is left out", () => {
    const words = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 9 });
    /** The longest common subsequence, by trying all. */
    const longest = (one: readonly string[], other: readonly string[]): number => {
      if (one.length === 0 || other.length === 0) return 0;
      if (one[0] === other[0]) return 1 + longest(one.slice(1), other.slice(1));
      return Math.max(longest(one.slice(1), other), longest(one, other.slice(1)));
    };
    fc.assert(
      fc.property(words, words, (one, other) => {
        const there = alignedTokens(one.map((piece) => token(piece)), other.map((piece) => token(piece))); // biome-ignore format: one line
        const places = there.filter((place) => place !== null);
        expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
        const same = there.filter((place, t) => place !== null && one[t] === other[place]);
        expect(same.length).toBe(longest(one, other));
      }),
      { numRuns: 1000 },
    );
  });
});

describe.each(MODELS)("%s", (_, open) => {
  test("each side is what it is alone, to the last bit", async () => {
    const model = await open();
    const { result, otherResult, there: places } = compared(model, model, A, { text: B, masks: [2] });
    const { compared: _compared, ...own } = result;
    const alone = explored(model, A);
    expect({ ...own, milliseconds: 0, request: null }).toEqual({ ...alone, milliseconds: 0, request: null });
    const there = compute(model.model, model.tokenizer, { text: B, pair: "", masks: [2], top: 8 });
    expect({ ...otherResult, milliseconds: 0 }).toEqual({ ...there, milliseconds: 0 });
    expect(places.length).toBe(alone.tokens.length);
  });

  test("a text beside itself differs nowhere", async () => {
    const model = await open();
    const { there, divergences, gaps, result } = compared(model, model, A, { text: A });
    expect(there).toEqual(result.tokens.map((_none, t) => t));
    expect(divergences && [...divergences]).toEqual(Array(result.attentions.length * result.heads).fill(0));
    for (const { answers, divergence } of gaps) {
      expect(divergence).toBe(0);
      for (const one of answers) expect(one.there).toEqual(one.here);
    }
  });

  test("a head's divergence is half of what each row says of their mean, by definition", async () => {
    const model = await open();
    const { result, otherResult, there, divergences } = compared(model, model, A, { text: B });
    if (!divergences) throw new Error("nothing");
    const [T, U] = [result.tokens.length, otherResult.tokens.length];
    const bits = (p: number[], q: number[]) => p.reduce((sum, x, n) => (x > 0 ? sum + x * (Math.log(x / q[n]) / Math.LN2) : sum), 0); // biome-ignore format: one line
    for (let n = 0; n < divergences.length; n++) {
      const [layer, head] = [Math.floor(n / result.heads), n % result.heads];
      const rows: number[] = [];
      for (const [t, u] of there.entries()) {
        if (u === null) continue;
        // One outcome for each token of A, then one for each of B that has no place in A.
        const p: number[] = [];
        const q: number[] = [];
        for (let j = 0; j < T; j++) {
          const k = there[j];
          p.push(result.attentions[layer][(head * T + t) * T + j]);
          q.push(k === null ? 0 : otherResult.attentions[layer][(head * U + u) * U + k]);
        }
        for (let k = 0; k < U; k++) {
          if (there.includes(k)) continue;
          p.push(0);
          q.push(otherResult.attentions[layer][(head * U + u) * U + k]);
        }
        const m = p.map((x, j) => (x + q[j]) / 2);
        rows.push((bits(p, m) + bits(q, m)) / 2);
      }
      const want = rows.reduce((sum, one) => sum + one, 0) / rows.length;
      expect(Math.abs(divergences[n] - want)).toBeLessThanOrEqual(1e-12);
      expect(divergences[n]).toBeGreaterThanOrEqual(-1e-7); // rows of float32 add up to 1 within that
      expect(divergences[n]).toBeLessThanOrEqual(1 + 1e-6);
    }
  });
});

test("rows that share nothing are one bit apart, and a key of one text alone counts", () => {
  const one = { attentions: [Float32Array.of(1, 0, 1, 0)], heads: 1, tokens: [token("a"), token("b")] };
  const other = { attentions: [Float32Array.of(0, 1, 0, 1)], heads: 1, tokens: [token("a"), token("b")] };
  expect(divergencesOf(one, other, [0, 1])).toEqual(Float64Array.of(1));
  expect(divergencesOf(one, one, [0, null])).toEqual(Float64Array.of(0)); // its second key is not looked at
  expect(divergencesOf(other, other, [0, null])).toEqual(Float64Array.of(1)); // all of it is on keys without a place
  expect(divergencesOf(one, other, [null, null])).toBeNull();
  expect(divergencesOf(one, { ...other, heads: 2 }, [0, 1])).toBeNull();
});

describe("the answers", async () => {
  const model = await small();

  test("have the likeliest of both, with the numbers that the pieces have on each side", () => {
    const { gaps, result, otherResult } = compared(model, model, A, { text: B });
    expect(gaps.length).toBe(1);
    const pieces = gaps[0].answers.map(({ here }) => here.piece);
    for (const { answers } of [result.gaps[0], otherResult.gaps[0]])
      for (const { piece } of answers) expect(pieces).toContain(piece);
    expect(new Set(pieces).size).toBe(pieces.length);
    const targets = { targets: pieces };
    const byPiece = (text: string) =>
      new Map(explored(model, text, targets).gaps[0].answers.map((answer) => [answer.piece, answer]));
    const [here, there] = [byPiece(A), byPiece(B)];
    for (const one of gaps[0].answers) {
      expect(one.here).toEqual(here.get(one.here.piece));
      expect(one.there).toEqual(there.get(one.here.piece));
    }
  });

  test("are as far apart as all pieces' probabilities are", () => {
    const { gaps } = compared(model, model, A, { text: B });
    const all = Array.from({ length: model.tokenizer.size }, (_, id) => model.tokenizer.idToToken(id) as string);
    const probabilities = (text: string) =>
      new Map(explored(model, text, { targets: all }).gaps[0].answers.map(({ id, probability }) => [id, probability]));
    const [p, q] = [probabilities(A), probabilities(B)];
    let want = 0;
    for (const [id, x] of p) {
      const y = q.get(id) as number;
      want += (x * Math.log2((2 * x) / (x + y)) + y * Math.log2((2 * y) / (x + y))) / 2;
    }
    expect(Math.abs((gaps[0].divergence as number) - want)).toBeLessThanOrEqual(1e-12);
    expect(want).toBeGreaterThan(0.001);
  });

  test("of a gap that a click made and of the same that was written are the same", () => {
    const { gaps, there } = compared(model, model, "She opened the door and looked out.", { text: A });
    expect(gaps).toEqual([]); // there is none on this side
    expect(there[4]).toBe(4);
    const clicked = computeCompared(sideOf(model), sideOf(model), {
      ...requestOf("She opened the door and looked out.", { text: A }),
      masks: [4],
    });
    const [gap] = clicked.compared!.gaps;
    expect(gap.divergence).toBe(0);
    for (const { here, there: other } of gap.answers) expect(other).toEqual(here);
  });
});

describe("two models", async () => {
  const [one, other] = [await small(), await tiny()];

  test("of other sizes: answers by their pieces, no divergences", () => {
    const { divergences, gaps, otherResult } = compared(one, other, A, { text: A });
    expect(divergences).toBeNull();
    expect(otherResult.attentions.length).toBe(other.model.config.numHiddenLayers);
    for (const { answers, divergence } of gaps) {
      expect(divergence).toBeNull();
      for (const { here, there } of answers) {
        const id = other.tokenizer.tokenToId(here.piece);
        expect(there?.id).toBe(id);
        if (there) expect(there.piece).toBe(here.piece);
      }
    }
  });
});

test.each(Object.entries(HOSTILE))("a text %s is compared", async (_, text) => {
  const model = await small();
  for (const [a, b] of [
    [text, A],
    [A, text],
    [text, text],
  ]) {
    const { divergences, there } = compared(model, model, a, { text: b });
    for (const one of divergences ?? []) expect(Number.isFinite(one)).toBe(true);
    expect(there[0]).toBe(0);
  }
});
