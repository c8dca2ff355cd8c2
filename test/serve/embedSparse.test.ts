import { describe, expect, test } from "vitest";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { get, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { load, TEXTS } from "./support.ts";

const mlm = await load(head("mlm"));
const handler = createRequestHandler(mlm);

describe("/embed_sparse", () => {
  test("log(1 + max(0, x)) of the largest logit of each token of the vocabulary, where it is not 0", async () => {
    const sparse = createRequestHandler(mlm, { pooling: "splade" });
    const { body } = await post(sparse, "/embed_sparse", { inputs: TEXTS });
    expect(body.length).toBe(3);
    for (const [i, text] of TEXTS.entries()) {
      const { data, shape } = mlm.forwardSync([mlm.tokenizer.encode(text)]).logits!;
      const V = shape[2];
      const weights = Array.from({ length: V }, (_, v) =>
        Math.max(...Array.from({ length: shape[1] }, (_, t) => Math.log1p(Math.max(0, data[t * V + v])))),
      );
      const indices = weights.flatMap((weight, v) => (weight > 0 ? [v] : []));
      expect(body[i].map(({ index }: { index: number }) => index)).toEqual(indices);
      expect(indices.length).toBeGreaterThan(0);
      expect(indices.length).toBeLessThan(V);
      for (const { index, value } of body[i]) expect(Math.abs(value - weights[index])).toBeLessThan(1e-6);
    }
    expect(await (await get(sparse, "/info")).json()).toMatchObject({
      model_type: { embedding: { pooling: "splade" } },
    });
    for (const [path, request] of [["/embed", { inputs: "a" }], ["/v1/embeddings", { input: "a" }]] as const) // biome-ignore format: one line
      expect((await post(sparse, path, request)).status).toBe(424);
  });

  test("of a BertForPreTraining too, whose masked-language-model logits have another name", async () => {
    const bert = await load(WEIGHTS);
    const sparse = createRequestHandler(bert, { pooling: "splade" });
    const { status, body } = await post(sparse, "/embed_sparse", { inputs: TEXTS[0] });
    expect(status).toBe(200);
    const { data, shape } = bert.forwardSync([bert.tokenizer.encode(TEXTS[0])]).predictionLogits!;
    const V = shape[2];
    const most = Array.from({ length: V }, (_, v) =>
      Math.max(...Array.from({ length: shape[1] }, (_, t) => data[t * V + v])),
    );
    const indices = most.flatMap((x, v) => (x > 0 ? [v] : []));
    expect(body[0].map(({ index }: { index: number }) => index)).toEqual(indices);
    for (const { index, value } of body[0]) expect(Math.abs(value - Math.log1p(most[index]))).toBeLessThan(1e-6);
  });

  test("needs --pooling splade, and a head for it", async () => {
    const { status, body } = await post(handler, "/embed_sparse", { inputs: "a" });
    expect([status, body.error]).toEqual([424, "Backend error: Model is not an embedding model with SPLADE pooling"]);
    const nli = await load(head("nli"));
    const expected = 'pooling must be left out for a model without a masked-language-model head, got "splade"';
    expect(() => createRequestHandler(nli, { pooling: "splade" })).toThrow(expected);
    expect(() => createRequestHandler(mlm, { pooling: "mean" as never })).toThrow(
      'pooling must be "splade" or left out',
    );
  });
});
