import { afterAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { head } from "../cli/run.ts";
import { get } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** Who may ask, and which pages may read the answer. */
const bert = await loadBert(head("mlm"), { backend: "plain" });
afterAll(() => bert.dispose());

const ask = (handler: RequestHandler, path: string, headers: Record<string, string>, method = "GET") =>
  handler(new Request(`http://localhost${path}`, { method, headers }));

describe("a key", () => {
  const handler = createRequestHandler(bert, { apiKey: "secret" });

  test("must be the whole one", async () => {
    for (const given of ["", "secret", "Bearer ", "Bearer secre", "Bearer secret2", "Bearer Secret", "Basic secret"]) {
      const { status, headers } = await ask(handler, "/info", given === "" ? {} : { authorization: given });
      expect([status, headers.get("www-authenticate")], given).toEqual([401, "Bearer"]);
    }
    for (const given of ["Bearer secret", "bearer secret", "BEARER  secret"]) // the scheme has no case (RFC 9110, 11.1)
      expect((await ask(handler, "/info", { authorization: given })).status, given).toBe(200);
    expect((await ask(handler, "/embed", {}, "POST")).status).toBe(401);
  });

  test("is not needed for /health, /ping and /metrics", async () => {
    for (const path of ["/health", "/ping", "/metrics"]) expect((await get(handler, path)).status, path).toBe(200);
  });

  test("is in no error, and must be one that a header can have", async () => {
    for (const apiKey of [12_345 as never, "", "secret\n", " secret", "secret ", "secr\ret", "schlüssel", "a\tb"]) {
      expect(() => createRequestHandler(bert, { apiKey }), apiKey).toThrow(
        /: apiKey must be visible ASCII characters, spaces only between them$/,
      );
    }
    for (const apiKey of ["s", "a b", "!~", "c2VjcmV0Cg=="]) {
      const own = createRequestHandler(bert, { apiKey });
      expect((await ask(own, "/info", { authorization: `Bearer ${apiKey}` })).status, apiKey).toBe(200);
    }
  });
});

describe("pages of other origins", () => {
  const origin = "https://page.example";
  const preflight = { origin, "access-control-request-method": "POST" };
  const allowed = async (response: Promise<Response>) => (await response).headers.get("access-control-allow-origin");

  test("read nothing unless they are named", async () => {
    const none = createRequestHandler(bert);
    expect(await allowed(ask(none, "/info", { origin }))).toBeNull();
    expect((await ask(none, "/embed", preflight, "OPTIONS")).status).toBe(405);
    const other = createRequestHandler(bert, { corsAllowOrigin: ["https://other.example"] });
    expect(await allowed(ask(other, "/info", { origin }))).toBeNull();
    expect((await ask(other, "/embed", preflight, "OPTIONS")).status).toBe(405);
  });

  test("have an origin as browsers write it", () => {
    for (const wrong of [
      "foo bar",
      "",
      "example.com",
      "https://a.example/",
      "https://A.example",
      "https://a.example ",
      1,
    ])
      expect(() => createRequestHandler(bert, { corsAllowOrigin: [origin, wrong as string] }), `${wrong}`).toThrow(
        'corsAllowOrigin must be origins such as "https://example.com", or "*", got ',
      );
    const right = ["*", "http://localhost:5173", "http://[::1]:80", "chrome-extension://abcdef", "app://."];
    createRequestHandler(bert, { corsAllowOrigin: right });
  });

  test("read every answer if they are, errors too", async () => {
    const named = createRequestHandler(bert, { corsAllowOrigin: ["https://other.example", origin], apiKey: "secret" });
    for (const path of ["/health", "/info", "/nothing"]) {
      expect(await allowed(ask(named, path, { origin })), path).toBe(origin);
      expect((await ask(named, path, { origin })).headers.get("vary"), path).toBe("origin");
    }
    const asked = await ask(named, "/embed", preflight, "OPTIONS"); // browsers ask without the key
    expect([asked.status, asked.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "content-type, authorization",
    ]);
    const all = createRequestHandler(bert, { corsAllowOrigin: ["*"] });
    expect(await allowed(ask(all, "/info", { origin }))).toBe("*");
    expect(await allowed(ask(all, "/info", {}))).toBeNull();
  });
});

test("/embeddings is /v1/embeddings, and /v1/models lists the model", async () => {
  const handler = createRequestHandler(bert, { servedModelName: "tiny" });
  const post = (path: string, body: object) =>
    handler(new Request(`http://localhost${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })); // biome-ignore format: one line
  for (const body of [{ input: "a" }, { input: [] }]) {
    const [first, second] = await Promise.all([post("/embeddings", body), post("/v1/embeddings", body)]);
    expect([first.status, await first.json()]).toEqual([second.status, await second.json()]);
  }
  const { data } = await (await get(handler, "/v1/models")).json();
  expect(data).toEqual([expect.objectContaining({ id: "tiny", object: "model" })]);
});
