import { describe, expect, test } from "vitest";
import { addAndNorm } from "../../src/layers/addAndNorm.ts";
import { embeddings } from "../../src/layers/embeddings.ts";
import { feedForward } from "../../src/layers/feedForward.ts";
import { linear } from "../../src/layers/linear.ts";
import type { LayerPass } from "../../src/layers/pass.ts";
import { pooler } from "../../src/layers/pooler.ts";
import { selfAttention } from "../../src/layers/selfAttention.ts";
import { plain } from "../../src/tensor/kernels/index.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { numbers } from "../tensor/kernels/cases.ts";

/** Layers against the paper's equations, written with arrays of arrays and float64. The whole model's tests compare with PyTorch. */
type Rows = number[][];

/** A pass that is only asked. */
const pass = (changes: Partial<LayerPass> = {}): LayerPass => ({
  k: plain,
  config: { numAttentionHeads: 2, hiddenAct: "gelu", layerNormEps: 1e-12, poolerAct: "tanh" },
  offsets: Int32Array.of(0),
  read: null,
  tap: null,
  headMask: null,
  training: null,
  ...changes,
});
const acting = (hiddenAct: "relu" | "silu") => pass({ config: { ...pass().config, hiddenAct } });

let seed = 0;
function tensor(...shape: number[]): Tensor {
  seed++;
  return {
    data: numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
  };
}
const linearParams = (O: number, I: number) => ({ weight: tensor(O, I), bias: tensor(O) });
const normParams = (H: number) => ({ weight: tensor(H), bias: tensor(H) });

function rowsOf({ data, shape: [R, N] }: Tensor): Rows {
  return Array.from({ length: R }, (_, r) => Array.from(data.subarray(r * N, (r + 1) * N)));
}
const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const affine = (x: Rows, p: { weight: Tensor; bias: Tensor }): Rows =>
  x.map((row) => rowsOf(p.weight).map((w, o) => dot(row, w) + p.bias.data[o]));
const normalize = (x: Rows, p: { weight: Tensor; bias: Tensor }): Rows =>
  x.map((row) => {
    const mean = row.reduce((a, b) => a + b) / row.length;
    const deviation = Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length);
    return row.map((v, h) => ((v - mean) / deviation) * p.weight.data[h] + p.bias.data[h]);
  });

/** Each step rounds to float32 once; measured worst, with numbers below 4: 7.174e-8. */
function expectRows(got: Tensor, want: Rows): void {
  expect(got.shape).toEqual([want.length, want[0].length]);
  want.flat().forEach((value, i) => {
    expect(Math.abs(got.data[i] - value), `[${i}]: ${got.data[i]}, want ${value}`).toBeLessThanOrEqual(7.2e-8);
  });
}

test("linear: y = x Wᵀ + b", () => {
  const p = linearParams(3, 5);
  const x = tensor(4, 5);
  expectRows(linear(plain, p, x), affine(rowsOf(x), p));
});

test("linear refuses an x of another size, in words", () => {
  expect(() => linear(plain, linearParams(3, 5), tensor(4, 6))).toThrow(
    expect.objectContaining({ code: "ERR_SHAPE", message: "linear: x must be [R,I] = [4,5], got [4,6]" }),
  );
  const short = { data: new Float32Array(3), shape: [4, 5] };
  expect(() => linear(plain, linearParams(3, 5), short)).toThrow(
    "linear: x must be [R,I] = [4,5], got [4,5] with 3 numbers",
  );
});

test("addAndNorm: LayerNorm(x + sublayer)", () => {
  const p = normParams(6);
  const [sublayer, x] = [tensor(3, 6), tensor(3, 6)];
  const before = x.data.slice();
  const sum = rowsOf(x).map((row, r) => row.map((v, h) => v + sublayer.data[r * 6 + h]));
  expectRows(addAndNorm(pass(), p, sublayer, x, "output"), normalize(sum, p));
  expect(x.data, "x is needed again by the caller").toEqual(before);
  expect(() => addAndNorm(pass(), p, sublayer, tensor(2, 6), "output")).toThrow(
    "addAndNorm: x must be [R,H] = [3,6], got [2,6]",
  );
});

test("embeddings: word + type + position, normalised; the tables stay as they are", () => {
  const p = {
    word_embeddings: { weight: tensor(7, 4) },
    position_embeddings: { weight: tensor(5, 4) },
    token_type_embeddings: { weight: tensor(2, 4) },
    LayerNorm: normParams(4),
  };
  const batch = {
    inputIds: Int32Array.of(6, 0, 6),
    tokenTypeIds: Int32Array.of(0, 1, 1),
    positionIds: Int32Array.of(0, 1, 4),
    offsets: Int32Array.of(0, 2, 3),
  };
  const words = p.word_embeddings.weight.data.slice();
  const sum = Array.from(batch.inputIds, (id, r) =>
    [0, 1, 2, 3].map(
      (h) =>
        p.word_embeddings.weight.data[id * 4 + h] +
        p.token_type_embeddings.weight.data[batch.tokenTypeIds[r] * 4 + h] +
        p.position_embeddings.weight.data[batch.positionIds[r] * 4 + h],
    ),
  );
  expectRows(embeddings(pass(), p, batch), normalize(sum, p.LayerNorm));
  expect(p.word_embeddings.weight.data).toEqual(words);
});

describe("selfAttention", () => {
  const [H, D] = [6, 3];
  const p = { query: linearParams(H, H), key: linearParams(H, H), value: linearParams(H, H) };
  const x = tensor(5, H);
  const offsets = Int32Array.of(0, 3, 5);

  function attention(headMask: number[]): Rows {
    const [q, k, v] = [p.query, p.key, p.value].map((params) => affine(rowsOf(x), params));
    const sequenceOf = (row: number) => (row < 3 ? [0, 1, 2] : [3, 4]);
    return q.map((query, row) =>
      Array.from({ length: H }, (_, h) => {
        const a = Math.floor(h / D);
        const head = (r: number[]) => r.slice(a * D, (a + 1) * D);
        const weights = sequenceOf(row).map((t) => Math.exp(dot(head(query), head(k[t])) / Math.sqrt(D)));
        const total = weights.reduce((s, w) => s + w);
        return sequenceOf(row).reduce((sum, t, i) => sum + (weights[i] / total) * v[t][h], 0) * headMask[a];
      }),
    );
  }

  test("head_a = softmax(Q_a K_aᵀ / √D) V_a, within each sequence", () => {
    expectRows(selfAttention(pass({ offsets }), p, x, x), attention([1, 1]));
  });

  test("each head times its mask", () => {
    expectRows(selfAttention(pass({ offsets, headMask: [0, -0.5] }), p, x, x), attention([0, -0.5]));
  });
});

test("feedForward: act(x W₁ᵀ + b₁) W₂ᵀ + b₂", () => {
  const p = { intermediate: { dense: linearParams(7, 4) }, output: { dense: linearParams(4, 7) } };
  const x = tensor(3, 4);
  const hidden = affine(rowsOf(x), p.intermediate.dense);
  const relu = hidden.map((row) => row.map((v) => Math.max(v, 0)));
  const silu = hidden.map((row) => row.map((v) => v / (1 + Math.exp(-v))));
  expectRows(feedForward(acting("relu"), p, x), affine(relu, p.output.dense));
  expectRows(feedForward(acting("silu"), p, x), affine(silu, p.output.dense));
});

test("pooler: tanh of a linear map of each sequence's first token", () => {
  const p = { dense: linearParams(4, 4) };
  const x = tensor(5, 4);
  const first = [0, 2].map((r) => rowsOf(x)[r]);
  const want = affine(first, p.dense).map((row) => row.map(Math.tanh));
  expectRows(pooler(pass({ offsets: Int32Array.of(0, 2, 5) }), p, x), want);
});
