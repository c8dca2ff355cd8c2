import { afterAll, describe, expect, test } from "vitest";
import { type Bert, loadBert, pipeline } from "../../src/pipelines/index.ts";
import { createRequestHandler, type RequestHandler, type RequestHandlerOptions } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";

/** What clients ask beside the paths of the document, and how they read errors; `clients` has the clients themselves. */
const loaded: Bert[] = [];
afterAll(() => Promise.all(loaded.map((bert) => bert.dispose())));

async function load(name: string, options: RequestHandlerOptions = {}): Promise<[Bert, RequestHandler]> {
  const bert = await loadBert(head(name), { backend: "plain" });
  loaded.push(bert);
  return [bert, createRequestHandler(bert, options)];
}

async function post(handler: RequestHandler, path: string, body: object) {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const response = await handler(new Request(`http://localhost${path}`, init));
  return { status: response.status, body: await response.json() };
}

describe("POST / and /invocations: what the model is for, as text-embeddings-inference answers there", () => {
  const pair = { query: "Who was rich?", texts: ["The door was open.", "Emma was rich."] };
  test.each<readonly [string, string, RequestHandlerOptions, object]>([
    ["mlm", "/embed", {}, { inputs: ["The door was open.", "He read a letter."] }],
    ["mlm", "/embed_sparse", { pooling: "splade" }, { inputs: "The door was open." }],
    ["nli", "/predict", {}, { inputs: "The door was open." }],
    ["one_label", "/rerank", {}, pair],
  ])("%s: %s", async (name, path, options, body) => {
    const [, handler] = await load(name, options);
    const want = await post(handler, path, body);
    expect(want.status).toBe(200);
    for (const same of ["/", "/invocations"]) expect(await post(handler, same, body)).toEqual(want);
    expect((await post(handler, "/", {})).status).toBe(422);
  });

  test("GET / is /health, and needs no key; POST / needs it", async () => {
    const [, handler] = await load("mlm", { apiKey: "secret" });
    const ask = (path: string, method: string) => handler(new Request(`http://localhost${path}`, { method }));
    const health = await ask("/", "GET");
    expect([health.status, await health.text()]).toEqual([200, ""]);
    expect((await ask("/", "POST")).status).toBe(401);
    const other = await ask("/", "DELETE");
    expect([other.status, other.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect((await ask("/invocations", "GET")).status).toBe(405);
  });
});

test("/v2/rerank is /v1/rerank, for the second version of Cohere's client", async () => {
  const [, handler] = await load("one_label");
  const request = {
    model: "any",
    query: "Who was rich?",
    documents: ["The door was open.", "Emma was rich."],
    top_n: 1,
  };
  const want = await post(handler, "/v1/rerank", request);
  expect(want.body.results).toHaveLength(1);
  const { total_tokens } = want.body.usage; // where Jina's clients look, and `meta` is where Cohere's do; Vercel's needs it
  expect(total_tokens).toBeGreaterThan(10);
  expect(want.body.meta).toEqual({ tokens: { input_tokens: total_tokens } });
  expect(await post(handler, "/v2/rerank", { ...request, max_tokens_per_doc: 4096 })).toEqual(want);
});

test("/text-classification: a list of labels for each text, also for one, as Hugging Face's clients read it", async () => {
  const [bert, handler] = await load("nli", { maxClientBatchSize: 3 });
  const classify = await pipeline("text-classification", bert);
  const texts = ["The door was open.", "He read a letter."];
  const path = "/text-classification";
  const want = await classify(texts, { top_k: null });
  expect(want[0]).toHaveLength(3);
  expect((await post(handler, path, { inputs: texts })).body).toEqual(want);
  expect((await post(handler, path, { inputs: texts[0] })).body).toEqual([want[0]]);
  const parameters = { top_k: 1, function_to_apply: "sigmoid" };
  const best = await classify(texts, { top_k: 1, function_to_apply: "sigmoid" });
  expect((await post(handler, path, { inputs: texts, parameters })).body).toEqual(best.map((one) => [one]));
  const both = { text: texts[0], text_pair: texts[1] };
  expect((await post(handler, path, { inputs: both })).body).toEqual([await classify(both, { top_k: null })]);
  expect((await post(handler, path, { inputs: Array(4).fill("a") })).status).toBe(413);
  expect((await post(handler, path, { inputs: 1 })).status).toBe(422);
  const [, other] = await load("mlm");
  expect((await post(other, path, { inputs: "a" })).status).toBe(424);
});

test("errors of OpenAI's paths have an object `error` too, the only place where OpenAI's clients look for a message", async () => {
  const [, handler] = await load("mlm");
  const { body } = await post(handler, "/v1/embeddings", { input: Array(33).fill("a") });
  const message = "batch size 33 > maximum allowed batch size 32";
  expect(body).toEqual({
    ...{ message, code: 413, type: "Validation", error_type: "Validation" },
    error: { message, type: "Validation", code: 413, param: null },
  });
});
