import { afterAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import * as serve from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { expectValid, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

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
    ...([5, null, undefined] as const).map(
      (inputs) =>
        ["/fill-mask", { inputs }, 422, "Validation", "inputs: must be a string or a list of these, got "] as const,
    ),
    ["/fill-mask", { inputs: [1] }, 422, "Validation", "fill-mask: texts[0] must be a string, got 1"],
    ["/fill-mask", { inputs: "a [MASK]", parameters: { top_k: -1 } }, 422, "Validation", "fill-mask: top_k must be "],
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

  test("what is no request, or one whose body has been read", async () => {
    for (const given of [undefined, null, "x", {}, { url: "http://localhost/health" }]) {
      const expected = { code: "ERR_INPUT", message: expect.stringContaining("request must be a Request, got ") };
      await expect(serve.createRequestHandler(mlm)(given as never), `${given}`).rejects.toMatchObject(expected);
    }
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: '{"inputs":"a"}' };
    const [read, locked] = [new Request("http://localhost/embed", init), new Request("http://localhost/embed", init)];
    await read.text();
    locked.body?.getReader();
    for (const request of [read, locked]) {
      const response = await serve.createRequestHandler(mlm)(request);
      expect(response.status).toBe(400);
      expect((await errorOf(response)).error).toContain("it has been read already");
    }
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
    expect((await errorOf(response)).error).toBe(
      "Failed to buffer the request body: length limit exceeded, payload limit 10000 bytes",
    );
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
