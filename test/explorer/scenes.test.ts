import { beforeAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { type LineShape, type MatrixShape, numbersOf, type Scene } from "../../src/explorer/scene.ts";
import { gapAnswers, nextSentence } from "../../src/explorer/scenes/answers.ts";
import { headLines, headMatrix, tokenAt } from "../../src/explorer/scenes/head.ts";
import { modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { headOrder } from "../../src/explorer/scenes/order.ts";
import { type ExplorerState, PAIRS, SCALES, SORTS } from "../../src/explorer/state.ts";
import type { BertOutput } from "../../src/index.ts";
import { type Explored, expectTrue, explored, forwardOf, MODELS, numberAt, stateOf } from "./models.ts";

const linesOf = ({ shapes }: Scene): LineShape[] => shapes.filter((shape) => shape.kind === "line");
const matricesOf = ({ shapes }: Scene): MatrixShape[] => shapes.filter((shape) => shape.kind === "matrix");

/** L·A·T² places, each once. */
function allPlaces({ attentions, taps, heads, tokens: { length: T } }: ExplorerResult): Set<string> {
  const all = new Set<string>();
  for (const layer of attentions.keys())
    for (let head = 0; head < heads; head++)
      for (let i = 0; i < T; i++) for (let j = 0; j < T; j++) all.add(`${taps[layer]}[${[head, i, j]}]`);
  return all;
}

describe.each(MODELS)("%s: every number is one of forward's", (_, open) => {
  let model: Explored;
  let result: ExplorerResult;
  let output: BertOutput;
  beforeAll(async () => {
    model = await open();
    result = explored(model, "The door was [MASK], and he looked", { pair: "out of the window.", masks: [2, 4] });
    output = await forwardOf(model, result);
  });

  /** Every layer and head. */
  function heads(): { layer: number; head: number }[] {
    return [...result.attentions.keys()].flatMap((layer) =>
      Array.from({ length: result.heads }, (_, head) => ({ layer, head })),
    );
  }

  test("the result has the model's layers, heads and tokens", () => {
    const { numHiddenLayers: L, numAttentionHeads: A } = model.model.config;
    expect([result.attentions.length, result.heads]).toEqual([L, A]);
    const T = result.tokens.length;
    expect(result.attentions.map(({ length }) => length)).toEqual(Array(L).fill(A * T * T));
    expect(T).toBeGreaterThan(10);
    expect(result.whole).toBe(T);
  });

  test("the map: every cell of every head, once", () => {
    const scene = modelMap(result, 72);
    const places = expectTrue(scene, output);
    expect(places.length).toBe(allPlaces(result).size);
    expect(new Set(places)).toEqual(allPlaces(result));
  });

  test("the matrix of each head: every cell, once; rows add up to 1", () => {
    for (const { layer, head } of heads()) {
      const scene = headMatrix(result, stateOf({ layer, head, view: "matrix" }));
      const places = expectTrue(scene, output);
      const name = `${result.taps[layer]}[${head},`;
      const own = new Set([...allPlaces(result)].filter((place) => place.startsWith(name)));
      expect(places.length).toBe(own.size);
      expect(new Set(places)).toEqual(own);
      const [{ rows: T, values }] = matricesOf(scene);
      for (let i = 0; i < T; i++) {
        const sum = values.subarray(i * T, (i + 1) * T).reduce((total, p) => total + p, 0);
        expect(Math.abs(sum - 1)).toBeLessThanOrEqual(1e-6);
      }
    }
  });

  test.each(SCALES)("the colours of map and matrices are what the legend says, %s", (scale) => {
    const scenes = [
      modelMap(result, 72, [], scale),
      ...heads().map((at) => headMatrix(result, stateOf({ ...at, scale }))),
    ];
    for (const scene of scenes) {
      expectTrue(scene, output);
      for (const { rows, columns, ref, strengths } of matricesOf(scene)) {
        expect(strengths.length).toBe(rows * columns);
        for (let i = 0; i < rows; i++) {
          const row = Array.from({ length: columns }, (_, j) => numberAt(output, ref(i, j)));
          for (const [j, p] of row.entries()) {
            const wanted = { linear: p, root: p ** 0.5, row: p / Math.max(...row) }[scale];
            if (!(strengths[i * columns + j] === Math.fround(wanted)))
              expect.fail(`${scale} of ${p}: ${strengths[i * columns + j]}, not ${wanted}`);
          }
        }
      }
      expect(scene.brightest).toBe(scale === "row" ? "the row's largest" : "1");
      expect(scene.legend.join(" ")).toContain(
        { linear: "bright is 1.", root: "square root", row: "largest in its row" }[scale],
      );
    }
  });

  test.each(SCALES)("the lines of each head: as opaque and as wide as the legend says, %s", (scale) => {
    for (const { layer, head } of heads()) {
      const scene = headLines(result, stateOf({ layer, head, scale }));
      expect(new Set(expectTrue(scene, output)).size).toBe(linesOf(scene).length);
      expect(linesOf(scene).length).toBeGreaterThan(0);
      for (const { value, opacity, width, ref } of linesOf(scene)) {
        const [, i] = ref.at;
        const row = result.tokens.map((_, j) => numberAt(output, { tap: ref.tap, at: [head, i, j] }));
        const wanted = { linear: value, root: value ** 0.5, row: value / Math.max(...row) }[scale];
        expect(opacity).toBeCloseTo(wanted, 14);
        expect(width).toBeCloseTo(0.5 + 5.5 * wanted, 13);
        expect(opacity).toBeLessThanOrEqual(1);
      }
    }
  });

  test.each(PAIRS)("the lines of a row and what it says of the rest add up to the row, %s", (pairs) => {
    for (const { layer, head } of heads()) {
      for (const query of result.tokens.keys()) {
        const scene = headLines(result, stateOf({ layer, head, pairs, query }));
        expectTrue(scene, output);
        const lines = linesOf(scene);
        expect(lines.every(({ ref }) => ref.at[1] === query)).toBe(true);
        const drawn = lines.reduce((sum, { value }) => sum + value, 0);
        const { rest, edges } = restOf(scene);
        expect(lines.length + edges).toBe(result.tokens.length);
        expect(Math.abs(drawn + rest - 1)).toBeLessThanOrEqual(0.0005 + 1e-6); // the rest has three digits
      }
    }
  });

  test("of a picked key without a query the lines are its column's", () => {
    for (const key of result.tokens.keys()) {
      const lines = linesOf(headLines(result, stateOf({ key, scale: "root" })));
      const column = result.tokens.map((_, i) => numberAt(output, { tap: result.taps[0], at: [0, i, key] }));
      expect(lines.map(({ ref }) => ref.at)).toEqual(column.flatMap((p, i) => (p < 0.01 ? [] : [[0, i, key]])));
      expect(lines.map(({ value }) => value)).toEqual(column.filter((p) => p >= 0.01));
    }
  });

  test("the numbers beside the lines of a picked row are the lines' own", () => {
    for (const query of result.tokens.keys()) {
      const scene = headLines(result, stateOf({ layer: 1, query }));
      const beside = scene.shapes.flatMap((shape) =>
        shape.kind === "text" && /^\d\.\d{3}$/.test(shape.text) ? [shape] : [],
      );
      expect(beside.map(({ text }) => text)).toEqual(linesOf(scene).map(({ value }) => value.toFixed(3)));
      for (const [n, { to }] of linesOf(scene).entries()) expect(Math.abs(beside[n].y - to[1])).toBeLessThan(8);
    }
  });

  test.each(SORTS.filter((sort) => sort !== "place"))("the map in the order of %s: every cell, once", (sort) => {
    const [query, key] = [3, 5];
    const order = headOrder(result, { sort, query, key });
    const scene = modelMap(result, 96, order);
    const places = expectTrue(scene, output);
    expect(places.length).toBe(allPlaces(result).size);
    expect(new Set(places)).toEqual(allPlaces(result));
    const T = result.tokens.length;
    const maps = matricesOf(scene);
    const scores = maps.map(({ x, y, ref }) => {
      const {
        tap,
        at: [head],
      } = ref(0, 0);
      const layer = Number(/layer\.(\d+)\./.exec(tap)?.[1]);
      const p = (i: number, j: number) => numberAt(output, { tap, at: [head, i, j] });
      const score = SCORES[sort](
        p,
        T,
        result.tokens.flatMap(({ isSpecial }, t) => (isSpecial && t > 0 ? [t] : [])),
      );
      // Above the map stand its own layer and head, and the score.
      const above = scene.shapes.flatMap((shape) => (shape.kind === "text" && shape.y === y - 7 ? [shape] : []));
      expect(above.filter((shape) => shape.x === x).map(({ text }) => text)).toEqual([`${layer + 1}·${head + 1}`]);
      expect(above.filter((shape) => shape.x === x + 96).map(({ text }) => text)).toEqual([score.toFixed(2)]);
      return score;
    });
    const sign = sort === "sharp" ? 1 : -1;
    for (let n = 1; n < scores.length; n++) expect(sign * (scores[n] - scores[n - 1])).toBeGreaterThanOrEqual(-1e-9);
    expect(new Set(scores).size).toBe(scores.length);
  });

  test("a line is between its query, on the left, and its key, on the right, at the height of their pieces", () => {
    const scene = headLines(result, stateOf());
    const heights = { left: new Map<number, string>(), right: new Map<number, string>() };
    for (const shape of scene.shapes)
      if (shape.kind === "text" && shape.align !== "center")
        heights[shape.align === "right" ? "left" : "right"].set(shape.y, shape.text);
    const order = (side: "left" | "right") => [...heights[side]].sort(([a], [b]) => a - b).map(([, text]) => text);
    expect(order("left")).toEqual(result.tokens.map(({ piece }) => piece));
    expect(order("right")).toEqual(order("left"));
    const [left, right] = [heights.left, heights.right].map((side) => [...side.keys()].sort((a, b) => a - b));
    for (const { from, to, ref } of linesOf(scene)) {
      const [, i, j] = ref.at;
      expect(from[0]).toBeLessThan(to[0]);
      expect(Math.abs(from[1] - left[i])).toBeLessThanOrEqual(8);
      expect(Math.abs(to[1] - right[j])).toBeLessThanOrEqual(8);
    }
  });

  test("the answers for each gap, and whether the second text follows", () => {
    const { architecture } = model.model.config;
    const hasNext = architecture === "BertForPreTraining";
    const hasGaps = hasNext || architecture === "DistilBertForMaskedLM";
    expect(result.gaps.map(({ position }) => position)).toEqual(hasGaps ? [2, 4] : []);
    for (const gap of result.gaps) {
      const scene = gapAnswers(gap);
      const V = model.model.config.vocabSize;
      const name = gap.output;
      // Forward was asked for the logits of every token here, and for those of the gaps there.
      const row = Array.from({ length: V }, (_, id) => numberAt(output, { tap: name, at: [gap.position, id] }));
      const numbers = [...numbersOf(scene)];
      expect(numbers.length).toBe(8);
      for (const { value, ref } of numbers) {
        expect(ref.tap).toBe(hasNext ? "predictionLogits" : "logits");
        expect(ref.at[0]).toBe(gap.row);
        expect(value).toBe(row[ref.at[1]]);
      }
      expectBars(scene, softmax(row), (ref) => ref.at[1]);
      expect(gap.entropy).toBeCloseTo(-softmax(row).reduce((sum, p) => sum + p * Math.log(p), 0), 9);
    }
    const scene = nextSentence(result);
    if (!hasNext) return expect(scene).toBeNull();
    expect(expectTrue(scene as Scene, output)).toEqual(["seqRelationshipLogits[0,0]", "seqRelationshipLogits[0,1]"]);
    const logits = [0, 1].map((n) => numberAt(output, { tap: "seqRelationshipLogits", at: [0, n] }));
    expectBars(scene as Scene, softmax(logits), (ref) => ref.at[1]);
  });
});

/** A head's number in each order: of its probabilities p(i, j), T and the places of [SEP]; the picked pair is (3, 5). */
const SCORES: Readonly<
  Record<
    Exclude<ExplorerState["sort"], "place">,
    (p: (i: number, j: number) => number, T: number, seps: readonly number[]) => number
  >
> = {
  sharp: (p, T) => meanOf(T, (i) => -sumOf(T, (j) => (p(i, j) === 0 ? 0 : p(i, j) * Math.log(p(i, j))))) / Math.log(T),
  previous: (p, T) => meanOf(T - 1, (n) => p(n + 1, n)),
  next: (p, T) => meanOf(T - 1, (n) => p(n, n + 1)),
  self: (p, T) => meanOf(T, (n) => p(n, n)),
  cls: (p, T) => meanOf(T, (i) => p(i, 0)),
  sep: (p, T, seps) => meanOf(T, (i) => sumOf(seps.length, (n) => p(i, seps[n]))),
  pair: (p) => p(3, 5),
};
const sumOf = (count: number, of: (n: number) => number): number =>
  Array.from({ length: count }, (_, n) => of(n)).reduce((a, b) => a + b, 0);
const meanOf = (count: number, of: (n: number) => number): number => sumOf(count, of) / count;

/** What a scene of one row says of the lines that it leaves out. */
function restOf({ shapes }: Scene): { rest: number; edges: number } {
  const texts = shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
  const found = texts.flatMap((text) => [...text.matchAll(/^rest of the row: ([\d.]+) in (\d+) lines?$/g)]);
  expect(found.length).toBeLessThanOrEqual(1);
  return found.length === 0 ? { rest: 0, edges: 0 } : { rest: Number(found[0][1]), edges: Number(found[0][2]) };
}

function softmax(logits: readonly number[]): number[] {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Checks that a full bar is a probability of 1, and that each bar's label says its probability. */
function expectBars(
  { shapes, width }: Scene,
  probabilities: readonly number[],
  indexOf: (ref: { at: readonly number[] }) => number,
): void {
  const bars = shapes.filter((shape) => shape.kind === "bar");
  const percent = shapes.flatMap((shape) => (shape.kind === "text" && shape.text.endsWith(" %") ? [shape] : []));
  expect(percent.length).toBe(bars.length);
  for (const [n, bar] of bars.entries()) {
    const probability = probabilities[indexOf(bar.ref)];
    expect(bar.width).toBeCloseTo(width * probability, 9);
    expect(percent[n].text).toBe(`${(100 * probability).toFixed(2)} %`);
    expect(Math.abs(percent[n].y - bar.y)).toBeLessThan(19); // half of what a row has
  }
}

/** A result of T tokens whose numbers are all different, of no model. */
function madeResult(T: number, L = 2, A = 3): ExplorerResult {
  const token = {
    id: 5,
    piece: "a",
    span: [0, 0] as const,
    segment: 0,
    word: null,
    isSpecial: false,
    isMasked: false,
    isUnknown: false,
  };
  let seed = T;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return seed / 2 ** 32;
  };
  return {
    ...{
      request: { text: "", pair: "", masks: [], top: 1 },
      tokens: Array(T).fill(token),
      whole: T,
      heads: A,
      entropies: [],
      taps: Array.from({ length: L }, (_, layer) => `layer ${layer}`),
    },
    attentions: Array.from({ length: L }, () => Float32Array.from({ length: A * T * T }, random)),
    ...{ gaps: [], unknownTargets: [], nextSentence: null, milliseconds: 0 },
  };
}

describe("a map of many tokens", () => {
  test.each([2, 63, 64])("of %i has a cell for each number", (T) => {
    const scene = modelMap(madeResult(T), 72);
    expect(matricesOf(scene).every(({ rows, columns }) => rows === T && columns === T)).toBe(true);
    expect(scene.legend.join()).not.toContain("largest");
  });

  test.each([65, 100, 127, 128, 129, 256])("of %i has the largest of each block, and says so", (T) => {
    const result = madeResult(T);
    const scene = modelMap(result, 72);
    const side = Math.ceil(T / 64);
    expect(scene.legend.join()).toContain(`Each cell is the largest of ${side} × ${side} numbers.`);
    const maps = matricesOf(scene);
    expect(maps.length).toBe(6);
    for (const [n, map] of maps.entries()) {
      const [layer, head] = [Math.floor(n / 3), n % 3];
      expect([map.rows, map.columns]).toEqual([Math.ceil(T / side), Math.ceil(T / side)]);
      const covered = new Uint8Array(T * T);
      for (let i = 0; i < map.rows; i++) {
        for (let j = 0; j < map.columns; j++) {
          let [most, place] = [-1, [-1, -1]];
          for (let q = i * side; q < Math.min(T, (i + 1) * side); q++) {
            for (let k = j * side; k < Math.min(T, (j + 1) * side); k++) {
              covered[q * T + k]++;
              const p = result.attentions[layer][(head * T + q) * T + k];
              if (p > most) [most, place] = [p, [q, k]];
            }
          }
          const value = map.values[i * map.columns + j];
          if (value !== most) expect.fail(`layer ${layer}, head ${head}, cell ${i}, ${j}: ${value}, not ${most}`);
          expect(map.ref(i, j)).toEqual({ tap: result.taps[layer], at: [head, ...place] });
        }
      }
      expect(covered.every((times) => times === 1)).toBe(true);
    }
  });

  test.each([5, 64, 65, 300])("of %i: maps stand apart, layers downwards and heads to the right", (T) => {
    const scene = modelMap(madeResult(T), 72);
    const maps = matricesOf(scene);
    for (const [n, { x, y, cell, columns, rows }] of maps.entries()) {
      const [layer, head] = [Math.floor(n / 3), n % 3];
      expect(cell).toBeGreaterThanOrEqual(1);
      expect(x + cell * columns).toBeLessThanOrEqual(scene.width);
      expect(y + cell * rows).toBeLessThanOrEqual(scene.height);
      const [right, below] = [maps[n + 1], maps[n + 3]];
      if (head < 2) expect(right.x).toBeGreaterThan(x + cell * columns);
      if (head < 2) expect(right.y).toBe(y);
      if (layer < 1) expect(below.y).toBeGreaterThan(y + cell * rows);
      if (layer < 1) expect(below.x).toBe(x);
    }
  });

  test("the model's own, cut to what it has positions for", async () => {
    const model = await MODELS[1][1]();
    const result = explored(model, "the door ".repeat(200));
    expect([result.tokens.length, result.whole > 128]).toEqual([128, true]);
    const output = await forwardOf(model, result);
    const places = expectTrue(modelMap(result, 72), output);
    expect(new Set(places).size).toBe(2 * 2 * 64 * 64);
  });
});

describe("two texts", () => {
  const made = madeResult(6, 1, 1);
  const tokens = made.tokens.map((token, t) => ({ ...token, segment: t < 4 ? 0 : 1 }));
  const result = { ...made, tokens, request: { ...made.request, pair: "b" } };
  const rulesOf = ({ shapes }: Scene) => shapes.flatMap((shape) => (shape.kind === "rule" ? [shape] : []));
  const textsOf = ({ shapes }: Scene) => shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));

  test("the place where B begins is marked in lines, matrix and map; nothing with one text", () => {
    for (const scene of [headMatrix(result, stateOf({})), modelMap(result, 96)]) {
      const [{ x, y, cell }] = matricesOf(scene);
      const [level, upright] = rulesOf(scene);
      expect(level.y + 0.5).toBeCloseTo(y + 4 * cell, 9);
      expect(upright.x + 0.5).toBeCloseTo(x + 4 * cell, 9);
    }
    const scene = headLines(result, stateOf({}));
    const heights = [3, 4].map((i) => linesOf(scene).find(({ ref }) => ref.at[1] === i)?.from[1] ?? 0);
    expect(rulesOf(scene).map(({ y }) => y + 0.5)).toEqual([(heights[0] + heights[1]) / 2]);
    for (const one of [headLines(made, stateOf({})), headMatrix(made, stateOf({})), modelMap(made, 96)])
      expect(rulesOf(one)).toEqual([]);
  });

  test("a row of the text that a filter has no lines of says so", () => {
    expect(textsOf(headLines(result, stateOf({ pairs: "ab", query: 5 })))).toContain("B has no lines in A → B");
    expect(textsOf(headLines(result, stateOf({ pairs: "bb", query: 1 })))).toContain("A has no lines in B → B");
    expect(textsOf(headLines(result, stateOf({ pairs: "ab", key: 1 })))).toContain("A is not looked at in A → B");
    expect(textsOf(headLines(result, stateOf({ pairs: "aa", query: 1, key: 5 })))).toContain(
      "the picked B is not looked at in A → A",
    );
    for (const changes of [{ pairs: "ab", query: 1 }, { pairs: "ab" }, { query: 5 }, { pairs: "ab", key: 5 }] as const)
      expect(textsOf(headLines(result, stateOf(changes))).join()).not.toMatch(/no lines|not looked at/);
  });
});

test.each([
  [40, 16],
  [256, 16],
  [257, 32],
])("a matrix of %i tokens has positions at its sides, every %ith, at their rows and columns", (T, step) => {
  const scene = headMatrix(madeResult(T), stateOf({ view: "matrix" }));
  expect(scene.legend).toContain("The numbers at the sides are positions.");
  const [{ x, y, cell }] = matricesOf(scene);
  const positions = Array.from({ length: Math.ceil(T / step) }, (_, n) => n * step);
  const texts = scene.shapes.flatMap((shape) => (shape.kind === "text" ? [shape] : []));
  const above = texts.filter((text) => text.y < y);
  const beside = texts.filter((text) => text.x < x);
  expect(above.length + beside.length).toBe(texts.length);
  for (const side of [above, beside]) expect(side.map(({ text }) => Number(text))).toEqual(positions);
  for (const [n, t] of positions.entries()) {
    expect(above[n].x).toBeCloseTo(x + (t + 0.5) * cell, 9);
    expect(beside[n].y - 5).toBeCloseTo(y + (t + 0.5) * cell, 9);
  }
});

describe("what is picked", () => {
  const state = (changes: Partial<ExplorerState>) => stateOf(changes);
  const result: ExplorerResult = madeResult(4, 1, 1);

  test("a filter of pairs without a second text, which a link can ask for, leaves nothing out", () => {
    const all = linesOf(headLines(result, state({ pairs: "all" })));
    for (const pairs of PAIRS) expect(linesOf(headLines(result, state({ pairs })))).toEqual(all);
  });

  test("a row that the text does not have, which a link can ask for, is none", () => {
    const all = headLines(result, state({ query: null }));
    expect(linesOf(headLines(result, state({ query: 4 })))).toEqual(linesOf(all));
    expect(linesOf(headLines(result, state({ query: 3 }))).length).toBe(4);
  });

  test("the legend says how many lines are left out, and what they are together", () => {
    const values = [0.5, 0.495, 0.005, 0, 1, 0, 0, 0, 0.25, 0.25, 0.25, 0.25, 0.009, 0.991, 0, 0];
    const made = { ...result, attentions: [Float32Array.from(values)] };
    const { legend } = headLines(made, state({}));
    expect(legend.at(-1)).toBe("8 of 16 lines are not drawn, those below 0.01: 0.35 % of the attention.");
    const ofRow = (query: number) => headLines(made, state({ query })).legend.at(-1);
    expect(ofRow(0)).toBe("2 of 4 lines are not drawn, those below 0.01: 0.50 % of the attention.");
    expect(ofRow(2)).toBe("Every line is drawn.");
  });
});

describe("lines of many tokens", () => {
  const state = (changes: Partial<ExplorerState> = {}) => stateOf(changes);

  /** A head that gives each token of a row a little more than the one before: T rows that add up to 1. */
  function slopes(T: number): ExplorerResult {
    const row = Array.from({ length: T }, (_, j) => (1 + j / T) / (T * (1.5 - 0.5 / T)));
    return { ...madeResult(T, 1, 1), attentions: [Float32Array.from({ length: T * T }, (_, n) => row[n % T])] };
  }

  test.each([40, 41, 100])("of %i: those that are at least 0.01, or an even share", (T) => {
    const result = slopes(T);
    const least = Math.min(0.01, 1 / T);
    const { legend } = headLines(result, state());
    const want = [...result.attentions[0]].filter((p) => p >= least);
    expect(linesOf(headLines(result, state())).map(({ value }) => value)).toEqual(want);
    expect(want.length).toBeGreaterThan(T);
    const said = legend.at(-1);
    if (want.length === T * T) expect(said).toBe("Every line is drawn.");
    else
      expect(said).toMatch(new RegExp(`^${T * T - want.length} of ${T * T} lines are not drawn, those below 0.01: `));
  });

  test.each([101, 300])(
    "of %i: the ten largest of each row; of a picked row or column all from an even share on",
    (T) => {
      const result = slopes(T);
      const scene = headLines(result, state());
      const lines = linesOf(scene);
      for (let i = 0; i < T; i++) {
        const own = lines.filter(({ ref }) => ref.at[1] === i);
        expect(own.map(({ ref }) => ref.at[2])).toEqual(Array.from({ length: 10 }, (_, n) => T - 10 + n));
      }
      const least = Number((1 / T).toPrecision(2));
      const said = scene.legend.at(-1);
      expect(said).toContain(
        `${T * T - 10 * T} of ${T * T} lines are not drawn, those below ${least} and those that are not`,
      );
      const share = lines.reduce((sum, { value }) => sum + value, 0) / T;
      expect(said).toContain(`row: ${(100 * (1 - share)).toFixed(2)} % of the attention.`);
      const [row, column] = [headLines(result, state({ query: 7 })), headLines(result, state({ key: T - 2 }))];
      const want = [...result.attentions[0].subarray(0, T)].filter((p) => p >= 1 / T);
      expect(linesOf(row).map(({ value }) => value)).toEqual(want);
      expect(linesOf(column).length).toBe(T);
      expect(row.legend.at(-1)).toMatch(new RegExp(`those below ${least}: `));
    },
  );

  test("each is at the height of its names, and the pointer finds them there", () => {
    for (const T of [40, 41]) {
      const result = slopes(T);
      const scene = headLines(result, state());
      const left = scene.shapes.flatMap((shape) => (shape.kind === "text" && shape.align === "right" ? [shape.y] : []));
      expect(left.length).toBe(T);
      for (const { from, ref } of linesOf(scene)) expect(left[ref.at[1]] - from[1]).toBeCloseTo(5, 9);
      for (const [t, y] of left.entries()) expect(tokenAt(result, scene, 1, y - 5)).toEqual({ token: t, isKey: false });
      expect(scene.height).toBeLessThan(T === 40 ? 1010 : 790);
    }
  });
});
