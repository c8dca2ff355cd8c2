import { describe, expect, test } from "vitest";
import { computeCompared } from "../../src/explorer/comparedResult.ts";
import type { ComparedResult, ExplorerRequest, ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import {
  answersBeside,
  DIFFERENCE_TAP,
  DIVERGENCE_TAP,
  differenceMatrix,
  differingHeads,
  differingPicture,
  headsBeside,
} from "../../src/explorer/scenes/sideBySide.ts";
import type { BertOutput } from "../../src/index.ts";
import { type Explored, expectTrue, forwardOf, MODELS, small, stateOf, tiny } from "./models.ts";

/** The pictures of two texts side by side: each number is forward's of its side, or the difference of two. */
const A = "She opened the [MASK] and looked out.";
const B = "He opened the [MASK] and quickly looked out.";

function both(one: Explored, other: Explored = one): { result: ExplorerResult; compared: ComparedResult } {
  const request: ExplorerRequest = { text: A, pair: "", masks: [], top: 8, compare: { text: B, pair: "", masks: [] } };
  const [own, beside] = [one, other].map(({ model, tokenizer }) => ({ bert: model, tokenizer }));
  const result = computeCompared(own, beside, request);
  return { result, compared: result.compared as ComparedResult };
}

const matrixOf = ({ shapes }: Scene): MatrixShape => shapes.find(({ kind }) => kind === "matrix") as MatrixShape;
const textsOf = ({ shapes }: Scene): string[] => shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));

/** Whether a number is that of an output, at the last three indices of a tensor [1, A, T, T]. */
const numberIn = (output: BertOutput, layer: number, at: readonly number[]): number => {
  const { data, shape } = [...(output.taps?.values() ?? [])][layer];
  return data[(at[0] * shape[2] + at[1]) * shape[3] + at[2]];
};

describe.each(MODELS)("%s", (_, open) => {
  test.each([328, 400])(
    "one head of both, %d pixels wide: forward's numbers, in cells of one size on one scale",
    async (width) => {
      const model = await open();
      const { result, compared } = both(model);
      const outputs = [await forwardOf(model, result), await forwardOf(model, compared.result)];
      for (const scale of ["linear", "root", "row"] as const) {
        const scenes = headsBeside(result, compared.result, stateOf({ layer: 1, head: 1, scale }), width);
        for (const [n, scene] of scenes.entries()) {
          const T = [result, compared.result][n].tokens.length;
          expect(new Set(expectTrue(scene, outputs[n])).size).toBe(T * T);
        }
        expect(matrixOf(scenes[0]).cell).toBe(matrixOf(scenes[1]).cell);
        expect(scenes[0].brightest).toBe(scenes[1].brightest);
        expect(scenes.map(({ title }) => title)).toEqual(["Above: layer 2, head 2", "Other: layer 2, head 2"]);
      }
    },
  );

  test("the difference is that of the two numbers, over the tokens that both have", async () => {
    const model = await open();
    const { result, compared } = both(model);
    const [here, there] = [await forwardOf(model, result), await forwardOf(model, compared.result)];
    const scene = differenceMatrix(result, compared, stateOf({ layer: 1, head: 1 }), 400);
    const { values, strengths, rows, columns, ref } = matrixOf(scene);
    const most = Math.max(...values.map(Math.abs));
    const found = compared.there.filter((u) => u !== null).length;
    expect([rows, columns]).toEqual([found, found]);
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const { tap, at } = ref(i, j);
        expect(tap).toBe(DIFFERENCE_TAP);
        const [layer, head, t, s] = at;
        const [u, v] = [compared.there[t], compared.there[s]] as [number, number];
        const want = numberIn(here, layer, [head, t, s]) - numberIn(there, layer, [head, u, v]);
        expect(values[i * columns + j]).toBe(Math.fround(want));
        expect(strengths[i * columns + j]).toBeCloseTo((want / most + 1) / 2, 6);
      }
    expect(scene.brightest).toBe(String(Number(most.toPrecision(3))));
  });

  test("the heads that differ most stand first, with bars by the legend", async () => {
    const model = await open();
    const { result, compared } = both(model);
    const order = differingHeads(compared, result.heads);
    expect(order.length).toBe(result.attentions.length * result.heads);
    const scene = differingPicture(order, 400);
    const bars = scene.shapes.flatMap((shape) => (shape.kind === "bar" ? [shape] : []));
    const sorted = [...(compared.divergences ?? [])].sort((a, b) => b - a);
    expect(bars.map(({ value }) => value)).toEqual(sorted.slice(0, bars.length));
    for (const { ref, value, width } of bars) {
      expect(ref.tap).toBe(DIVERGENCE_TAP);
      expect(compared.divergences?.[ref.at[0] * result.heads + ref.at[1]]).toBe(value);
      expect(width).toBeCloseTo((400 * value) / sorted[0], 8);
    }
  });
});

describe("the answers of both", async () => {
  const model = await small();
  const { result, compared } = both(model);

  test("have bars of both probabilities, and the difference in points", () => {
    const scene = answersBeside(result, compared, compared.gaps[0], 520);
    const { answers } = compared.gaps[0];
    const bars = scene.shapes.flatMap((shape) => (shape.kind === "bar" ? [shape] : []));
    expect(bars.map(({ width }) => width)).toEqual(answers.map(({ here }) => 520 * here.probability));
    const below = scene.shapes.flatMap((shape) =>
      shape.kind === "rule" && shape.tone === "quiet" ? [shape.width] : [],
    );
    expect(below).toEqual(answers.map(({ there }) => 520 * (there?.probability ?? 0)));
    for (const { here, there } of answers) {
      const points = 100 * (here.probability - (there?.probability ?? 0));
      expect(textsOf(scene)).toContain(`${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(2)}`);
      expect(textsOf(scene)).toContain(here.piece);
    }
    expect(scene.title).toBe("What fits at position 4");
    expect(scene.legend.join(" ")).toContain(`differ by ${compared.gaps[0].divergence?.toFixed(4)} bits`);
  });

  test("of a model of another vocabulary have – for what it does not have", async () => {
    const other = both(model, await tiny());
    const [gap] = other.compared.gaps;
    const scene = answersBeside(other.result, other.compared, gap, 520);
    const missing = gap.answers.filter(({ there }) => there === null).length;
    expect(missing).toBeGreaterThan(0);
    expect(textsOf(scene).filter((words) => words === "–").length).toBe(2 * missing);
    expect(scene.legend.join(" ")).toContain("The vocabularies differ");
    expect(differingHeads(other.compared, other.result.heads)).toEqual([]);
    const [, beside] = headsBeside(other.result, other.compared.result, stateOf({ layer: 3, head: 3 }), 400);
    expect(beside.title).toBe("Other: layer 2, head 3"); // its last ones
  });
});
