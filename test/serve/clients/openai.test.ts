import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { loadBertFor } from "../../../src/load/loadBert.ts";
import { floats, ownVectors, serve, TEXTS } from "./service.ts";

const address = await serve("--api-key", "secret", "--max-client-batch-size", "8", "--auto-truncate", "false");
const settings = { baseURL: `${address}/v1`, apiKey: "secret", maxRetries: 0 };
const client = new OpenAI(settings);
const model = "plainbert";
const own = await ownVectors(TEXTS);

describe("embeddings.create", () => {
  test("as base64, which the client asks for unless it is told otherwise, and as numbers", async () => {
    const sent: string[] = [];
    const fetching = new OpenAI({
      ...settings,
      fetch: (url, init) => {
        sent.push(String(init?.body));
        return fetch(url as string, init as RequestInit);
      },
    });
    const coded = await fetching.embeddings.create({ model, input: [...TEXTS] });
    expect(JSON.parse(sent[0]).encoding_format).toBe("base64");
    expect(floats(coded.data.map(({ embedding }) => embedding))).toEqual(own);
    const plain = await client.embeddings.create({ model, input: [...TEXTS], encoding_format: "float" });
    expect(floats(plain.data.map(({ embedding }) => embedding))).toEqual(own);
    expect(plain.data.map(({ index, object }) => [index, object])).toEqual([0, 1, 2].map((i) => [i, "embedding"]));
  });

  test("usage counts tokens, and a text alone is as among others", async () => {
    await using bert = await loadBertFor(undefined, {}, "BertModel", "embeddings");
    const tokens = TEXTS.map((text) => bert.tokenizer.encode(text).length);
    const one = await client.embeddings.create({ model, input: TEXTS[1], user: "someone" });
    expect(one).toMatchObject({ object: "list", model: "plainbert" });
    expect(one.usage).toEqual({ prompt_tokens: tokens[1], total_tokens: tokens[1] });
    expect(floats([one.data[0].embedding])).toEqual([own[1]]);
    const { usage } = await client.embeddings.create({ model, input: [...TEXTS] });
    expect(usage.total_tokens).toBe(tokens[0] + tokens[1] + tokens[2]);

    const ids = TEXTS.map((text) => [...bert.tokenizer.encode(text).inputIds]);
    const ofIds = await client.embeddings.create({ model, input: ids });
    expect(floats(ofIds.data.map(({ embedding }) => embedding))).toEqual(own);
    const ofOne = await client.embeddings.create({ model, input: ids[0] });
    expect(floats([ofOne.data[0].embedding])).toEqual([own[0]]);
  });

  test("dimensions", async () => {
    const { data } = await client.embeddings.create({ model, input: [...TEXTS], dimensions: 16 });
    expect(floats(data.map(({ embedding }) => embedding))).toEqual(await ownVectors(TEXTS, 16));
  });
});

test("models.list", async () => {
  const { data } = await client.models.list();
  expect(data).toMatchObject([{ id: "plainbert", object: "model", owned_by: "plainbert" }]);
});

describe("errors: the class by the status, with the message", () => {
  const create = (input: string | string[], body: object = {}) => client.embeddings.create({ model, input, ...body });
  test.each([
    ["400", OpenAI.BadRequestError, () => create(""), "400 Input validation error: `inputs` cannot be empty"],
    ["401", OpenAI.AuthenticationError, () => client.withOptions({ apiKey: "x" }).models.list(), "401 "],
    ["404", OpenAI.NotFoundError, () => client.moderations.create({ input: "a" }), "404 "],
    ["413", OpenAI.APIError, () => create(Array(9).fill("a")), "413 batch size 9 > maximum allowed batch size 8"],
    ["413", OpenAI.APIError, () => create("door ".repeat(600)), "413 Input validation error: `inputs` must have less"],
    [
      "413",
      OpenAI.APIError,
      () => create("a", { dimensions: 999 }),
      "413 Input validation error: `dimensions` must be",
    ],
    [
      "422",
      OpenAI.UnprocessableEntityError,
      () => create("a", { encoding_format: "hex" }),
      "422 Failed to deserialize",
    ],
  ])("%s", async (status, type, ask, message) => {
    const error = await ask().then(
      () => null,
      (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
    );
    expect(error).toBeInstanceOf(type);
    expect(error?.status).toBe(Number(status));
    expect(error?.message).toContain(message);
  });

  test("429 and 424", async () => {
    const full = new OpenAI({ ...settings, baseURL: `${await serve("--max-concurrent-requests", "1")}/v1` });
    const asked = Array.from({ length: 8 }, () => full.embeddings.create({ model, input: Array(32).fill(TEXTS[1]) }));
    const failed = (await Promise.allSettled(asked)).flatMap((one) => (one.status === "rejected" ? [one.reason] : []));
    expect(failed.length).toBeGreaterThan(0);
    for (const error of failed) expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const reranker = await serve("--model", "test/pipelines/reference/heads/one_label");
    const wrong = new OpenAI({ ...settings, baseURL: `${reranker}/v1` }).embeddings.create({ model, input: "a" });
    await expect(wrong).rejects.toThrow("424 Backend error: Model is not an embedding model");
  });
});
