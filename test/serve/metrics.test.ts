import { afterAll, describe, expect, test, vi } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { get, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** What is told of requests, in their headers and all together. */
const mlm = await loadBert(head("mlm"), { backend: "plain" });
afterAll(() => mlm.dispose());
const handler = createRequestHandler(mlm);

test("headers tell what a request has taken", async () => {
  const texts = ["The door was open.", "𝒳é"];
  const [first, second] = await Promise.all([
    post(handler, "/embed", { inputs: texts }),
    post(handler, "/embed", { inputs: texts }),
  ]);
  const tokens = mlm.tokenizer.encodeBatch(texts).reduce((sum, { length }) => sum + length, 0);
  for (const { headers } of [first, second]) {
    expect(headers.get("x-compute-type")).toBe("cpu");
    expect(headers.get("x-compute-tokens")).toBe(String(tokens));
    expect(headers.get("x-compute-characters")).toBe("20"); // code points
    for (const name of ["compute", "total", "tokenization", "queue", "inference"])
      expect(headers.get(`x-${name}-time`), name).toMatch(/^\d+$/);
  }
});

test("times: one that waits for another has waited, and was computed as long as its pass", async () => {
  const own = createRequestHandler(mlm, { maxClientBatchSize: 1000 });
  const long = post(own, "/embed", { inputs: Array(400).fill("door ".repeat(60)) });
  await vi.waitFor(async () => expect(await (await get(own, "/metrics")).text()).toContain("te_queue_size 0\n"));
  const { headers } = await long;
  const time = (name: string) => Number(headers.get(`x-${name}-time`));
  expect(time("inference")).toBeGreaterThan(50); // 25,000 tokens
  expect(time("total")).toBeGreaterThanOrEqual(time("inference") + time("queue"));
});

test("/metrics is what Prometheus reads: each histogram's buckets add up", async () => {
  const own = createRequestHandler(mlm);
  for (const inputs of ["a", "The door was open.", ["a", "b"]]) await post(own, "/embed", { inputs });
  await post(own, "/embed", { inputs: [] }, { wrong: true });
  const response = await get(own, "/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  for (const line of text.split("\n"))
    expect(line).toMatch(/^(# TYPE \w+ (counter|gauge|histogram)|\w+(\{\w+="[^"]*"\})? [\d.e+-]+|)$/);
  expect(text).toContain('te_request_count{method="single"} 2\n');
  expect(text).toContain('te_request_count{method="batch"} 2\n');
  expect(text).toContain('te_request_success{method="batch"} 1\n');
  expect(text).toContain('te_request_failure{err="validation"} 1\n');
  const lengths = [...text.matchAll(/te_request_input_length_bucket\{le="([^"]+)"\} (\d+)/g)].map(([, le, n]) => [
    le,
    Number(n),
  ]);
  expect(lengths.slice(0, 4)).toEqual([["1", 0], ["2", 0], ["4", 3], ["8", 3]]); // biome-ignore format: a table
  expect(lengths.at(-1)).toEqual(["+Inf", 4]);
  expect(text).toContain("te_request_duration_count 3\n");
});

describe("/metrics", () => {
  /** The value of each line of a handler's metrics. */
  const valuesOf = async (own: RequestHandler) => {
    const lines = (await (await get(own, "/metrics")).text()).split("\n");
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))])); // biome-ignore format: one line
  };
  const lengthsOf = (texts: readonly string[]) => mlm.tokenizer.encodeBatch(texts).map(({ length }) => length);
  const sum = (numbers: readonly number[]) => numbers.reduce((total, x) => total + x, 0);

  test("counts passes by their inputs and tokens", async () => {
    const own = createRequestHandler(mlm, { maxClientBatchSize: 60 });
    await post(own, "/embed", { inputs: ["b", "The door was open."] });
    const values = await valuesOf(own);
    const tokens = sum(lengthsOf(["b", "The door was open."]));
    expect([values.get("te_batch_next_size_sum"), values.get("te_batch_next_size_count")]).toEqual([2, 1]);
    expect([values.get("te_batch_next_tokens_sum"), values.get("te_batch_next_tokens_count")]).toEqual([tokens, 1]);
    expect([1, 2].map((le) => values.get(`te_batch_next_size_bucket{le="${le}"}`))).toEqual([0, 1]);
    expect(values.has('te_batch_next_size_bucket{le="4096"}')).toBe(true); // the last
    expect(values.has('te_batch_next_tokens_bucket{le="1048576"}')).toBe(true);
    await post(own, "/embed", { inputs: Array(60).fill("door ".repeat(60)) }); // more tokens than a pass takes
    const later = await valuesOf(own);
    expect([later.get("te_batch_next_size_sum"), later.get("te_batch_next_size_count")]).toEqual([62, 3]);
    expect(later.get("te_batch_next_tokens_sum")).toBe(tokens + 60 * lengthsOf(["door ".repeat(60)])[0]);
    expect(later.get('te_batch_next_tokens_bucket{le="2048"}')).toBe(3);
  });

  test("counts inputs that become vectors, or scores, and those that were answered", async () => {
    const own = createRequestHandler(mlm);
    await post(own, "/embed", { inputs: ["a", "b", "c"] });
    await post(own, "/similarity", { inputs: { source_sentence: "a", sentences: ["b"] } });
    await post(own, "/tokenize", { inputs: "a" });
    await post(own, "/embed", { inputs: ["a", ""] });
    const values = await valuesOf(own);
    expect([values.get("te_embed_count"), values.get("te_embed_success")]).toEqual([7, 5]);
    expect(values.has("te_predict_count")).toBe(false);
    await using ranker = await loadBert(head("one_label"), { backend: "plain" });
    const ranks = createRequestHandler(ranker);
    await post(ranks, "/rerank", { query: "a", texts: ["b", "c"] });
    await post(ranks, "/predict", { inputs: "a" });
    const predicted = await valuesOf(ranks);
    expect([predicted.get("te_predict_count"), predicted.get("te_predict_success")]).toEqual([3, 3]);
  });

  test("counts requests whose clients have gone, also where the body alone tells", async () => {
    const own = createRequestHandler(mlm, { maxConcurrentRequests: 1 });
    const signal = AbortSignal.abort();
    expect((await post(own, "/embed", { inputs: "a" }, { signal })).status).toBe(499);
    const broken = new ReadableStream({ pull: (stream) => stream.error(new Error("the connection is closed")) });
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: broken, duplex: "half" } as RequestInit;
    expect((await own(new Request("http://localhost/embed", init))).status).toBe(499); // so Deno tells
    expect((await valuesOf(own)).get('te_request_failure{err="dropped"}')).toBe(2);
    expect((await post(own, "/embed", { inputs: "a" })).status).toBe(200);
  });
});
