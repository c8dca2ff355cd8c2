import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, test } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { HELD_BYTES, parsedBytes, Share } from "../../src/serve/heldMemory.ts";
import { createRequestHandler } from "../../src/serve/index.ts";
import { jsonAnswer } from "../../src/serve/jsonAnswer.ts";
import { head } from "../cli/run.ts";

/** What requests hold in memory, and how it is given back. */
const mlm = await loadBert(head("mlm"), { backend: "plain" });
const qa = await loadBert(head("qa"), { backend: "plain" });
afterAll(() => Promise.all([mlm.dispose(), qa.dispose()]));

const share = () => new Share({ free: HELD_BYTES });
const JSON_TYPE = { "content-type": "application/json" };
const ask = (handler: ReturnType<typeof createRequestHandler>, path: string, body: object, signal?: AbortSignal) =>
  handler(new Request(`http://localhost${path}`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), signal: signal ?? null })); // biome-ignore format: one line

describe("jsonAnswer", () => {
  const numbers = Float32Array.of(0.5, -0, 1e-30, 3, Number.NaN);
  const plain = [0.5, 0, 1e-30, 3, null];

  test.each<readonly [unknown, unknown]>([
    [[], []],
    [
      [[], [[]]],
      [[], [[]]],
    ],
    [{}, {}],
    [new Float32Array(0), []],
    [
      [numbers, [numbers]],
      [plain, [plain]],
    ],
    [
      { data: [{ e: numbers, i: 0 }], "a\n": "é", n: null },
      { data: [{ e: plain, i: 0 }], "a\n": "é", n: null },
    ],
    [
      [{ id: 1, text: 'a"' }, true, null, 1.5],
      [{ id: 1, text: 'a"' }, true, null, 1.5],
    ],
  ])("%j", async (value, want) => {
    const response = jsonAnswer(value, { "x-a": "b" }, share());
    const text = await response.text();
    expect(JSON.parse(text)).toEqual(want);
    expect(response.headers.get("content-length")).toBe(String(new TextEncoder().encode(text).length));
    expect([response.headers.get("x-a"), response.headers.get("content-type")]).toEqual(["b", "application/json"]);
  });

  test("a long answer is the same text, in pieces that are made when they are read; then its memory is free", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => Float32Array.from({ length: 384 }, (_, d) => Math.sin(i + d)));
    const memory = { free: HELD_BYTES };
    const own = new Share(memory);
    own.take(1000);
    const { body } = jsonAnswer({ data: rows }, {}, own);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body!) {
      chunks.push(chunk);
      expect(chunk.length).toBeLessThan(100_000);
      expect(memory.free).toBe(HELD_BYTES - 1000);
    }
    expect(memory.free).toBe(HELD_BYTES);
    const text = Buffer.concat(chunks).toString();
    expect(JSON.parse(text).data.map((row: number[]) => Float32Array.from(row))).toEqual(rows);
    expect(chunks.length).toBeGreaterThan(10);
  });

  test("an answer that is given up frees its memory", async () => {
    const memory = { free: HELD_BYTES };
    const own = new Share(memory);
    own.take(1000);
    await jsonAnswer(Array(100_000).fill("a"), {}, own).body!.cancel();
    expect(memory.free).toBe(HELD_BYTES);
    own.take(1000); // comes too late
    expect(memory.free).toBe(HELD_BYTES);
  });
});

test("parsed JSON takes no more than is counted, whatever it is", () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const N = 150_000;
  const many = (of: (i: number) => string) => Array.from({ length: N }, (_, i) => of(i)).join();
  const bodies = {
    lists: `[${many(() => "[]")}]`,
    "lists of one": `[${many(() => "[1]")}]`,
    objects: `[${many(() => "{}")}]`,
    "objects of one": `[${many((i) => `{"${i.toString(36)}x":1}`)}]`,
    names: `{${many((i) => `"${i.toString(36)}x":1`)}}`,
    depth: "[".repeat(N) + "]".repeat(N),
    strings: `[${many((i) => `"${i.toString(36)}€"`)}]`,
    numbers: `["",${many(() => "1.5")}]`,
    "a text of two bytes a character": JSON.stringify("€".padEnd(2_000_000, "a")),
  };
  for (const [name, body] of Object.entries(bodies)) {
    const counted = parsedBytes(new TextEncoder().encode(body));
    collect();
    const before = process.memoryUsage().heapUsed;
    const kept: unknown[] = [JSON.parse(body)];
    collect();
    const used = process.memoryUsage().heapUsed - before;
    expect(kept.pop()).toBeDefined();
    expect(used, name).toBeGreaterThan(500_000);
    expect(used, name).toBeLessThan(1.05 * counted);
  }
});

describe("a request that would hold too much", () => {
  const handler = createRequestHandler(mlm, { maxClientBatchSize: 100_000, payloadLimit: 20_000_000 });

  test.each<readonly [string, object]>([
    ["/embed_all", { inputs: Array(20_000).fill("!".repeat(70)) }],
    ["/tokenize", { inputs: "!".repeat(2_000_000) }],
    ["/fill-mask", { inputs: "[MASK] ".repeat(60).repeat(100), parameters: { top_k: 30_000, truncation: true } }],
    ["/embed", { inputs: "a", more: Array(3_000_000).fill([]) }],
  ])("%s: 413, and the next is answered", async (path, body) => {
    const response = await ask(handler, path, body);
    expect(response.status).toBe(413);
    expect((await response.json()).error).toContain("memory that requests may hold");
    expect((await ask(handler, "/embed", { inputs: "a" })).status).toBe(200);
  });

  test("windows that lie a token apart", async () => {
    const inputs = { question: "Who?", context: "a ".repeat(50_000) };
    const answering = createRequestHandler(qa);
    const body = { inputs, parameters: { doc_stride: 50, max_seq_len: 56 } };
    expect((await ask(answering, "/question-answering", body)).status).toBe(413);
    expect((await ask(answering, "/question-answering", { inputs: { ...inputs, context: "a b" } })).status).toBe(200);
  });
});

test("answers that nobody reads leave no memory for others, which get 429 until they are given up", async () => {
  const handler = createRequestHandler(mlm, { payloadLimit: 10_000_000 });
  // The answer is more than a piece, and what comes with the request takes 80 MB
  const body = { inputs: Array(32).fill("door ".repeat(70)), more: Array(800_000).fill([]) };
  const unread: Response[] = [];
  for (let n = 0; n < 3; n++) unread.push(await ask(handler, "/embed_all", body));
  expect(unread.map(({ status }) => status)).toEqual([200, 200, 200]);
  const refused = await ask(handler, "/embed_all", body);
  expect(refused.status).toBe(429);
  expect(await refused.json()).toEqual({ error: "Model is overloaded", error_type: "Overloaded" });
  expect((await ask(handler, "/embed", { inputs: "a" })).status).toBe(200);
  await unread[0].body!.cancel();
  const later = await ask(handler, "/embed_all", body);
  expect(later.status).toBe(200);
  expect(await later.json()).toHaveLength(32);
  const again = await ask(handler, "/embed_all", body); // what has been read holds nothing
  expect(again.status).toBe(200);
});
