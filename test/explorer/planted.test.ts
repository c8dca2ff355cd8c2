import { beforeAll, describe, expect, test } from "vitest";
import type { WeightSource } from "../../src/checkpoint/weightSource.ts";
import type { ExplorerResult } from "../../src/explorer/explorerResult.ts";
import type { MatrixShape, Scene } from "../../src/explorer/scene.ts";
import { headLines, headMatrix } from "../../src/explorer/scenes/head.ts";
import { mapPlaces, modelMap } from "../../src/explorer/scenes/modelMap.ts";
import { parseConfig } from "../../src/index.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import { initialWeights } from "../../src/training/initialWeights.ts";
import { explored, stateOf, tokenizerOf } from "./models.ts";

/** Layers, heads, tokens; no two alike, so that none can stand for another. */
const [L, A, T, D] = [3, 4, 13, 16];
const H = A * D;

/** The key that a head attends to, whatever the query is. */
const plantedKey = (layer: number, head: number): number => (layer * A + head) % T;

/**
 * A model in which every head (l, h) looks at token (l·A + h) mod T: token t's embedding is the unit vector e_t, which
 * no layer changes; a head's keys are the first D numbers of it, and its queries, all alike, the unit vector of the key
 * that it looks at.
 */
async function planted(): Promise<BertModel> {
  const config = parseConfig(
    JSON.stringify({
      ...{ architectures: ["BertForMaskedLM"], model_type: "bert", vocab_size: 211, hidden_size: H },
      ...{ num_hidden_layers: L, num_attention_heads: A, intermediate_size: 8, max_position_embeddings: T },
    }),
  );
  const initial = initialWeights(config, 1);
  const weights: WeightSource = {
    tensors: initial.tensors,
    async readInto(name, target) {
      await initial.readInto(name, target);
      if (!/LayerNorm/.test(name)) target.fill(0);
      if (name.endsWith("position_embeddings.weight")) for (let t = 0; t < T; t++) target[t * H + t] = 1;
      if (name.endsWith("self.key.weight")) for (let row = 0; row < H; row++) target[row * H + (row % D)] = 1; // [H, H], a head's D rows together
      if (name.endsWith("self.query.bias")) {
        const layer = Number(/layer\.(\d+)\./.exec(name)?.[1]);
        for (let head = 0; head < A; head++) target[head * D + plantedKey(layer, head)] = 10;
      }
    },
  };
  return BertModel.load(weights, config, plain);
}

/** What is wrong with a map of such a model: layers and heads whose bright column is not where it was planted. */
function misplaced(scene: Scene, result: ExplorerResult): string[] {
  const [first] = matricesOf(scene);
  const { at } = mapPlaces(result, first.cell * first.columns);
  const found = [];
  for (let layer = 0; layer < L; layer++) {
    for (let head = 0; head < A; head++) {
      const [x, y] = at(layer, head);
      const map = matricesOf(scene).find((shape) => shape.x === x && shape.y === y);
      if (!map || brightColumn(map) !== plantedKey(layer, head)) found.push(`layer ${layer}, head ${head}`);
    }
  }
  return found;
}

const matricesOf = ({ shapes }: Scene): MatrixShape[] => shapes.filter((shape) => shape.kind === "matrix");

/** The one column whose cells are all bright, while all others are dark; −1 where there is no such. */
function brightColumn({ rows, columns, values }: MatrixShape): number {
  const isBright = (j: number) => Array.from({ length: rows }, (_, i) => values[i * columns + j]).every((p) => p > 0.9);
  const isDark = (j: number) => Array.from({ length: rows }, (_, i) => values[i * columns + j]).every((p) => p < 0.1);
  const [bright, ...more] = Array.from({ length: columns }, (_, j) => j).filter(isBright);
  const dark = Array.from({ length: columns }, (_, j) => j).filter(isDark);
  return more.length === 0 && bright !== undefined && dark.length === columns - 1 ? bright : -1;
}

/** A scene whose matrices have queries and keys in each other's place. */
function transposed({ shapes, ...rest }: Scene): Scene {
  return {
    ...rest,
    shapes: shapes.map((shape) => {
      if (shape.kind !== "matrix") return shape;
      const { rows, columns, values } = shape;
      return { ...shape, values: values.map((_, n) => values[(n % columns) * rows + Math.floor(n / columns)]) };
    }),
  };
}

describe("a model whose every head looks at a token of its own", () => {
  let result: ExplorerResult;
  beforeAll(async () => {
    const model = await planted();
    result = explored({ model, tokenizer: tokenizerOf(model) }, "the door of the room was the ship and he it a");
    expect(result.tokens.length).toBe(T);
  });

  test("each map has its bright column there", () => {
    expect(misplaced(modelMap(result, 72), result)).toEqual([]);
  });

  test("a transposed scene does not pass", () => {
    expect(misplaced(transposed(modelMap(result, 72)), result).length).toBe(L * A);
  });

  test.each([
    ["layers", ({ attentions, ...rest }: ExplorerResult) => ({ ...rest, attentions: attentions.toReversed() }), 2 * A],
    ["heads", reversedHeads, L * A],
  ])("one with its %s in another order does not", (_, reorder, wrong) => {
    expect(misplaced(modelMap(reorder(result), 72), result).length).toBe(wrong);
  });

  test("so do the matrix and the lines of each head", () => {
    for (let layer = 0; layer < L; layer++) {
      for (let head = 0; head < A; head++) {
        const key = plantedKey(layer, head);
        const [matrix] = matricesOf(headMatrix(result, stateOf({ layer, head })));
        expect(brightColumn(matrix)).toBe(key);
        const scene = headLines(result, stateOf({ layer, head }));
        const bright = scene.shapes.flatMap((shape) => (shape.kind === "line" && shape.value > 0.9 ? [shape] : []));
        expect(bright.length).toBe(T);
        expect(new Set(bright.map(({ to }) => to[1])).size).toBe(1);
        expect(bright[key].from[1]).toBe(bright[key].to[1]); // its own line is level
        expect(new Set(bright.map(({ from }) => from[1])).size).toBe(T);
      }
    }
  });
});

function reversedHeads({ attentions, ...rest }: ExplorerResult): ExplorerResult {
  const size = T * T;
  const reversed = (layer: Float32Array) =>
    layer.map((_, n) => layer[(A - 1 - Math.floor(n / size)) * size + (n % size)]);
  return { ...rest, attentions: attentions.map(reversed) };
}
