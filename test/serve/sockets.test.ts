import { connect, type Socket } from "node:net";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { loadBert } from "../../src/pipelines/index.ts";
import { createRequestHandler } from "../../src/serve/index.ts";
import { listen, type NodeServer } from "../../src/serve/nodeServer.ts";
import { head } from "../cli/run.ts";

/** Whatever arrives on a connection is refused or answered rightly, and the next request is answered. */
const bert = await loadBert(head("mlm"), { backend: "plain" });
afterAll(() => bert.dispose());
const handler = createRequestHandler(bert, { payloadLimit: 100_000, maxConcurrentRequests: 8 });
const errors: unknown[] = [];
const options = { hostname: "127.0.0.1", port: 0, onError: (error: unknown) => errors.push(error) };
const server: NodeServer = await listen(handler, options);
const sockets = new Set<Socket>();
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
});
afterEach(async () => {
  expect(errors).toEqual([]);
  const response = await fetch(`${server.address}embed`, { method: "POST", headers: JSON_TYPE, body: BODY });
  expect(response.status).toBe(200); // the next request
  expect(await response.json()).toHaveLength(1);
});

const JSON_TYPE = { "content-type": "application/json" };
const BODY = '{"inputs":"The door was open."}';
const POST = "POST /embed HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
const WHOLE = `${POST}content-length: ${BODY.length}\r\n\r\n${BODY}`;
/** More than the system's buffers take, so that what is not read is not sent: 64 tokens of 24 numbers, 32 times. */
const LONG = JSON.stringify({ inputs: Array(32).fill("door ".repeat(70)) });
const MUCH = `POST /embed_all HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${LONG.length}\r\n\r\n${LONG}`;

/** A connection, and what has come on it. */
async function open(to = server) {
  const { port } = new URL(to.address);
  const socket = connect(Number(port), "127.0.0.1");
  sockets.add(socket);
  const got = { socket, text: "", closed: false };
  socket.on("error", () => {}); // of one that is cut off
  socket.on("close", () => {
    got.closed = true;
    sockets.delete(socket);
  });
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.on("data", (data) => {
    got.text += data;
  });
  return got;
}

/** What comes for these bytes until the connection is closed, or until there are as many answers. */
async function answersTo(bytes: string | Uint8Array, count = 1, to = server): Promise<string> {
  const got = await open(to);
  got.socket.write(bytes);
  await vi.waitFor(() => expect(got.closed || statuses(got.text).length >= count).toBe(true), { timeout: 25_000 });
  await new Promise((turn) => setTimeout(turn, 20)); // another answer would be there
  got.socket.destroy();
  return got.text;
}

const statuses = (text: string) => Array.from(text.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status));
const metrics = async () => (await fetch(`${server.address}metrics`)).text();

describe("what is no good HTTP, or seldom", () => {
  const chunked = `${POST}transfer-encoding: chunked\r\n`;
  const hex = BODY.length.toString(16);

  test.each<readonly [string, string, readonly number[]]>([
    [
      "both a length and chunks",
      `${chunked}content-length: ${BODY.length}\r\n\r\n${hex}\r\n${BODY}\r\n0\r\n\r\n`,
      [400],
    ],
    ["two lengths", `${POST}content-length: 3\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`, [400]],
    ["a length below 0", `${POST}content-length: -1\r\n\r\n${BODY}`, [400]],
    ["a length that is no number", `${POST}content-length: 0x1f\r\n\r\n${BODY}`, [400]],
    ["another transfer", `${POST}transfer-encoding: gzip\r\n\r\n${BODY}`, [400]],
    ["a chunk without a length", `${chunked}\r\nx\r\n${BODY}`, [400]],
    ["chunks", `${chunked}\r\n${hex}\r\n${BODY}\r\n0\r\n\r\n`, [200]],
    ["chunks of a byte", `${chunked}\r\n${[...BODY].map((c) => `1\r\n${c}\r\n`).join("")}0\r\n\r\n`, [200]],
    ["no length", `${POST}\r\n`, [400]],
    ["no host", `${POST.replace("host: x\r\n", "")}content-length: ${BODY.length}\r\n\r\n${BODY}`, [400]],
    ["no HTTP", "\x16\x03\x01\x02\x00", [400]],
    ["a line that ends the headers too early", `GET /health HTTP/1.1\r\nhost: x\r\n bad\r\n\r\n`, [400]],
    ["another version", `GET /health HTTP/3.0\r\nhost: x\r\n\r\n`, [400]],
    ["long headers", `GET /health HTTP/1.1\r\nhost: x\r\nx: ${"a".repeat(20_000)}\r\n\r\n`, [431]],
    ["a long address", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, [431]],
    ["a path in percents", "GET /%68ealth HTTP/1.1\r\nhost: x\r\n\r\n", [404]],
    ["a path with dots", "GET /a/../health HTTP/1.1\r\nhost: x\r\n\r\n", [200]],
    ["a path with a query", "GET /health?a=%00#b HTTP/1.1\r\nhost: x\r\n\r\n", [200]],
    ["an address of another host", "GET //other/health HTTP/1.1\r\nhost: x\r\n\r\n", [404]],
    ["a whole address", "GET http://other/health HTTP/1.1\r\nhost: x\r\n\r\n", [200]],
    ["another method", WHOLE.replace("POST", "PUT"), [405]],
    ["OPTIONS", "OPTIONS /embed HTTP/1.1\r\nhost: x\r\n\r\n", [405]],
    ["HEAD of what is asked by POST", "HEAD /embed HTTP/1.1\r\nhost: x\r\n\r\n", [405]],
    ["CONNECT", "CONNECT other:443 HTTP/1.1\r\nhost: x\r\n\r\n", []],
    ["an upgrade", WHOLE.replace("host: x", "host: x\r\nconnection: upgrade\r\nupgrade: websocket"), [200]],
    ["another type", WHOLE.replace("application/json", "text/plain"), [415]],
    ["no type", WHOLE.replace("content-type: application/json\r\n", ""), [415]],
    ["three requests at once", WHOLE.repeat(3), [200, 200, 200]],
    ["one that is refused before one that is not", WHOLE.replace("/embed", "/no") + WHOLE, [404, 200]],
    ["a body that is too long before another request", `${POST}content-length: 200000\r\n\r\n${" ".repeat(200_000)}${WHOLE}`, [413, 200]], // biome-ignore format: one line
  ])("%s", async (_, bytes, want) => {
    expect(statuses(await answersTo(bytes, want.length || 1))).toEqual(want);
  });

  test("HEAD has the length of the answer and nothing of it", async () => {
    const text = await answersTo("HEAD /info HTTP/1.1\r\nhost: x\r\n\r\n");
    const [headers, body] = text.split("\r\n\r\n");
    expect(body).toBe("");
    const { length } = await (await fetch(`${server.address}info`)).text();
    expect(headers.toLowerCase()).toContain(`\r\ncontent-length: ${length}`);
  });

  test("HTTP/1.0: the connection ends with the answer, a long one too", async () => {
    for (const request of [WHOLE, MUCH]) {
      const got = await open();
      got.socket.write(request.replace("HTTP/1.1", "HTTP/1.0"));
      await vi.waitFor(() => expect(got.closed).toBe(true), { timeout: 10_000 });
      const [headers, body] = got.text.split("\r\n\r\n");
      expect(statuses(headers)).toEqual([200]);
      expect(headers.toLowerCase()).not.toContain("chunked");
      expect(JSON.parse(body)).toHaveLength(request === WHOLE ? 1 : 32);
    }
  });

  test("Expect: 100-continue", async () => {
    const got = await open();
    got.socket.write(`${POST}expect: 100-continue\r\ncontent-length: ${BODY.length}\r\n\r\n`);
    await vi.waitFor(() => expect(statuses(got.text)).toEqual([100]));
    got.socket.write(BODY);
    await vi.waitFor(() => expect(statuses(got.text)).toEqual([100, 200]));
    got.socket.destroy();
  });

  test("a hundred pipelined requests: as many as there are places for are answered, the others get 429, in order", async () => {
    const all = statuses(await answersTo(WHOLE.repeat(100), 100));
    expect(all).toHaveLength(100);
    expect(all[0]).toBe(200);
    for (const status of all) expect([200, 429]).toContain(status);
  });

  test("a body with and without its length that is too long, and a length that does not come", async () => {
    const much = " ".repeat(150_000);
    const lines = `${much.length.toString(16)}\r\n${much}\r\n`;
    expect(statuses(await answersTo(`${POST}transfer-encoding: chunked\r\n\r\n${lines}${lines}`))).toEqual([413]);
    expect(statuses(await answersTo(`${POST}content-length: 99999999999\r\n\r\n`))).toEqual([413]);
  });
});

describe("a client that hangs up", () => {
  const stages: readonly (readonly [string, string])[] = [
    ["before anything", ""],
    ["within the first line", "POST /em"],
    ["within the headers", POST],
    ["before the body", `${POST}content-length: ${BODY.length}\r\n\r\n`],
    ["within the body", WHOLE.slice(0, -5)],
    ["within chunks", `${POST}transfer-encoding: chunked\r\n\r\n10\r\n{"inp`],
    ["after the request", WHOLE],
    ["while much is computed", MUCH],
    ["while much waits", MUCH.repeat(8)],
  ];
  test.each(stages)("%s", async (_, bytes) => {
    for (const end of ["destroy", "resetAndDestroy", "end"] as const) {
      const got = await open();
      got.socket.write(bytes);
      await new Promise((turn) => setTimeout(turn, 5));
      got.socket[end]();
    }
    // Every place is free again
    await vi.waitFor(
      async () => {
        const all = Array.from({ length: 8 }, () => answersTo(WHOLE));
        expect((await Promise.all(all)).flatMap(statuses)).toEqual(Array(8).fill(200));
      },
      { timeout: 20_000, interval: 200 },
    );
  });

  test("while the answer is sent", async () => {
    for (const end of ["destroy", "resetAndDestroy"] as const) {
      const got = await open();
      got.socket.write(MUCH);
      await vi.waitFor(() => expect(got.text).not.toBe(""), { timeout: 10_000 });
      got.socket[end]();
    }
  });
});

/** A server whose every answer is `size` pieces of 64 kB, and what becomes of the answers. */
async function longAnswers(size: number, patience: object, before: () => Promise<void> = async () => {}) {
  const ends: string[] = [];
  const long = async () => {
    await before();
    let left = size;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (left-- > 0) return controller.enqueue(new Uint8Array(1 << 16).fill(0x20));
          ends.push("read");
          controller.close();
        },
        cancel: () => void ends.push("cancelled"),
      },
      { highWaterMark: 0 },
    );
    return new Response(body);
  };
  const own = await listen(Object.assign(long, { drain: async () => {} }), { ...options, patience });
  return { own, ends };
}

describe("slow clients", () => {
  test("headers, and a body, that come byte by byte are cut off with 408; meanwhile others are answered", async () => {
    const own = await listen(handler, { ...options, patience: { headers: 300, request: 600 } });
    const slow = [await open(own), await open(own), await open(own)];
    slow[1].socket.write("GET /heal");
    slow[2].socket.write(`${POST}content-length: 1000\r\n\r\n`);
    const drip = setInterval(() => {
      for (const { socket, closed } of slow.slice(1)) if (!closed) socket.write("a");
    }, 50);
    for (let n = 0; n < 8; n++) expect(statuses(await answersTo(WHOLE, 1, own))).toEqual([200]);
    await vi.waitFor(() => expect(slow.map(({ closed }) => closed)).toEqual([true, true, true]), { timeout: 10_000 });
    clearInterval(drip);
    expect(slow.slice(1).map(({ text }) => statuses(text))).toEqual([[408], [408]]);
    await own.close();
  });

  test("bodies that do not come keep no place from others, however many there are", async () => {
    const slow = await Promise.all(Array.from({ length: 50 }, () => open()));
    for (const { socket } of slow) socket.write(`${POST}content-length: 1000\r\n\r\n{`);
    expect(statuses(await answersTo(WHOLE))).toEqual([200]);
    for (const { socket } of slow) socket.destroy();
  });

  test("an answer that is not read is cut off, and made no further", async () => {
    const { own, ends } = await longAnswers(1000, { answer: 100, rate: 1_000_000 });
    const unread = await open(own);
    unread.socket.pause();
    unread.socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await vi.waitFor(() => expect(ends).toEqual(["cancelled"]), { timeout: 10_000 });
    unread.socket.destroy();
    await own.close();
  });

  test("an answer that is read slowly, but fast enough, is read to its end", async () => {
    const { own, ends } = await longAnswers(300, { answer: 20_000 });
    const got = await open(own);
    got.socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    const pace = setInterval(() => {
      if (got.socket.isPaused()) got.socket.resume();
      else got.socket.pause();
    }, 20);
    await vi.waitFor(() => expect(got.text.endsWith("\r\n0\r\n\r\n")).toBe(true), { timeout: 20_000 });
    clearInterval(pace);
    expect(ends).toEqual(["read"]);
    await own.close();
  });

  test("one whose client goes while it is sent is made no further", async () => {
    const { own, ends } = await longAnswers(1000, {});
    for (const end of ["destroy", "resetAndDestroy"] as const) {
      const got = await open(own);
      got.socket.once("data", () => got.socket[end]()).write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    }
    await vi.waitFor(() => expect(ends).toEqual(["cancelled", "cancelled"]), { timeout: 10_000 });
    await own.close();
  });

  test("one that waits for the answer before it on the connection is not cut off", async () => {
    let first = true;
    const wait = async () => {
      if (first) {
        first = false;
        await new Promise((later) => setTimeout(later, 2500));
      }
    };
    const { own, ends } = await longAnswers(1, { answer: 2000 }, wait);
    const requests = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(3);
    expect(statuses(await answersTo(requests, 3, own))).toEqual([200, 200, 200]);
    expect(ends).toEqual(["read", "read", "read"]);
    await own.close();
  });
});

describe("the end", () => {
  test("a request that does not come whole is not waited for, and one that has come is answered", async () => {
    const own = await listen(handler, options);
    const [idle, partial, body] = [await open(own), await open(own), await open(own)];
    partial.socket.write("GET /he");
    body.socket.write(WHOLE.slice(0, -5));
    const whole = await open(own);
    const count = async () => Number(/te_request_count\{method="batch"\} (\d+)/.exec(await metrics())?.[1] ?? 0);
    const before = await count();
    whole.socket.write(MUCH);
    await vi.waitFor(async () => expect(await count()).toBe(before + 1), { timeout: 10_000 });
    await own.close();
    await vi.waitFor(() => expect(whole.text.endsWith("\r\n0\r\n\r\n")).toBe(true));
    expect(statuses(whole.text)).toEqual([200]);
    await vi.waitFor(() => expect([idle, partial, body].map(({ closed }) => closed)).toEqual([true, true, true]));
  });
});
