import { beforeAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { layerTaps } from "../../src/explorer/further/layerTaps.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import { headLines, headMatrix } from "../../src/explorer/scenes/head.ts";
import { modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { SCALES } from "../../src/explorer/state.ts";
import { TIMES_NORM, weighted } from "../../src/explorer/weighted.ts";
import type { BertOutput, Tensor } from "../../src/index.ts";
import { type Explored, expectTrue, explored, MODELS, numberAt, stateOf } from "./models.ts";

/** Weight times norm (Kobayashi et al. 2020), against vectors that are made here from forward's values. */
const matricesOf = ({ shapes }: Scene): MatrixShape[] => shapes.filter((shape) => shape.kind === "matrix");

describe.each(MODELS)("%s", (_, open) => {
  let model: Explored;
  let result: ExplorerResult;
  let drawn: ExplorerResult;
  /** f_a(x_j) of each layer, [A][T][H]. */
  let vectors: number[][][][];
  let seen: ReadonlyMap<string, Tensor>;
  /** The norms under the names that scenes have for them, as float32 numbers of what is computed here. */
  let truth: BertOutput;

  beforeAll(async () => {
    model = await open();
    const { hiddenSize: H, numAttentionHeads: A } = model.model.config;
    result = explored(model, "The door was [MASK]", { pair: "out of it.", further: { norms: true } });
    drawn = weighted(result);
    const { tokens } = result;
    const T = tokens.length;
    const input = [{ inputIds: tokens.map(({ id }) => id), tokenTypeIds: tokens.map(({ segment }) => segment) }];
    seen = (await model.model.forward(input, { taps: model.model.taps.map(({ name }) => name) })).taps as ReadonlyMap<
      string,
      Tensor
    >;
    const D = H / A;
    vectors = layerTaps(model.model.taps).map(({ value, attention }) => {
      const W = model.model.parameters.get(`${attention}.weight`) as Tensor;
      const V = seen.get(value) as Tensor;
      return Array.from({ length: A }, (_, a) =>
        Array.from({ length: T }, (_, j) =>
          Array.from({ length: H }, (_, o) => {
            let sum = 0;
            for (let d = D - 1; d >= 0; d--) sum += V.data[j * H + a * D + d] * W.data[o * H + a * D + d];
            return sum;
          }),
        ),
      );
    });
    truth = {
      taps: new Map(drawn.taps.map((tap, n) => [tap, { shape: [A, T, T], data: drawn.attentions[n] }])),
    } as unknown as BertOutput;
  });

  test("what the heads take from all tokens adds up to what attention adds to the stream", () => {
    const { hiddenSize: H, numAttentionHeads: A } = model.model.config;
    const T = result.tokens.length;
    for (const [layer, { attention }] of layerTaps(model.model.taps).entries()) {
      const bias = (model.model.parameters.get(`${attention}.bias`) as Tensor).data;
      const wanted = (seen.get(attention) as Tensor).data;
      for (let i = 0; i < T; i++) {
        for (let o = 0; o < H; o++) {
          let sum = bias[o];
          for (let a = 0; a < A; a++)
            for (let j = 0; j < T; j++) sum += result.attentions[layer][(a * T + i) * T + j] * vectors[layer][a][j][o];
          expect(Math.abs(sum - wanted[i * H + o])).toBeLessThanOrEqual(2e-5);
        }
      }
    }
  });

  test("each number is α times the length of what the head takes", () => {
    const T = result.tokens.length;
    for (const [layer, data] of drawn.attentions.entries()) {
      expect(drawn.taps[layer]).toBe(result.taps[layer] + TIMES_NORM);
      for (const [n, product] of data.entries()) {
        const [a, j] = [Math.floor(n / (T * T)), n % T];
        const wanted = result.attentions[layer][n] * Math.hypot(...vectors[layer][a][j]);
        expect(Math.abs(product - wanted)).toBeLessThanOrEqual(2 ** -22 * wanted);
      }
    }
    expect(drawn.largest).toBe(Math.max(...drawn.attentions.flatMap((data) => [...data])));
  });

  test.each(SCALES)("map, matrix and lines show them all, as the legend says, %s", (scale) => {
    const T = result.tokens.length;
    const full = drawn.largest as number;
    const map = modelMap(drawn, 72, [], scale);
    expect(new Set(expectTrue(map, truth)).size).toBe(drawn.attentions.length * drawn.heads * T * T);
    const matrix = headMatrix(drawn, stateOf({ layer: 1, head: 1, scale }));
    expect(new Set(expectTrue(matrix, truth)).size).toBe(T * T);
    for (const { rows, columns, strengths, ref } of [...matricesOf(map), ...matricesOf(matrix)]) {
      for (let i = 0; i < rows; i++) {
        const row = Array.from({ length: columns }, (_, j) => numberAt(truth, ref(i, j)));
        for (const [j, p] of row.entries()) {
          const wanted = { linear: p / full, root: Math.sqrt(p / full), row: p / Math.max(...row) }[scale];
          expect(strengths[i * columns + j]).toBe(Math.fround(wanted));
        }
      }
    }
    for (const { brightest, legend } of [map, matrix]) {
      expect(brightest).toBe(scale === "row" ? "the row's largest" : String(Number(full.toPrecision(3))));
      expect(legend.join(" ")).toContain("‖α f(x)‖");
      expect(legend.join(" ")).not.toContain("adds up to 1");
    }
    const lines = headLines(drawn, stateOf({ layer: 1, head: 1, scale }));
    expectTrue(lines, truth);
    for (const shape of lines.shapes) {
      if (shape.kind !== "line") continue;
      const [, i] = shape.ref.at;
      const row = result.tokens.map((_, j) => numberAt(truth, { tap: shape.ref.tap, at: [1, i, j] }));
      const wanted = {
        linear: shape.value / full,
        root: Math.sqrt(shape.value / full),
        row: shape.value / Math.max(...row),
      };
      expect(shape.opacity).toBeCloseTo(wanted[scale], 12);
    }
    expect(lines.legend.join(" ")).toMatch(/Every line is drawn|% of what they add up to/);
    const said = lines.legend.find((sentence) => sentence.startsWith("A line is"));
    expect(said).toMatch(/\bnumber\b/); // a norm is no probability
    expect(said).not.toContain("probability");
  });
});

test("without norms the result stays as it is", async () => {
  const result = explored(await MODELS[0][1](), "the door");
  expect(weighted(result)).toBe(result);
});
