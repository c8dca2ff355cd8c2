import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, describe, expect, test } from "vitest";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";
import { ENDPOINTS } from "../../src/serve/endpoints.ts";
import type { RequestHandlerOptions } from "../../src/serve/index.ts";
import { PAGES } from "../../src/serve/pages.ts";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { get, PATHS } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { OWN } from "./ownDocument.ts";

/** GET /openapi.json. That requests and answers are as it says is seen in every test of this folder. */
const loaded = new Map<string, Promise<Bert>>();
afterAll(async () => {
  for (const bert of await Promise.all(loaded.values())) await bert.dispose();
});

function modelOf(folder: string): Promise<Bert> {
  const bert = loaded.get(folder) ?? loadBert(folder, { backend: "plain" });
  loaded.set(folder, bert);
  return bert;
}

async function handlerOf(folder: string, options: RequestHandlerOptions = {}) {
  return createRequestHandler(await modelOf(folder), options);
}

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
const [MLM, NLI, RERANKER] = [head("mlm"), head("nli"), head("one_label")];

describe("the document", () => {
  test("is valid OpenAPI 3.1, by the specification's own schemas", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(OWN))).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    expect(OWN.info).toMatchObject({ title: "plainbert", version });
  });

  test("has the paths of the handler, each by its methods, and no others", () => {
    const documented = Object.entries<object>(OWN.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    const known = [
      ...Object.keys(ENDPOINTS).map((path) => `post ${path}`),
      ...Object.keys(PAGES).flatMap((path) => [`get ${path}`, `head ${path}`]),
    ];
    expect(documented.sort()).toEqual(known.sort());
    for (const [path, method] of PATHS) expect(documented).toContain(`${method.toLowerCase()} ${path}`);
  });

  test("names each operation once, and uses all that it defines", () => {
    const operations = Object.values<Record<string, { operationId: string }>>(OWN.paths).flatMap(Object.values);
    const names = operations.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]\w*$/);
    const text = JSON.stringify(OWN);
    const defined = ["schemas", "responses", "headers"].flatMap((kind) =>
      Object.keys(OWN.components[kind]).map((name) => `#/components/${kind}/${name}`),
    );
    const of405And404 = ["#/components/responses/404", "#/components/responses/405"]; // which no operation answers
    expect(defined.filter((place) => !text.includes(`"${place}"`))).toEqual(of405And404);
  });

  test("is served without a key, and says which paths need one", async () => {
    const handler = await handlerOf(MLM, { apiKey: "secret" });
    const document = await (await get(handler, "/openapi.json")).json();
    expect(document).toEqual({ ...OWN, security: [{ key: [] }] });
    expect(JSON.stringify(document)).not.toContain("secret");
    expect(await (await get(handler, "/api-doc/openapi.json")).json()).toEqual(document);
    expect(await (await get(await handlerOf(MLM), "/openapi.json")).json()).toEqual(OWN);
    for (const [path, { get: page }] of Object.entries<Record<string, { security?: unknown }>>(OWN.paths)) {
      if (page === undefined) continue;
      expect((await get(handler, path)).status, path).toBe(page.security ? 200 : 401);
    }
  });
});

test("a page's methods: HEAD is GET, and another is 405, but 401 without the key", async () => {
  const handler = await handlerOf(MLM);
  const locked = await handlerOf(MLM, { apiKey: "secret" });
  const ask = (own: typeof handler, path: string, method: string) =>
    own(new Request(`http://localhost${path}`, { method }));
  for (const path of Object.keys(PAGES)) {
    expect((await ask(handler, path, "HEAD")).status, path).toBe(200);
    const allowed = Object.hasOwn(ENDPOINTS, path) ? "GET, HEAD, POST" : "GET, HEAD";
    expect((await ask(handler, path, "PUT")).headers.get("allow"), path).toBe(allowed);
  }
  expect((await ask(handler, "/embed", "GET")).headers.get("allow")).toBe("POST");
  expect((await ask(locked, "/embed", "GET")).status).toBe(401);
  expect((await ask(locked, "/health", "PUT")).status).toBe(405);
  expect((await ask(locked, "/nothing", "GET")).status).toBe(404);
});

/** A model that answers, one that does not, and a request. */
type Case = readonly [path: string, own: string, other: string | null, body: object];
const PAIR = { text: "The door was open.", text_pair: "He read a letter." };
const QUESTION = { question: "Where did Emma live?", context: "Emma lived in London." };

describe("every status that the document has for a path is one that it gives", () => {
  test.each<Case>([
    ["/", MLM, null, { inputs: "a" }],
    ["/invocations", NLI, null, { inputs: [["a", "b"]] }],
    ["/embed", MLM, NLI, { inputs: "a" }],
    ["/embed_all", MLM, NLI, { inputs: ["a", "b"] }],
    ["/embed_sparse", MLM, NLI, { inputs: "a" }],
    ["/similarity", MLM, NLI, { inputs: { source_sentence: "a", sentences: ["b"] } }],
    ["/predict", NLI, MLM, { inputs: ["a", "b"] }],
    ["/rerank", RERANKER, MLM, { query: "a", texts: ["b"] }],
    ["/tokenize", MLM, null, { inputs: "a" }],
    ["/decode", MLM, null, { ids: [5] }],
    ["/v1/embeddings", MLM, NLI, { input: "a" }],
    ["/embeddings", MLM, NLI, { input: ["a"] }],
    ["/v1/rerank", RERANKER, NLI, { query: "a", documents: ["b"] }],
    ["/v2/rerank", RERANKER, MLM, { query: "a", documents: ["b"], model: "any" }],
    ["/fill-mask", MLM, NLI, { inputs: "A [MASK]." }],
    ["/next-sentence", WEIGHTS, NLI, { inputs: [PAIR] }],
    ["/text-classification", NLI, MLM, { inputs: PAIR }],
    ["/token-classification", head("ner"), NLI, { inputs: "Emma lived in London." }],
    ["/question-answering", head("qa"), NLI, { inputs: QUESTION }],
  ])("%s", async (path, own, other, body) => {
    const pooling = path === "/embed_sparse" ? ({ pooling: "splade" } as const) : {};
    const handler = await handlerOf(own, { payloadLimit: 1000, maxConcurrentRequests: 1, ...pooling });
    const text = JSON.stringify(body);
    const ask = async (sent: string, type = "application/json", to = handler) => {
      const init = { method: "POST", headers: { "content-type": type }, body: sent };
      return (await to(new Request(`http://localhost${path}`, init))).status;
    };
    const seen = [await ask(text), await ask("{"), await ask(" ".repeat(1001)), await ask(text, "text/plain")];
    seen.push(await ask("{}"));
    seen.push(await ask(text, "application/json", await handlerOf(own, { apiKey: "secret" })));
    if (other !== null) seen.push(await ask(text, "application/json", await handlerOf(other)));
    const several = createRequestHandler({ one: await modelOf(MLM), two: await modelOf(NLI) });
    seen.push(await ask(JSON.stringify({ ...body, model: "three" }), "application/json", several));
    const together = await Promise.all([ask(text), ask(text)]);
    seen.push(together[1]);
    handler.drain();
    seen.push(await ask(text));
    expect(seen).toEqual([200, 400, 413, 415, 422, 401, ...(other === null ? [] : [424]), 404, 429, 503]);
    const statuses = Object.keys(OWN.paths[path].post.responses).map(Number);
    expect(statuses.filter((status) => status !== 408)).toEqual([...seen].sort());
  });
});
