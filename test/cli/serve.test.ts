import { spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";
import { createRequestHandler } from "../../src/serve/index.ts";
import { listen } from "../../src/serve/nodeServer.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { finished, head, MAIN, plainbert, type Result, TINY } from "./run.ts";

const JSON_TYPE = { "content-type": "application/json" };

/** The command as a process that serves at a port that is free; `end` sends it a signal. */
async function serve(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, "serve", ...args], { env: { ...process.env, PORT: "0", ...env } });
  const result = finished(child);
  const printed = new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())));
  const early = result.then(({ stderr }) => Promise.reject(new Error(stderr)));
  early.catch(() => {});
  const address = await Promise.race([printed, early]);
  return {
    address,
    embed: (body: object, init: RequestInit = {}) =>
      fetch(`${address}embed`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body), ...init }),
    metrics: async () => (await fetch(`${address}metrics`)).text(),
    end: (signal: NodeJS.Signals): Promise<Result> => {
      child.kill(signal);
      return result;
    },
  };
}

/** The small model by the backend that takes a second for this text. */
const SLOW = ["--model", WEIGHTS, "--backend", "plain"];
const LONG = "door ".repeat(250);
/** The same by the fast backend, in a worker: the event loop is free to take signals and other requests at once. */
const IN_WORKER = ["--model", WEIGHTS, "--threads", "1", "--max-client-batch-size", "600"];

describe.skipIf(process.platform === "win32")("plainbert serve", () => {
  test("prints its address, answers with the pipeline's bits, and Ctrl-C ends it with status 0", async () => {
    const { address, embed, end } = await serve(TINY);
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    await using own = await pipeline("embeddings", head("mlm"), { backend: "plain" });
    const { data } = await own("The door was open.", { normalize: true });
    const response = await embed({ inputs: "The door was open." });
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(Float32Array.from((await response.json())[0])).toEqual(data);
    expect((await (await fetch(`${address}info`)).json()).model_id).toBe(head("mlm"));
    expect((await fetch(`${address}health`, { method: "HEAD" })).status).toBe(200);
    expect(await end("SIGINT")).toMatchObject({ code: 0, stderr: "", stdout: `${address}\n` });
  });

  test("options of the environment, which those of the command line go before", async () => {
    const variables = {
      ...{
        MODEL_ID: head("one_label"),
        SERVED_MODEL_NAME: "named",
        MAX_CLIENT_BATCH_SIZE: "7",
        AUTO_TRUNCATE: "false",
      },
      ...{ MAX_CONCURRENT_REQUESTS: "9", HOSTNAME: "some-machine", DTYPE: "bfloat16" },
    };
    const { address, end } = await serve(["--max-concurrent-requests", "8", "--backend", "plain"], variables);
    expect(address).toContain("127.0.0.1");
    expect(await (await fetch(`${address}info`)).json()).toMatchObject({
      ...{ model_id: head("one_label"), served_model_name: "named", max_client_batch_size: 7, auto_truncate: false },
      ...{ max_concurrent_requests: 8, model_dtype: "bfloat16" },
    });
    await end("SIGTERM");
  });

  test("SIGTERM: /ready and new requests get 503, what is in flight is answered, then status 0", async () => {
    const { address, embed, metrics, end } = await serve(IN_WORKER);
    const asked = embed({ inputs: Array(150).fill(LONG) });
    await vi.waitFor(async () => expect(await metrics()).toContain('te_request_count{method="batch"} 1'));
    expect((await fetch(`${address}ready`)).status).toBe(200);
    const ended = end("SIGTERM");
    const ready = async () => (await fetch(`${address}ready`)).status;
    await vi.waitFor(async () => expect(await ready()).toBe(503));
    const late = await embed({ inputs: "a" });
    expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
    const response = await asked;
    expect(response.status).toBe(200);
    expect(await response.json()).toHaveLength(150);
    expect((await ended).code).toBe(0);
  });

  test("SIGTERM: half a head and half a body have not come, and do not hold up the end", async () => {
    const { address, end } = await serve(TINY);
    const head = "POST /embed HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    const [silent, halfHead, halfBody] = ["", head, `${head}content-length: 1000\r\n\r\n{"inputs": "`].map((sent) => {
      const socket = connect(Number(new URL(address).port), "127.0.0.1", () => socket.write(sent)).on(
        "error",
        () => {},
      );
      return socket;
    });
    const told = new Promise((resolve) => halfBody.once("data", (data) => resolve(String(data).split("\r\n")[0])));
    const gone = Promise.all(
      [silent, halfHead].map((socket) => new Promise((resolve) => socket.once("close", resolve))),
    );
    await vi.waitFor(async () => expect((await fetch(`${address}health`)).status).toBe(200));
    await new Promise((later) => setTimeout(later, 200)); // what was sent has come
    expect((await end("SIGTERM")).code).toBe(0);
    expect(await told).toBe("HTTP/1.1 503 Service Unavailable");
    await gone;
  });

  test("a second signal ends it at once", async () => {
    const { embed, metrics, end } = await serve(IN_WORKER);
    const asked = embed({ inputs: Array(600).fill(LONG) }).catch((error) => error);
    await vi.waitFor(async () => expect(await metrics()).toContain("te_request_count"));
    end("SIGTERM");
    await new Promise((later) => setTimeout(later, 700)); // less is the same signal twice
    expect((await end("SIGTERM")).code).toBe(143);
    expect(await asked).toBeInstanceOf(Error);
  });

  test("a client that hangs up frees its place", async () => {
    const { embed, metrics, end } = await serve([...SLOW, "--max-concurrent-requests", "1"]);
    const controller = new AbortController();
    const asked = embed({ inputs: Array(32).fill(LONG) }, { signal: controller.signal }).catch(({ name }) => name);
    await vi.waitFor(async () => expect(await metrics()).toContain("te_request_count"));
    expect((await embed({ inputs: "a" })).status).toBe(429);
    controller.abort();
    expect(await asked).toBe("AbortError");
    await vi.waitFor(async () => expect((await embed({ inputs: "a" })).status).toBe(200), { timeout: 10_000 });
    await end("SIGTERM");
  });

  test("what is wrong with the command line or the environment", async () => {
    expect(await plainbert(["serve", "x"])).toMatchObject({ code: 2 });
    const { code, stderr } = await plainbert(["serve", ...TINY], { env: { MAX_CLIENT_BATCH_SIZE: "many" } });
    expect(code).toBe(2);
    expect(stderr).toContain('--max-client-batch-size must be a whole number from 1 to 999999999, got "many"');
    const { address, end } = await serve(TINY);
    const { port } = new URL(address);
    const taken = await plainbert(["serve", ...TINY, "--port", port]);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toContain(`--port must be one that is free, got ${port}: `);
    const nowhere = await plainbert(["serve", ...TINY, "--hostname", "192.0.2.1"]);
    expect(nowhere.stderr).toContain('--hostname must be one of this machine, got "192.0.2.1": ');
    const prompt = await plainbert(["serve", ...TINY, "--default-prompt-name", "x"]);
    expect(prompt.stderr).toContain('--default-prompt-name must be one of the model\'s, "query", "document", got "x"');
    await end("SIGTERM");
  });
});

describe("the server of node:http", async () => {
  const bert = await loadBert(head("mlm"), { backend: "plain" });
  const handler = createRequestHandler(bert, { payloadLimit: 100_000 });
  const errors: unknown[] = [];
  const options = { hostname: "127.0.0.1", port: 0, onError: (error: unknown) => errors.push(error) };

  test("a body that is too long is answered, and its connection lives on", async () => {
    const server = await listen(handler, options);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set();
    const ask = (body: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const asked = request(`${server.address}embed`, { method: "POST", headers: JSON_TYPE, agent }, (response) => {
          sockets.add(response.socket);
          response.resume().on("end", () => resolve(response.statusCode));
        });
        asked.on("error", reject).end(body);
      });
    const long = JSON.stringify({ inputs: "a".repeat(5_000_000) });
    expect(await ask(long)).toBe(413);
    expect(await ask(JSON.stringify({ inputs: "a" }))).toBe(200);
    expect(await ask(long)).toBe(413);
    expect(sockets.size).toBe(1);
    agent.destroy();
    await server.close();
  });

  test("what is no request for a path", async () => {
    const server = await listen(handler, options);
    const { port } = new URL(server.address);
    const answerTo = (line: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(port), "127.0.0.1", () => socket.write(`${line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)); // biome-ignore format: one line
        let text = "";
        socket.on("data", (data) => {
          text += data;
        });
        socket.on("close", () => resolve(text.split("\r\n")[0]));
      });
    expect(await answerTo("GET /%")).toBe("HTTP/1.1 404 Not Found");
    expect(await answerTo("GET http://other.example/health")).toBe("HTTP/1.1 200 OK");
    expect(await answerTo("GET http://[")).toBe("HTTP/1.1 400 Bad Request");
    expect(await answerTo("TRACE /health")).toBe("HTTP/1.1 400 Bad Request"); // the web's Request has none
    expect(await answerTo("OPTIONS *")).toBe("HTTP/1.1 400 Bad Request");
    await server.close();
  });

  test("what the handler throws is 500, and told", async () => {
    const mistaken = Object.assign(() => Promise.reject(new Error("mistake")), { drain: async () => {} });
    const failing = await listen(mistaken, options);
    expect((await fetch(failing.address)).status).toBe(500);
    expect(errors).toEqual([new Error("mistake")]);
    await failing.close();
  });
});
