import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { head } from "../cli/run.ts";
import { expectValid, get, PATHS, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { LIMIT, load } from "./support.ts";

const mlm = await load(head("mlm"));
const handler = createRequestHandler(mlm);

describe("/info, /health, and which paths there are", () => {
  test("/info tells the model by its head, and the limits", async () => {
    const limits = { maxConcurrentRequests: 3, maxClientBatchSize: 4, autoTruncate: false };
    const info = await (await get(createRequestHandler(mlm, { modelId: "tiny", ...limits }), "/info")).json();
    expectValid("Info", info);
    const { version } = JSON.parse(await readFile(join(import.meta.dirname, "../../package.json"), "utf8"));
    expect(info).toMatchObject({
      ...{ model_id: "tiny", served_model_name: "tiny", model_dtype: "float32", max_input_length: LIMIT, version },
      ...{ max_concurrent_requests: 3, max_client_batch_size: 4, auto_truncate: false },
      model_type: { embedding: { pooling: "mean" } },
    });
    for (const [name, kind] of [
      ["nli", "classifier"],
      ["one_label", "reranker"],
    ]) {
      // biome-ignore format: one line
      const bert = await load(head(name));
      const other = await (await get(createRequestHandler(bert), "/info")).json();
      expectValid("Info", other);
      expect(Object.keys(other.model_type)).toEqual([kind]);
      expect(Object.values(other.model_type[kind].id2label)).toEqual(bert.config.labels);
    }
  });

  test("/health is empty and 200", async () => {
    const response = await get(handler, "/health");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("all of the document's paths, by their methods alone", async () => {
    expect(PATHS.length).toBe(12);
    for (const [path, method] of PATHS) {
      const other = method === "GET" ? "POST" : "GET";
      const { status, headers } = await handler(new Request(`http://localhost${path}`, { method: other }));
      expect(status, path).toBe(405);
      expect(headers.get("allow"), path).toContain(method);
    }
    for (const path of ["/nothing", "/__proto__", "/embed/"]) expect((await get(handler, path)).status, path).toBe(404);
  });

  test("an endpoint of another kind of model is 424", async () => {
    const classifier = createRequestHandler(await load(head("nli")));
    const rows = [
      [handler, "/predict", { inputs: "a" }, "Backend error: Model is not a classifier model"],
      [handler, "/rerank", { query: "a", texts: ["b"] }, "Backend error: model is not a re-ranker model"],
      [classifier, "/rerank", { query: "a", texts: ["b"] }, "Backend error: model is not a re-ranker model"],
      [classifier, "/embed", { inputs: "a" }, "Backend error: Model is not an embedding model"],
      [classifier, "/embed_all", { inputs: "a" }, "Backend error: Model is not an embedding model"],
    ] as const;
    for (const [own, path, body, error] of rows)
      expect(await post(own, path, body)).toMatchObject({ status: 424, body: { error, error_type: "Backend" } });
    const openai = await post(classifier, "/v1/embeddings", { input: "a" });
    expect(openai).toMatchObject({ status: 424, body: { code: 424, type: "Backend" } });
  });
});
