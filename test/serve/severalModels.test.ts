import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { type Bert, loadBert, pipeline } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { expectValid, get } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** The folder of the small embedding model, which says how it makes vectors. */
const EMBEDDINGS = fileURLToPath(new URL("../../weights/embeddings", import.meta.url));

/** One service for several models. */
const load = (name: string) => loadBert(head(name), { backend: "plain" });
const models = {
  rank: await load("one_label"),
  tiny: await load("mlm"),
  'the "other"': await load("nli"),
  entities: await load("ner"),
};
const second = await load("qa");
afterAll(() => Promise.all([...Object.values(models), second].map((bert) => bert.dispose())));
const handler = createRequestHandler(models, { maxConcurrentRequests: 9 });

async function ask(to: RequestHandler, path: string, body: object) {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const response = await to(new Request(`http://localhost${path}`, init));
  return { status: response.status, body: await response.json() };
}

describe("which model answers", () => {
  const [A, B] = ["The door was open.", "He read a letter."];
  /** A request, and the model that is to answer it. */
  const asked: readonly (readonly [path: string, body: object, name: keyof typeof models])[] = [
    ["/embed", { inputs: A }, "tiny"],
    ["/embed_all", { inputs: A }, "tiny"],
    ["/similarity", { inputs: { source_sentence: A, sentences: [B] } }, "tiny"],
    ["/v1/embeddings", { input: A }, "tiny"],
    ["/embeddings", { input: A, model: null }, "tiny"],
    ["/fill-mask", { inputs: "The [MASK] was open." }, "tiny"],
    ["/rerank", { query: A, texts: [A, B] }, "rank"],
    ["/v1/rerank", { query: A, documents: [A, B] }, "rank"],
    ["/predict", { inputs: A }, "rank"],
    ["/predict", { inputs: A, model: 'the "other"' }, 'the "other"'],
    ["/token-classification", { inputs: A }, "entities"],
    ["/embed", { inputs: A, model: "entities" }, "entities"],
    ["/v1/embeddings", { input: A, model: "entities" }, "entities"],
    ["/tokenize", { inputs: A }, "rank"],
  ];

  test.each(asked)("%s %j: %s", async (path, body, name) => {
    const alone = createRequestHandler(models[name], { servedModelName: name });
    const want = await ask(alone, path, body);
    expect(want.status).toBe(200);
    expect(await ask(handler, path, body)).toEqual(want);
  });

  test("a model that was made for vectors goes before others that have some", async () => {
    await using made = await loadBert(EMBEDDINGS, { backend: "plain" });
    const own = createRequestHandler({ ...models, made, second });
    const alone = createRequestHandler(made, { servedModelName: "made" });
    for (const [path, body] of asked.slice(0, 5))
      expect(await ask(own, path, body)).toEqual(await ask(alone, path, body));
    expect((await ask(own, "/fill-mask", { inputs: "The [MASK] was open." })).status).toBe(200);
    const embed = await ask(own, "/embed", { inputs: A, model: "tiny" });
    expect(embed).toEqual(await ask(handler, "/embed", { inputs: A }));
  });

  test("a model that is named is not replaced by another", async () => {
    expect((await ask(handler, "/rerank", { query: A, texts: [A], model: "tiny" })).status).toBe(424);
    expect((await ask(handler, "/embed_sparse", { inputs: A })).status).toBe(424); // none has it
  });

  test("a name that there is not: 404, as OpenAI's clients read it; of one model any name will do", async () => {
    const message =
      'The model "gpt" does not exist; there are "rank", "tiny", "the \\"other\\"", "entities"'.replaceAll("\\", "");
    const openai = await ask(handler, "/v1/embeddings", { input: A, model: "gpt" });
    expect(openai.status).toBe(404);
    expect(openai.body).toEqual({
      ...{ message, code: 404, type: "Validation", error_type: "Validation" },
      error: { message, type: "invalid_request_error", param: "model", code: "model_not_found" },
    });
    const own = await ask(handler, "/embed", { inputs: A, model: "gpt" });
    expect(own).toEqual({ status: 404, body: { error: message, error_type: "Validation" } });
    expect((await ask(handler, "/embed", { inputs: A, model: 1 })).status).toBe(422);
    const alone = createRequestHandler(models.tiny, { servedModelName: "tiny" });
    const { status, body } = await ask(alone, "/v1/embeddings", { input: A, model: "gpt" });
    expect([status, body.model]).toEqual([200, "tiny"]);
  });

  test("SPLADE's head makes those vectors sparse that it can, and another model makes dense ones", async () => {
    const both = createRequestHandler({ sparse: models.tiny, dense: second }, { pooling: "splade" });
    const alone = createRequestHandler(models.tiny, { pooling: "splade" });
    const sparse = await ask(both, "/embed_sparse", { inputs: A });
    expect(sparse.status).toBe(200);
    expect(sparse).toEqual(await ask(alone, "/embed_sparse", { inputs: A }));
    const embed = await pipeline("embeddings", second);
    const { data } = await embed(A, { normalize: true });
    expect(Float32Array.from((await ask(both, "/embed", { inputs: A })).body[0])).toEqual(data);
  });
});

test("/v1/models and /info tell all", async () => {
  const { data } = await (await get(handler, "/v1/models")).json();
  expect(data.map(({ id }: { id: string }) => id)).toEqual(["rank", "tiny", 'the "other"', "entities"]);
  const info = await (await get(handler, "/info")).json();
  expectValid("Info", info);
  expect([info.model_id, Object.keys(info.model_type)]).toEqual(["rank", ["reranker"]]);
  expect(info.models.map((one: object) => expectValid("Info", one) ?? (one as { model_id: string }).model_id)).toEqual(
    Object.keys(models),
  );
  expect((await (await get(createRequestHandler(second), "/info")).json()).models).toBeUndefined();
});

test("/metrics has a label for each, and the lines of a metric stand together", async () => {
  const own = createRequestHandler(models, { maxConcurrentRequests: 9 });
  await ask(own, "/embed", { inputs: "a" });
  await ask(own, "/embed", { inputs: [] });
  await ask(own, "/rerank", { query: "a", texts: ["b", "c"] });
  await ask(own, "/embed", { inputs: "a", model: "none" });
  const text = await (await get(own, "/metrics")).text();
  expect(text).toContain('te_request_success{model="tiny",method="single"} 1\n');
  expect(text).toContain('te_request_success{model="rank",method="batch"} 1\n');
  expect(text).toContain('te_request_failure{model="tiny",err="validation"} 1\n');
  expect(text).toContain('te_request_failure{err="validation"} 1\n'); // for no model
  expect(text).toContain('te_request_input_length_sum{model="tiny"} 3\n');
  expect(text).toContain('te_queue_size{model="the \\"other\\""} 0\n');
  const types = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
  expect(new Set(types).size).toBe(types.length);
  const blocks = text.split(/^# TYPE /m).slice(1);
  for (const block of blocks) {
    const [name] = block.split(" ");
    for (const line of block.split("\n").slice(1)) expect(line === "" || line.startsWith(name), line).toBe(true);
  }
});

test("/health and /ready: 503 if one of them does not answer; drain ends all", async () => {
  const gone: Bert = await load("qa");
  const own = createRequestHandler({ gone, tiny: models.tiny });
  expect((await get(own, "/health")).status).toBe(200);
  await gone.dispose();
  expect((await ask(own, "/embed", { inputs: "a" })).status).toBe(503);
  expect((await get(own, "/health")).status).toBe(503);
  expect((await get(own, "/ready")).status).toBe(503);
  expect((await ask(own, "/embed", { inputs: "a", model: "tiny" })).status).toBe(200);
  await own.drain();
  expect((await ask(own, "/embed", { inputs: "a", model: "tiny" })).status).toBe(503);
});

test("what is no model, or an option of one", () => {
  const wrong = (given: unknown, options: object, message: string) =>
    expect(() => createRequestHandler(given as Bert, options)).toThrow(`createRequestHandler: ${message}`);
  const expected = "bert must be a model from loadBert with a tokenizer, or several by their names";
  for (const given of [{}, [], [second], { a: second, b: {} }, null, "a"]) wrong(given, {}, expected);
  wrong(models, { servedModelName: "a" }, 'servedModelName must be left out for several models, which have names, got "a"'); // biome-ignore format: one line
  wrong(models, { modelId: "a" }, 'modelId must be left out for several models, which have names, got "a"');
  wrong({ "": second }, {}, 'modelId must be a name, got ""');
  wrong({ second, rank: models.rank }, { pooling: "splade" }, "pooling must be left out for a model without");
});

describe("maxBatchTokens", () => {
  test("is told, and cuts longer inputs to as many tokens", async () => {
    await using bert = await load("mlm");
    const own = createRequestHandler(bert, { maxBatchTokens: 16 });
    expect(await (await get(own, "/info")).json()).toMatchObject({ max_batch_tokens: 16, max_input_length: 16 });
    expect(bert.batchTokens).toBe(16);
    const ids = bert.tokenizer.encode("door ".repeat(100), { truncation: true, maxLength: 16 }).inputIds;
    const [cut, want] = [
      await ask(own, "/embed", { inputs: ["door ".repeat(100), "a"] }),
      await ask(handler, "/embed", { inputs: [ids, "a"], model: "tiny" }),
    ];
    expect(cut).toEqual(want);
    expect((await ask(own, "/embed", { inputs: "door ".repeat(100), truncate: false })).status).toBe(413);
  });

  test("must not be less than an input that is not cut", () => {
    const options = { maxBatchTokens: 16, autoTruncate: false };
    expect(() => createRequestHandler(models.tiny, options)).toThrow(
      "createRequestHandler: maxBatchTokens must be at least 64, the most tokens of an input, where autoTruncate is false, got 16",
    );
  });

  test("the bits do not depend on it", async () => {
    await using bert = await load("mlm");
    const inputs = Array.from({ length: 32 }, (_, i) => "The door was open. ".repeat(1 + (i % 9)));
    const want = await ask(handler, "/embed", { inputs, model: "tiny" });
    for (const maxBatchTokens of [64, 200, 16_384]) {
      expect(await ask(createRequestHandler(bert, { maxBatchTokens }), "/embed", { inputs })).toEqual(want);
    }
  });
});
