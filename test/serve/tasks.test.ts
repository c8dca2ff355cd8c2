import { afterAll, describe, expect, test } from "vitest";
import { type Bert, loadBert, type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** The endpoints that text-embeddings-inference does not have. */
const loaded: Bert[] = [];
afterAll(() => Promise.all(loaded.map((bert) => bert.dispose())));

async function load(path: string): Promise<[Bert, RequestHandler]> {
  const bert = await loadBert(path, { backend: "plain" });
  loaded.push(bert);
  return [bert, createRequestHandler(bert, { servedModelName: "served", maxClientBatchSize: 4 })];
}

async function post(handler: RequestHandler, path: string, body: object) {
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body: JSON.stringify(body) };
  const response = await handler(new Request(`http://localhost${path}`, init));
  return { status: response.status, headers: response.headers, body: await response.json() };
}

const CONTEXT = "Emma Smith lived in London with John.";
const QUESTION = { question: "Where did Emma live?", context: CONTEXT };
const PAIR = { text: "The door was open.", text_pair: "He read a letter." };

describe("a pipeline's answers and options", () => {
  test.each<readonly [string, PipelineTask, string, unknown, object]>([
    ["/fill-mask", "fill-mask", head("mlm"), "The [MASK] was open.", { top_k: 3 }],
    ["/next-sentence", "next-sentence-prediction", WEIGHTS, PAIR, { top_k: null }],
    ["/token-classification", "token-classification", head("ner"), CONTEXT, { aggregation_strategy: "simple" }],
    ["/question-answering", "question-answering", head("qa"), QUESTION, { top_k: 2 }],
  ])("%s", async (path, task, folder, input, parameters) => {
    const [bert, handler] = await load(folder);
    const ask = (await pipeline(task, bert)) as unknown as (input: unknown, options?: object) => Promise<unknown>;
    const one = await post(handler, path, { inputs: input });
    expect(one.body).toEqual(await ask(input));
    expect(Number(one.headers.get("x-compute-tokens"))).toBeGreaterThan(5);
    expect(Number(one.headers.get("x-compute-characters"))).toBeGreaterThan(15);
    const several = await post(handler, path, { inputs: [input, input], parameters });
    expect(several.body).toEqual(await ask([input, input], parameters));
    expect(several.body).not.toEqual(await ask([input, input]));

    expect(await post(handler, path, { inputs: Array(5).fill(input) })).toMatchObject({ status: 413 });
    expect(await post(handler, path, { inputs: [] })).toMatchObject({ status: 400, body: { error_type: "Empty" } });
    expect((await post(handler, path, { inputs: input, parameters: [] })).status).toBe(422);
    const unknown = await post(handler, path, { inputs: input, parameters: { topk: 1 } });
    expect(unknown).toMatchObject({ status: 422, body: { error_type: "Validation" } });
    expect(unknown.body.error).toContain('unknown option "topk"');
    expect((await post(handler, path, { inputs: input, parameters: { signal: {} } })).status).toBe(200); // it is ours
    for (const inputs of [undefined, null, 1, {}]) {
      expect(await post(handler, path, { inputs })).toMatchObject({ status: 422, body: { error_type: "Validation" } });
    }
    const text = await post(handler, path, { inputs: "a [MASK]" });
    const isOfTwo = path === "/next-sentence" || path === "/question-answering";
    expect(text.status).toBe(isOfTwo ? 422 : 200);
    if (isOfTwo) expect(text.body.error).toMatch(/inputs: must be an object or a list of these, got "a \[MASK\]"$/);
  });

  test("a model without the head is 424", async () => {
    const [, handler] = await load(head("one_label"));
    for (const path of ["/fill-mask", "/next-sentence", "/token-classification", "/question-answering"])
      expect(await post(handler, path, { inputs: "a" })).toMatchObject({
        status: 424,
        body: { error_type: "Backend" },
      });
  });
});

test("/v1/rerank: the scores of text-ranking, as Cohere's and Jina's clients read them", async () => {
  const [bert, handler] = await load(head("one_label"));
  const rank = await pipeline("text-ranking", bert);
  const documents = ["The door was open.", "Emma was rich.", "é"];
  const want = await rank("Who was rich?", documents);
  const { body } = await post(handler, "/v1/rerank", { model: "any", query: "Who was rich?", documents });
  expect(body.results).toEqual(want.map(({ index, score }) => ({ index, relevance_score: score })));
  expect(body).toMatchObject({ model: "served", usage: { total_tokens: expect.any(Number) } });
  const asked = {
    query: "Who was rich?",
    documents: documents.map((text) => ({ text })),
    top_n: 2,
    return_documents: true,
  };
  const two = await post(handler, "/v1/rerank", asked);
  expect(two.body.results).toEqual(
    want
      .slice(0, 2)
      .map(({ index, score }) => ({ index, relevance_score: score, document: { text: documents[index] } })),
  );
  expect(await post(handler, "/v1/rerank", { query: "a", documents: [] })).toMatchObject({
    status: 400,
    body: { code: 400 },
  });
  for (const wrong of [{ documents: "a" }, { documents: [1] }, { documents: [{}] }, { documents: ["a"], top_n: -1 }])
    expect((await post(handler, "/v1/rerank", { query: "a", ...wrong })).status).toBe(422);
});
