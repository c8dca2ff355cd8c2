import { beforeAll, describe, expect, test } from "vitest";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { layerTaps, stateTaps } from "../../src/explorer/further/layerTaps.ts";
import { type Residual, residualOf, STREAM_MEASURES, type StreamMeasure } from "../../src/explorer/further/residual.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import { largestDimensions, streamMatrix, streamTap } from "../../src/explorer/scenes/residualStream.ts";
import type { BertOutput, Tensor } from "../../src/index.ts";
import { type Explored, expectTrue, explored, MODELS } from "./models.ts";

/** The residual stream against forward's taps, measured here another way. */
const NEAR = 2 ** -23; // float32 rounds by half of it; the rest is of two sums in float64

const residualIn = (result: ExplorerResult): Residual => result.further?.residual as Residual;
const matrixOf = ({ shapes }: Scene): MatrixShape => shapes.find((shape) => shape.kind === "matrix") as MatrixShape;

/** Rows of a tensor without some columns. */
const rowsOf = ({ data }: Tensor, H: number, without: readonly number[] = []): number[][] =>
  Array.from({ length: data.length / H }, (_, t) =>
    [...data.subarray(t * H, (t + 1) * H)].filter((_, d) => !without.includes(d)),
  );
const length = (row: readonly number[]): number => Math.hypot(...row);
const cosine = (a: readonly number[], b: readonly number[]): number => {
  const [na, nb] = [length(a), length(b)];
  return a.reduce((sum, one, d) => sum + (one / na) * (b[d] / nb), 0);
};
const share = (added: readonly number[], to: readonly number[]): number => 1 / (1 + length(to) / length(added));

describe.each(MODELS)("%s", (_, open) => {
  let model: Explored;
  let result: ExplorerResult;
  let output: BertOutput;
  beforeAll(async () => {
    model = await open();
    result = explored(model, "The door was [MASK], and he looked", {
      ...{ pair: "out of the window.", further: { residual: true } },
    });
    const { tokens } = result;
    const input = [{ inputIds: tokens.map(({ id }) => id), tokenTypeIds: tokens.map(({ segment }) => segment) }];
    output = await model.model.forward(input, { taps: model.model.taps.map(({ name }) => name) });
  });

  const at = (name: string) => output.taps?.get(name) as Tensor;

  /** A measure of each layer and token, from forward's taps. */
  function measured(stream: StreamMeasure, without: readonly number[]): number[][] {
    const { hiddenSize: H } = model.model.config;
    const states = stateTaps(model.model.taps).map((name) => rowsOf(at(name), H, without));
    const layers = layerTaps(model.model.taps);
    const added = (name: string) => rowsOf(at(name), H, without);
    const after = states.slice(1);
    return {
      norm: () => states.map((rows) => rows.map(length)),
      before: () => after.map((rows, n) => rows.map((row, t) => cosine(row, states[n][t]))),
      embedding: () => after.map((rows) => rows.map((row, t) => cosine(row, states[0][t]))),
      attention: () => layers.map(({ attention }, n) => added(attention).map((row, t) => share(row, states[n][t]))),
      feedForward: () =>
        layers.map(({ feedForward, attended }) => {
          const to = added(attended);
          return added(feedForward).map((row, t) => share(row, to[t]));
        }),
    }[stream]();
  }

  test.each(STREAM_MEASURES)("%s: each layer and token once, as measured from forward's taps", (stream) => {
    const residual = residualIn(result);
    for (const without of [false, true]) {
      const left = without ? residual.outliers.map(({ dimension }) => dimension) : [];
      const wanted = measured(stream, left);
      const scene = streamMatrix(result, residual, { stream, without, picked: null }, 1216);
      const { rows, columns, values, strengths, ref } = matrixOf(scene);
      expect([rows, columns]).toEqual([wanted.length, result.tokens.length]);
      const most = Math.max(...values);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const value = values[i * columns + j];
          const scale = stream === "before" || stream === "embedding" ? 1 : Math.abs(wanted[i][j]);
          expect(Math.abs(value - wanted[i][j])).toBeLessThanOrEqual(NEAR * scale);
          expect(ref(i, j)).toEqual({ tap: streamTap(stream, without), at: [i, j] });
          const strength = { norm: value / most, before: (value + 1) / 2, embedding: (value + 1) / 2 }[
            stream as "norm"
          ];
          expect(strengths[i * columns + j]).toBe(Math.fround(strength ?? value));
        }
      }
      expect(scene.legend.join(" ")).toContain(
        residual.outliers.length === 0
          ? "no outliers"
          : without
            ? "left out of every number"
            : "They are counted in every number here.",
      );
    }
  });

  test("the largest dimensions are forward's numbers, and none is larger", () => {
    const residual = residualIn(result);
    const { hiddenSize: H } = model.model.config;
    const T = result.tokens.length;
    for (const token of result.tokens.keys()) {
      const scene = largestDimensions(residual, T, token, false, 1120);
      expectTrue(scene, output);
      const bars = scene.shapes.flatMap((shape) => (shape.kind === "bar" ? [shape] : []));
      for (const [n, tap] of residual.taps.entries()) {
        const own = bars.filter(({ ref }) => ref.tap === tap);
        const sorted = [...at(tap).data.subarray(token * H, (token + 1) * H)].sort((a, b) => Math.abs(b) - Math.abs(a));
        expect(own.map(({ value }) => Math.abs(value))).toEqual(sorted.slice(0, own.length).map(Math.abs));
        expect(own.length).toBe(Math.min(8, H));
        expect(n).toBeLessThan(residual.taps.length);
      }
      const [longest, most] = [
        Math.max(...bars.map(({ width }) => width)),
        Math.max(...bars.map(({ value }) => Math.abs(value))),
      ];
      for (const { width, value } of bars) expect(width).toBeCloseTo((longest * Math.abs(value)) / most, 9);
    }
  });
});

describe("a planted outlier", () => {
  const [T, H] = [4, 60];
  /** Numbers around 1, and in one dimension of the later states a large one. */
  const state = (n: number) =>
    Float32Array.from({ length: T * H }, (_, i) => (n > 0 && i % H === 17 ? -400 : (((i * 7919) % 13) + 7) / 13));
  const states = [0, 1, 2].map(state);
  const rest = { attention: states.slice(1), attended: states.slice(1), feedForward: states.slice(1) };
  const residual = residualOf(["e", "a", "b"], { states, ...rest }, T, H);

  test("is named where it is, and nothing else", () => {
    expect(residual.outliers).toEqual([{ dimension: 17, at: [1, 2] }]);
    const scene = streamMatrix({ tokens: new Array(T).fill({ piece: "a", isSpecial: false }) }, residual, {
      stream: "norm",
      without: false,
      picked: null,
    });
    expect(scene.legend.join(" ")).toContain("17 (layer 1, layer 2)");
  });

  test("is left out of every number where that is asked for", () => {
    const kept = (row: Float32Array) => [...row].filter((_, d) => d !== 17);
    const first = kept(states[1].subarray(0, H));
    expect(residual.without.norm[T]).toBeCloseTo(length(first), 5);
    expect(residual.whole.norm[T]).toBeGreaterThan(40);
    expect(residual.without.embedding[0]).toBeCloseTo(cosine(first, kept(states[0].subarray(0, H))), 6);
    expect(residual.whole.embedding[0]).toBeLessThan(0);
    const dimensions = (without: boolean) =>
      largestDimensions(residual, T, 0, without).shapes.flatMap((shape) =>
        shape.kind === "bar" && shape.ref.tap === "a" ? [shape.ref.at[1]] : [],
      );
    expect(dimensions(false)[0]).toBe(17);
    expect(dimensions(true)).not.toContain(17);
  });
});
