import { afterAll, describe, expect, test, vi } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { recordWorkers } from "../support/workers.ts";
import { expectValid, get, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** Requests that are wrong, too many, given up, or that the engine fails. */
const workers = recordWorkers();
const mlm = await loadBert(head("mlm"), { backend: "plain" });
afterAll(() => mlm.dispose());
const handler = createRequestHandler(mlm, { maxClientBatchSize: 4, payloadLimit: 10_000 });

/** A request for /embed as it is. */
const raw = (body: BodyInit | null, headers: Record<string, string> = { "content-type": "application/json" }) =>
  handler(new Request("http://localhost/embed", { method: "POST", headers, body, duplex: "half" } as RequestInit));

async function errorOf(response: Response): Promise<{ error: string; error_type: string }> {
  const body = await response.json();
  expectValid("ErrorResponse", body);
  return body;
}

/** What is asked, and the answer's status, type and a part of its message. */
type Wrong = readonly [path: string, body: unknown, status: number, type: string, message: string];

describe("what is wrong with a request", () => {
  test.each<Wrong>([
    ["/embed", { inputs: [] }, 400, "Empty", "`inputs` cannot be empty"],
    ["/embed", { inputs: "" }, 400, "Empty", "Input validation error: `inputs` cannot be empty"],
    ["/embed", { inputs: ["a", ""] }, 400, "Empty", "Input validation error: `inputs` cannot be empty"],
    ["/embed", { inputs: ["a", []] }, 400, "Empty", "Input validation error: `inputs` cannot be empty"],
    ["/embed", { inputs: Array(5).fill("a") }, 413, "Validation", "batch size 5 > maximum allowed batch size 4"],
    ["/embed_all", { inputs: [] }, 400, "Empty", "`inputs` cannot be empty"],
    ["/tokenize", { inputs: [] }, 400, "Empty", "`inputs` cannot be empty"],
    ["/tokenize", { inputs: "" }, 400, "Empty", "Input validation error: `inputs` cannot be empty"],
    ["/decode", { ids: [] }, 400, "Empty", "Input validation error: `input_ids` cannot be empty"],
    ["/decode", { ids: [99_999] }, 422, "Tokenizer", "decode: "],
    ["/rerank", { query: "a", texts: [] }, 400, "Empty", "`texts` cannot be empty"],
    ...(
      [
        [[], 400, "Empty", "`inputs.sentences` cannot be empty"],
        [["a", "a", "a", "a"], 413, "Validation", "batch size 5 > maximum allowed batch size 4"],
      ] as const
    ).map(([sentences, ...rest]) => ["/similarity", { inputs: { source_sentence: "a", sentences } }, ...rest] as const),
    ...[
      {},
      { inputs: 1 },
      { inputs: null },
      { inputs: [1, "a"] },
      { inputs: [1.5] },
      { inputs: [-1] },
      { inputs: [[["a"]]] },
    ].map(
      (body) =>
        [
          "/embed",
          body,
          422,
          "Validation",
          "Failed to deserialize the JSON body into the target type: inputs",
        ] as const,
    ),
    ...["truncate", "normalize", "prompt_name", "truncation_direction", "dimensions"].map(
      (name) =>
        ["/embed", { inputs: "a", [name]: {} }, 422, "Validation", `into the target type: ${name}: must be `] as const,
    ),
    ["/similarity", { inputs: "a" }, 422, "Validation", "inputs: must be an object"],
    ["/rerank", { query: "a", texts: ["a", 1] }, 422, "Validation", "texts[1]: must be a string, got 1"],
    ["/decode", { ids: ["a"] }, 422, "Validation", "ids: must be a list of token ids"],
    ["/embed", [1], 422, "Validation", "body: must be an object, got [1]"],
    ["/embed", '{"inputs": "a', 400, "Validation", "Failed to parse the request body as JSON: "],
    ["/embed", "", 400, "Validation", "Failed to parse the request body as JSON: "],
    [
      "/embed",
      '{"inputs": "\\ud800"}',
      400,
      "Validation",
      "Failed to parse the request body as JSON: inputs: lone surrogate",
    ],
  ])("%s %o: %d", async (path, body, status, error_type, message) => {
    const answer = await post(handler, path, body, { wrong: true });
    expect(answer).toMatchObject({ status, body: { error_type } });
    expect(answer.body.error).toContain(message);
    expect((await post(handler, "/embed", { inputs: "a" })).status).toBe(200);
  });

  test("lists in lists in lists, a hundred thousand deep", async () => {
    const deep = createRequestHandler(mlm);
    for (const body of ["[".repeat(100_000), `{"inputs":${"[".repeat(100_000)}${"]".repeat(100_000)}}`])
      expect([400, 422]).toContain((await post(deep, "/embed", body, { wrong: true })).status);
  });

  test("a body that is not said to be JSON, or is no UTF-8", async () => {
    for (const type of ["text/plain", "application/jsonp", "multipart/form-data"]) {
      const response = await raw('{"inputs":"a"}', { "content-type": type });
      expect(response.status, type).toBe(415);
      expect((await errorOf(response)).error).toBe("Expected request with `Content-Type: application/json`");
    }
    for (const type of ["application/json; charset=utf-8", "Application/JSON", "application/cloudevents+json"])
      expect((await raw('{"inputs":"a"}', { "content-type": type })).status, type).toBe(200);
    expect((await raw(Uint8Array.of(0x22, 0xff, 0x22))).status).toBe(400);
  });

  test("a body that is compressed", async () => {
    const response = await raw('{"inputs":"a"}', { "content-type": "application/json", "content-encoding": "gzip" });
    expect(response.status).toBe(415);
    expect((await errorOf(response)).error).toBe("Expected request without `Content-Encoding`");
    const identity = { "content-type": "application/json", "content-encoding": "identity" };
    expect((await raw('{"inputs":"a"}', identity)).status).toBe(200);
  });

  test("names of objects' own methods, numbers that are no double, and a byte order mark", async () => {
    for (const name of ["__proto__", "constructor", "toString"]) {
      expect((await raw(`{"inputs":"a","${name}":{"truncate":1}}`)).status, name).toBe(200);
      const parameters = `{"inputs":"The [MASK]","parameters":{"${name}":1}}`;
      const response = await post(handler, "/fill-mask", parameters, { wrong: true }).catch(() => null);
      expect(response?.status ?? 422, name).toBe(422);
    }
    expect((await raw('{"inputs":[1e400]}')).status).toBe(422);
    expect((await raw(`{"inputs":[${"9".repeat(400)}]}`)).status).toBe(422);
    expect((await raw('{"inputs":"a","dimensions":1e400}')).status).toBe(422);
    expect((await raw('\ufeff{"inputs":"a"}')).status).toBe(200);
  });

  test("a body without end is read no further than its limit", async () => {
    let pulled = 0;
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1000;
        controller.enqueue(new Uint8Array(1000).fill(0x20));
      },
    });
    const response = await raw(endless);
    expect(response.status).toBe(413);
    expect((await errorOf(response)).error).toBe("Failed to buffer the request body: length limit exceeded");
    expect(pulled).toBeGreaterThan(10_000);
    expect(pulled).toBeLessThan(14_000);
    const told = await raw("{}", { "content-type": "application/json", "content-length": "10001" });
    expect(told.status).toBe(413);
    expect((await raw(JSON.stringify({ inputs: "a".repeat(9986) }))).status).toBe(200); // 10,000 bytes
    expect((await raw(JSON.stringify({ inputs: "a".repeat(9988) }))).status).toBe(413);
  });

  test("options that createRequestHandler does not have, or with other values", () => {
    const wrong = (options: object, message: string) =>
      expect(() => createRequestHandler(mlm, options)).toThrow(`createRequestHandler: ${message}`);
    wrong({ port: 1 }, 'unknown option "port"');
    wrong({ maxConcurrentRequests: 0 }, "maxConcurrentRequests must be a whole number from 1, got 0");
    wrong({ maxBatchTokens: 1.5 }, "maxBatchTokens must be a whole number from 1, got 1.5");
    wrong({ autoTruncate: "true" }, 'autoTruncate must be true or false, got "true"');
    wrong({ modelId: "" }, 'modelId must be a name, got ""');
    wrong({ defaultPromptName: "x" }, 'defaultPromptName must be one of the model\'s, "query", "document", got "x"');
    wrong(
      { defaultPrompt: "a", defaultPromptName: "query" },
      "defaultPromptName must be left out beside defaultPrompt",
    );
    expect(() => createRequestHandler({} as never)).toThrow("createRequestHandler: bert must be a model from loadBert");
  });
});

describe("places", () => {
  const many = { inputs: Array(30).fill("door ".repeat(60)) };

  test("requests beyond the limit get 429 at once, and later ones are answered", async () => {
    const two = createRequestHandler(mlm, { maxConcurrentRequests: 2 });
    const order: number[] = [];
    const asked = Array.from({ length: 5 }, () =>
      post(two, "/embed", many).then((answer) => {
        order.push(answer.status);
        return answer;
      }),
    );
    const answers = await Promise.all(asked);
    expect(order).toEqual([429, 429, 429, 200, 200]);
    const refused = { error: "Model is overloaded", error_type: "Overloaded" };
    expect(answers[4].body).toEqual(refused);
    expect((await post(two, "/embed", many)).status).toBe(200);
    const text = await (await get(two, "/metrics")).text();
    expect(text).toContain('te_request_failure{err="overloaded"} 3\n');
    expect(text).toContain('te_request_success{method="batch"} 3\n');
  });

  test("one that is given up frees its place before it is computed, and what is computed for nobody is stopped", async () => {
    await using small = await loadBert(WEIGHTS, { backend: "plain" }); // a pass of 2,048 tokens takes seconds
    const two = createRequestHandler(small, { maxConcurrentRequests: 2 });
    const [first, second] = [new AbortController(), new AbortController()];
    const waiting = async (n: number) =>
      vi.waitFor(
        async () => {
          const text = await (await get(two, "/metrics")).text();
          expect(text).toContain(`te_request_count{method="single"} ${n}\n`);
          expect(text).toContain(`te_queue_size ${n - 1}\n`);
        },
        { interval: 5, timeout: 5000 },
      );
    const settled: string[] = [];
    const ask = async (name: string, inputs: string, signal: AbortSignal) => {
      const { status } = await post(two, "/embed", { inputs }, { signal });
      settled.push(`${name} ${status}`);
    };
    const long = ask("first", "door ".repeat(250), first.signal);
    await waiting(1);
    const short = ask("second", "a", second.signal);
    await waiting(2);
    expect((await post(two, "/embed", { inputs: "a" })).status).toBe(429);
    second.abort();
    await short;
    const third = ask("third", "a", new AbortController().signal);
    await new Promise((turn) => setTimeout(turn));
    expect(settled).toEqual(["second 499"]);
    first.abort();
    await Promise.all([long, third]);
    expect(settled).toEqual(["second 499", "first 499", "third 200"]);
  });

  test("one whose body does not come keeps no place from others", async () => {
    const one = createRequestHandler(mlm, { maxConcurrentRequests: 1 });
    const controller = new AbortController();
    const body = new ReadableStream({ start: (stream) => controller.signal.addEventListener("abort", () => stream.error(controller.signal.reason)) }); // biome-ignore format: one line
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body, signal: controller.signal, duplex: "half" };
    const asked = one(new Request("http://localhost/embed", init as RequestInit));
    expect((await post(one, "/embed", { inputs: "a" })).status).toBe(200);
    controller.abort();
    expect((await asked).status).toBe(499);
    expect((await post(one, "/embed", { inputs: "a" })).status).toBe(200);
  });
});

test("drain: later requests and /ready get 503, those that have come are answered, then it resolves", async () => {
  const own = createRequestHandler(mlm);
  expect((await get(own, "/ready")).status).toBe(200);
  const order: string[] = [];
  const body = JSON.stringify({ inputs: Array(30).fill("door ".repeat(60)) });
  const headers = { "content-type": "application/json" };
  const asked = own(new Request("http://localhost/embed", { method: "POST", headers, body })).then(({ status }) => {
    order.push(`answered ${status}`);
  });
  const drained = own.drain().then(() => order.push("drained"));
  const late = await post(own, "/embed", { inputs: "a" });
  expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
  expect((await get(own, "/ready")).status).toBe(503);
  expect((await get(own, "/health")).status).toBe(200);
  expect(order).toEqual([]);
  await Promise.all([asked, drained]);
  expect(order).toEqual(["answered 200", "drained"]);
  await own.drain(); // again
});

test("drain: one whose body does not come whole gets 503, and is not waited for", async () => {
  const own = createRequestHandler(mlm);
  const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('{"inputs":')) });
  const headers = { "content-type": "application/json" };
  const init = { method: "POST", headers, body, duplex: "half" };
  const asked = own(new Request("http://localhost/embed", init as RequestInit));
  await new Promise((turn) => setTimeout(turn));
  await own.drain();
  const response = await asked;
  expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
});

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

test("a worker that dies under load: who waited is answered, who was computed may get 503, and the model answers again", async () => {
  const first = workers.length;
  await using bert = await loadBert(WEIGHTS, { backend: "simd", threads: 1 });
  const own = createRequestHandler(bert);
  const asked = Array.from({ length: 12 }, () => post(own, "/embed", { inputs: "He read a letter. ".repeat(60) }));
  await vi.waitFor(async () => expect(await (await get(own, "/metrics")).text()).toMatch(/single"} 12/));
  await workers[first].terminate();
  const answers = await Promise.all(asked);
  for (const { status, body } of answers) {
    expect([200, 503]).toContain(status);
    if (status === 200) expect(body).toEqual(answers.find((one) => one.status === 200)!.body);
  }
  expect((await get(own, "/health")).status).toBe(200);
  expect((await post(own, "/embed", { inputs: "a" })).status).toBe(200);
});

test("a worker that dies: 503 with Retry-After, then the model answers again", async () => {
  const first = workers.length;
  const bert = await loadBert(WEIGHTS, { backend: "simd", threads: 1 });
  const own: RequestHandler = createRequestHandler(bert);
  const inputs = Array(32).fill("He read a letter. ".repeat(40));
  const asked = post(own, "/embed", { inputs });
  await vi.waitFor(async () => expect(await (await get(own, "/metrics")).text()).toMatch(/te_request_count/));
  await new Promise((turn) => setTimeout(turn, 30));
  await workers[first].terminate();
  const { status, headers, body } = await asked;
  expect([status, headers.get("retry-after"), body.error_type]).toEqual([503, "1", "Unhealthy"]);
  expect((await get(own, "/health")).status).toBe(200); // it has tried
  expect((await post(own, "/embed", { inputs: "a" })).status).toBe(200);
  await bert.dispose();
  expect((await post(own, "/embed", { inputs: "a" })).status).toBe(503);
  const response = await get(own, "/health");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ error: "unhealthy", error_type: "Unhealthy" });
});
