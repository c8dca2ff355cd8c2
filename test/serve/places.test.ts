import { afterAll, describe, expect, test, vi } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { head } from "../cli/run.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { get, post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";

/** Requests that are too many, given up, or late. */
const mlm = await loadBert(head("mlm"), { backend: "plain" });
afterAll(() => mlm.dispose());

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
