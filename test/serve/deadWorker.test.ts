import { expect, test, vi } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import type { RequestHandler } from "../../src/serve/index.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { recordWorkers } from "../support/workers.ts";
import { get, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

const workers = recordWorkers();

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
