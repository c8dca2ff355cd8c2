import { describe, expect, test } from "vitest";
import { head } from "../cli/run.ts";
import { post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { floats, load, TEXTS } from "./support.ts";

const mlm = await load(head("mlm"));
const handler = createRequestHandler(mlm, { modelId: "tiny" });

describe("/v1/embeddings", () => {
  test("the same vectors as numbers and as base64, and how many tokens they took", async () => {
    const { body: want } = await post(handler, "/embed", { inputs: TEXTS });
    const request = { input: TEXTS, model: "tiny", user: "me" };
    const { body } = await post(handler, "/v1/embeddings", request);
    const tokens = mlm.tokenizer.encodeBatch(TEXTS).reduce((sum, { length }) => sum + length, 0);
    expect(body).toMatchObject({
      object: "list",
      model: "tiny",
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    });
    expect(body.data).toEqual(
      want.map((embedding: number[], index: number) => ({ object: "embedding", embedding, index })),
    );
    const coded = await post(handler, "/v1/embeddings", { ...request, encoding_format: "base64", dimensions: 8 });
    const { body: eight } = await post(handler, "/embed", { inputs: TEXTS, dimensions: 8 });
    const decoded = coded.body.data.map(({ embedding }: { embedding: string }) => {
      const bytes = Buffer.from(embedding, "base64");
      return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
    });
    expect(decoded).toEqual(floats(eight));
  });

  test("a text, ids, lists of ids; the name that is served", async () => {
    const ids = mlm.tokenizer.encode(TEXTS[0]).inputIds;
    const named = createRequestHandler(mlm, { modelId: "tiny", servedModelName: "text-embedding-3-small" });
    const { body } = await post(named, "/v1/embeddings", { input: TEXTS[0] });
    expect(body.model).toBe("text-embedding-3-small");
    for (const input of [ids, [ids], [TEXTS[0]]])
      expect((await post(named, "/v1/embeddings", { input })).body).toEqual(body);
  });

  test("errors in OpenAI's form", async () => {
    const empty = await post(handler, "/v1/embeddings", { input: [] }, { wrong: true }); // it may be either list
    const message = "`inputs` cannot be empty";
    expect(empty).toMatchObject({ status: 400, body: { message, code: 400, type: "Empty" } });
    const wrong = await post(handler, "/v1/embeddings", { input: "a", encoding_format: "hex" }, { wrong: true });
    expect(wrong).toMatchObject({ status: 422, body: { code: 422 } });
  });
});
