import { beforeAll, describe, expect, test } from "vitest";
import type { Change } from "../../src/explorer/effects/changedInput.ts";
import { effectOf, headMaskOf } from "../../src/explorer/effects/effect.ts";
import type { Effect } from "../../src/explorer/effects/outputAnswers.ts";
import { measureOf, type Subject, subjectOf } from "../../src/explorer/effects/subjects.ts";
import { unitsOf } from "../../src/explorer/effects/units.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { MatrixShape, Scene, TextShape } from "../../src/explorer/scene.ts";
import { ablationCell, ablationMap } from "../../src/explorer/scenes/ablationMap.ts";
import { effectAnswers } from "../../src/explorer/scenes/effectAnswers.ts";
import { occlusionText, wordPlaces } from "../../src/explorer/scenes/occlusionText.ts";
import type { Tensor } from "../../src/index.ts";
import { type Explored, expectTrue, explored, MODELS } from "./models.ts";

/** The pictures of what is taken away: each number where it belongs, each cut and colour told. */
const TEXT = "She opened the [MASK] with her key";
const PAIR = "and she looked into the dark room.";

const cellsOf = ({ shapes }: Scene): MatrixShape[] => shapes.filter((shape) => shape.kind === "matrix");
const textsOf = ({ shapes }: Scene): TextShape[] => shapes.filter((shape) => shape.kind === "text");

/** ln p of a piece in the first gap, of a forward pass of our own. */
function logOf({ model }: Explored, result: ExplorerResult, ids: readonly number[], heads: number[][], id: number) {
  const { tokens, gaps } = result;
  const input = [{ inputIds: [...ids], tokenTypeIds: tokens.map(({ segment }) => segment) }];
  const output = model.forwardSync(input, { headMask: heads });
  const { data, shape } = (output.predictionLogits ?? output.logits) as Tensor;
  const V = shape[shape.length - 1];
  const row = [...data.subarray(gaps[0].position * V, (gaps[0].position + 1) * V)];
  return row[id] - Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
}

describe.each(MODELS.filter(([name]) => name !== "real-bert-tiny"))("%s", (_, open) => {
  let model: Explored;
  let result: ExplorerResult;
  let subject: Subject;
  let untouched: Effect;
  let measure: ReturnType<typeof measureOf>;
  beforeAll(async () => {
    model = await open();
    result = explored(model, TEXT, { pair: PAIR });
    subject = subjectOf(model.model, result, "first", null);
    measure = measureOf(model.model, subject);
    untouched = without(null);
  });

  const without = (change: Change | null): Effect =>
    effectOf(model.model, model.tokenizer, {
      ...{ request: result.request, subject, change, vector: null },
      ids: change ? untouched.answers.map(({ id }) => id) : [],
    });
  const ones = () => headMaskOf(model.model, []);

  test("the map has each head once, with what the answer loses without it", () => {
    const { numHiddenLayers: L, numAttentionHeads: A } = model.model.config;
    const all = Array.from({ length: L * A }, (_none, n) => [Math.floor(n / A), n % A] as const);
    const effects = all.map((head) => without({ how: "heads", heads: [head] }));
    const scene = ablationMap({ layers: L, heads: A, untouched, effects, off: [[1, 0]], measure }, 600);
    const cells = cellsOf(scene);
    const ids = result.tokens.map(({ id }) => id);
    const [{ id }] = untouched.answers;
    const before = logOf(model, result, ids, ones(), id);
    const changes = all.map(([layer, head]) => {
      const mask = ones();
      mask[layer][head] = 0;
      return logOf(model, result, ids, mask, id) - before;
    });
    const most = Math.max(...changes.map(Math.abs));
    expect(cells.map((cell) => cell.ref(0, 0).at)).toEqual(all);
    for (const [n, { values, strengths, palette, x, y, cell }] of cells.entries()) {
      expect(values[0]).toBeCloseTo(changes[n], 5);
      const isLoss = subject.kind === "vector"; // a cosine less 1
      expect(strengths[0]).toBeCloseTo(isLoss ? changes[n] / most + 1 : (changes[n] / most + 1) / 2, 4);
      expect(palette).toBe(isLoss ? "belowZero" : "diverging");
      const place = ablationCell(A, 600)(...all[n]);
      expect([x, y, cell]).toEqual([place.x, place.y, place.width]);
      // Layers go down, heads to the right.
      if (n % A > 0) expect([x > cells[n - 1].x, y]).toEqual([true, cells[n - 1].y]);
      else if (n > 0) expect([x, y > cells[n - 1].y]).toEqual([cells[0].x, true]);
    }
    expect(scene.brightest).toBe(String(Number(most.toPrecision(3))));
    expect(textsOf(scene).filter(({ text }) => text.startsWith("✕")).length).toBe(1);
    expect(scene.legend.join(" ")).toContain(`The answer is “${untouched.answers[0].name}”${measure.where}.`);
    expect(scene.legend.join(" ")).not.toContain("are computed");
  });

  test("a map that is not whole yet says how much is there, and colours no more", () => {
    const { numHiddenLayers: layers, numAttentionHeads: heads } = model.model.config;
    const effects = Array.from({ length: layers * heads }, (_none, n) =>
      n === 1 ? without({ how: "heads", heads: [[0, 1]] }) : null,
    );
    const some = ablationMap({ layers, heads, untouched, effects, off: [], measure }, 328);
    expect(cellsOf(some).map((cell) => cell.ref(0, 0).at)).toEqual([[0, 1]]);
    expect(some.legend.join(" ")).toContain(`1 of ${layers * heads} heads are computed.`);
    const none = ablationMap({ layers, heads, untouched: null, effects: effects.map(() => null), off: [], measure });
    expect([cellsOf(none), none.brightest]).toEqual([[], undefined]);
  });

  test.each(["mask", "unk", "removed"] as const)(
    "the text has each word once, with what the answer loses: %s",
    (how) => {
      const units = unitsOf(result, "word", how, subject);
      const effects = units.map(({ isOpen, positions }) => (isOpen ? without({ how, positions }) : null));
      const scene = occlusionText(
        { tokens: result.tokens, units, kind: "word", untouched, effects, picked: 2, measure },
        328,
      );
      const open = units.filter(({ isOpen }) => isOpen);
      const cells = cellsOf(scene);
      expect(cells.map((cell) => cell.ref(0, 0).at)).toEqual(open.map(({ positions }) => positions));
      const [{ id }] = untouched.answers;
      const ids = result.tokens.map((token) => token.id);
      const before = logOf(model, result, ids, ones(), id);
      if (how !== "removed") {
        const other = model.tokenizer.tokenToId(how === "mask" ? "[MASK]" : "[UNK]") as number;
        for (const [n, { positions }] of open.entries()) {
          const changed = ids.map((own, t) => (positions.includes(t) ? other : own));
          expect(cells[n].values[0]).toBeCloseTo(logOf(model, result, changed, ones(), id) - before, 5);
        }
      }
      expect(textsOf(scene).filter(({ tone }) => tone === "accent").map(({ text }) => text)).toEqual([units[2].name]); // biome-ignore format: one line
      expect(scene.legend.join(" ")).toContain("A word without a colour stays");
      expect(scene.legend.join(" ")).not.toContain("are computed");
    },
  );

  test("words stand in their order, within the width, and not on each other; the second text begins a line", () => {
    const units = unitsOf(result, "token", "mask", subject);
    for (const width of [60, 328, 900]) {
      const { places, height } = wordPlaces({ tokens: result.tokens, units }, width);
      for (const [n, { x, y, width: own }] of places.entries()) {
        expect(x + own).toBeLessThanOrEqual(width);
        const last = places[n - 1];
        if (last) expect(y > last.y ? x === 0 : y === last.y && x > last.x + last.width).toBe(true);
        expect(y).toBeLessThan(height);
      }
      const b = result.tokens.findIndex(({ segment }) => segment === 1);
      expect(places[b].x).toBe(0);
    }
  });

  test.each([
    ["a head", { how: "heads", heads: [[0, 1]] }],
    ["a word", { how: "mask", positions: [2] }],
  ] as const)("the answers without %s: each bar's number is forward's, with the change beside it", (_, change) => {
    const changed = without(change);
    const both = effectOf(model.model, model.tokenizer, {
      ...{ request: result.request, subject, change: null, vector: null },
      ids: changed.answers.map(({ id }) => id),
    });
    const scene = effectAnswers(both, changed, "Answers", measure, 520);
    const ids = result.tokens.map(({ id }, t) =>
      change.how === "mask" && t === 2 ? (model.tokenizer.maskTokenId as number) : id,
    );
    const headMask = headMaskOf(model.model, change.how === "heads" ? change.heads : []);
    const input = [{ inputIds: ids, tokenTypeIds: result.tokens.map(({ segment }) => segment) }];
    const places = expectTrue(scene, model.model.forwardSync(input, { headMask }));
    expect(new Set(places).size).toBe(places.length);
    expect(places.length).toBeGreaterThanOrEqual(5);
    const bars = scene.shapes.filter((shape) => shape.kind === "bar");
    for (const [n, { width, value, ref }] of bars.entries()) {
      const answer = changed.answers.find(
        ({ numbers }) => numbers[0].value === value && numbers[0].ref.at[1] === ref.at[1],
      );
      expect(width / 520).toBeCloseTo(answer?.probability ?? -1, 12);
      if (n > 0) expect(width).toBeLessThanOrEqual(bars[n - 1].width);
    }
    expect(scene.legend.join(" ")).toMatch(/\d of \d+ answers are shown; Numbers has all\./);
    const shown = textsOf(scene).map(({ text }) => text);
    const [first] = changed.answers;
    const before = both.answers.find(({ id }) => id === first.id)?.score ?? Number.NaN;
    const points = first.score - before;
    expect(shown.some((text) => Math.abs(Number(text.replace("−", "-")) - points) < 0.006)).toBe(true);
  });
});

test("of a base model the map keeps its buttons large enough, and has no numbers where there is no room", async () => {
  const model = await MODELS[0][1]();
  const measure = measureOf(model.model, { kind: "vector", position: null });
  const answer = { id: 0, name: "a", numbers: [], probability: null, rank: 1 };
  const untouched = { answers: [{ ...answer, score: 1 }], vector: null };
  const effects = Array.from({ length: 144 }, (_, n) => ({ answers: [{ ...answer, score: n / 100 }], vector: null }));
  const scene = ablationMap({ layers: 12, heads: 12, untouched, effects, off: [[3, 4]], measure }, 328);
  expect(cellsOf(scene).length).toBe(144);
  expect(ablationCell(12, 328)(0, 1).x - ablationCell(12, 328)(0, 0).x).toBeGreaterThanOrEqual(24);
  expect(textsOf(scene).map(({ text }) => text).filter((text) => !/^\d+$/.test(text))).toEqual(["✕"]); // biome-ignore format: one line
  expect(scene.legend.join(" ")).toContain("✕: switched off now.");
  const large = ablationMap({ layers: 12, heads: 12, untouched, effects, off: [], measure }, 1200);
  expect(textsOf(large).filter(({ text }) => /^[−+]?\d\.\d+$/.test(text)).length).toBe(144);
});

test("where nothing changes all is white", async () => {
  const measure = measureOf({ config: (await MODELS[0][1]()).model.config }, { kind: "vector", position: null });
  const same = { answers: [{ id: 0, name: "a", numbers: [], probability: null, score: 1, rank: 1 }], vector: null };
  const scene = ablationMap({ layers: 1, heads: 1, untouched: same, effects: [same], off: [], measure });
  expect([cellsOf(scene)[0].strengths[0], scene.brightest]).toEqual([1, "0"]);
  expect(scene.legend.join(" ")).not.toContain("gains");
});
