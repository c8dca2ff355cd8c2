import { Agent, request } from "node:http";
import { connect } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { parseArguments } from "../../src/cli/option.ts";
import { command } from "../../src/cli/serve.ts";
import { loadBert, pipeline } from "../../src/pipelines/index.ts";
import { createRequestHandler } from "../../src/serve/index.ts";
import { listen } from "../../src/serve/nodeServer.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { head, plainbert, TINY } from "./run.ts";
import { JSON_TYPE, serve } from "./serving.ts";

const LONG = "door ".repeat(250);
/** How long a machine may take that computes other things too. */
const WAIT = { timeout: 20_000 };
/** The small model by the fast backend, in a worker: the event loop is free to take signals and other requests at once. */
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
    expect(await end("SIGINT")).toMatchObject({ code: 0, stdout: `${address}\n` });
  });

  /** Requests of every kind, with the key wherever a client could put it. */
  async function askAll(address: string, key: string): Promise<number[]> {
    const post = async (path: string, body: unknown, headers: Record<string, string> = { authorization: `Bearer ${key}` }) =>
      (await fetch(`${address}${path}`, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) })).status; // biome-ignore format: one line
    return [
      await post("embed", { inputs: `A text, ${key}` }),
      await post(`v1/embeddings?key=${encodeURIComponent(key)}`, { input: ["a", "b"], user: key }),
      await post("embed", { inputs: "a", prompt_name: key }),
      await post("embed", { inputs: { [key]: key } }),
      await post("predict", { inputs: "a" }),
      await post("embed", { inputs: "a" }, { authorization: `Bearer ${key}x` }),
      await post(encodeURIComponent(key), {}),
      (await fetch(`${address}health`)).status,
    ];
  }
  const STATUSES = [200, 200, 413, 422, 424, 401, 404, 200];

  test("logs what text-embeddings-inference logs: that it is ready, each request with its times, errors", async () => {
    const { address, end } = await serve(TINY, { API_KEY: "secret-key" });
    expect(await askAll(address, "secret-key")).toEqual(STATUSES);
    const { stdout, stderr } = await end("SIGTERM");
    expect(stdout).toBe(`${address}\n`);
    const times = '\\{total_time="\\d+ms" tokenization_time="\\d+ms" queue_time="\\d+ms" inference_time="\\d+ms"\\}';
    const lines = stderr.trimEnd().split("\n");
    const wanted = [
      " INFO Ready",
      ` INFO embed${times}: Success status=200`,
      ` INFO v1/embeddings${times}: Success status=200`,
      "ERROR embed: Validation error status=413",
      "ERROR embed: Validation error status=422",
      "ERROR predict: Backend error: Model is not a classifier model status=424",
      "ERROR embed: The key is missing or wrong status=401",
      " INFO Ending, once every request that has come is answered",
    ];
    for (const [i, line] of wanted.entries()) {
      expect(lines[i]).toMatch(new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z ${line}$`));
    }
    expect(lines.length).toBe(wanted.length);
    expect(stderr).not.toContain("secret-key");
  });

  test.each([
    ["--json-output", {}],
    ["JSON_OUTPUT", { JSON_OUTPUT: "true" }],
  ])("%s: a line of the log is JSON; neither the key nor a text is in it", async (name, env) => {
    const args = name.startsWith("--") ? [name] : [];
    const { address, end } = await serve([...TINY, ...args, "--api-key", "secret-key"], env);
    expect(await askAll(address, "secret-key")).toEqual(STATUSES);
    const { stdout, stderr } = await end("SIGTERM");
    expect(stdout).toBe(`${address}\n`);
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line)); // biome-ignore format: one line
    expect(lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      "INFO Ready",
      ...["INFO Success", "INFO Success", "ERROR Validation error", "ERROR Validation error"],
      ...["ERROR Backend error: Model is not a classifier model", "ERROR The key is missing or wrong"],
      "INFO Ending, once every request that has come is answered",
    ]);
    for (const { timestamp, target } of lines) {
      expect(new Date(timestamp).toISOString()).toBe(timestamp);
      expect(target).toBe("plainbert::serve");
    }
    const time = expect.stringMatching(/^\d+ms$/);
    const times = { total_time: time, tokenization_time: time, queue_time: time, inference_time: time };
    expect(lines[2].span).toEqual({ name: "v1/embeddings", ...times });
    expect(stderr).not.toContain("secret");
    expect(stderr).not.toContain("A text");
  });

  test("JSON_OUTPUT=false is text", async () => {
    const { end } = await serve(TINY, { JSON_OUTPUT: "false" });
    expect((await end("SIGTERM")).stderr).toMatch(/^\d[^{]*Z {2}INFO Ready\n/);
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
    await vi.waitFor(async () => expect(await metrics()).toContain('te_request_count{method="batch"} 1'), WAIT);
    expect((await fetch(`${address}ready`)).status).toBe(200);
    const ended = end("SIGTERM");
    const ready = async () => (await fetch(`${address}ready`)).status;
    await vi.waitFor(async () => expect(await ready()).toBe(503), WAIT);
    const late = await embed({ inputs: "a" });
    expect([late.status, late.headers.get("retry-after")]).toEqual([503, "1"]);
    const response = await asked;
    expect(response.status).toBe(200);
    expect(await response.json()).toHaveLength(150);
    expect((await ended).code).toBe(0);
  }, 90_000);

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

  test.each([
    ["SIGTERM", 200], // less is the same signal twice, as npx and timeout hand it on
    ["SIGINT", 0], // another kind is no copy of the first
  ] as const)("a second signal, %s, ends it at once", async (signal, after) => {
    const { address, embed, metrics, end } = await serve(IN_WORKER);
    const asked = embed({ inputs: Array(600).fill(LONG) }).catch((error) => error);
    await vi.waitFor(async () => expect(await metrics()).toContain("te_request_count"), WAIT);
    end("SIGTERM");
    await vi.waitFor(async () => expect((await fetch(`${address}ready`)).status).toBe(503), WAIT);
    await new Promise((later) => setTimeout(later, after));
    expect((await end(signal)).code).toBe(signal === "SIGINT" ? 130 : 143);
    expect(await asked).toBeInstanceOf(Error);
  });

  test("a signal that comes twice at once, as npx and timeout hand it on, is one", async () => {
    const { address, embed, metrics, end } = await serve(IN_WORKER);
    const asked = embed({ inputs: Array(50).fill(LONG) });
    await vi.waitFor(async () => expect(await metrics()).toContain("te_request_count"), WAIT);
    end("SIGTERM");
    const { code, stdout } = await end("SIGTERM");
    expect([code, stdout]).toEqual([0, `${address}\n`]);
    expect((await asked).status).toBe(200);
  });

  test("a client that hangs up frees its place", async () => {
    const { embed, metrics, end } = await serve([...IN_WORKER, "--max-concurrent-requests", "1"]);
    const controller = new AbortController();
    const asked = embed({ inputs: Array(600).fill(LONG) }, { signal: controller.signal }).catch(({ name }) => name);
    await vi.waitFor(async () => expect(await metrics()).toContain("te_request_count"), WAIT);
    expect((await embed({ inputs: "a" })).status).toBe(429);
    controller.abort();
    expect(await asked).toBe("AbortError");
    await vi.waitFor(async () => expect((await embed({ inputs: "a" })).status).toBe(200), WAIT);
    await end("SIGTERM");
  });

  test("several models, by their names; options by their names in text-embeddings-inference", async () => {
    const args = ["--model-id", head("mlm"), "--model", head("one_label"), "--backend", "plain"];
    const names = ["--served-model-name", "tiny", "--served-model-name=rank"];
    const variables = { MAX_BATCH_TOKENS: "50", AUTO_TRUNCATE: "false" }; // which do not go together
    const { address, end } = await serve([...args, "--auto-truncate", ...names], variables);
    const { data } = await (await fetch(`${address}v1/models`)).json();
    expect(data.map(({ id }: { id: string }) => id)).toEqual(["tiny", "rank"]);
    const ask = (path: string, body: object) =>
      fetch(`${address}${path}`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(body) });
    expect((await (await ask("v1/embeddings", { input: "a", model: "tiny" })).json()).model).toBe("tiny");
    expect((await ask("rerank", { query: "a", texts: ["b"] })).status).toBe(200);
    expect((await ask("v1/embeddings", { input: "a", model: "gpt" })).status).toBe(404);
    expect((await ask("", { inputs: "a" })).status).toBe(200);
    const { models } = await (await fetch(`${address}info`)).json();
    expect(models.map(({ max_batch_tokens: count }: { max_batch_tokens: number }) => count)).toEqual([50, 50]);
    const { code, stderr } = await end("SIGTERM");
    expect(code).toBe(0);
    expect(stderr).toMatch(/ERROR v1\/embeddings: Validation error status=404\n.* INFO \/\{total_time=/);
  });

  test("SIGTERM under load, with clients that neither send nor read", async () => {
    const { address, embed, metrics, end } = await serve([...TINY, "--max-concurrent-requests", "6"]);
    const asked = Array.from({ length: 10 }, () => embed({ inputs: Array(32).fill(LONG) }));
    const slow = Array.from({ length: 5 }, () => connect(Number(new URL(address).port), "127.0.0.1"));
    for (const [i, socket] of slow.entries()) {
      socket.on("error", () => {});
      if (i > 0) socket.write("GET /heal");
      socket.pause();
    }
    const counted = async () => Number(/te_request_count\{method="batch"\} (\d+)/.exec(await metrics())?.[1]);
    await vi.waitFor(async () => expect(await counted()).toBeGreaterThanOrEqual(6), WAIT);
    const ended = end("SIGTERM");
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(6);
    for (const status of statuses) expect([200, 429, 503]).toContain(status); // as they came
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).toMatch(/^.* INFO Ready\n/);
    expect(stderr).not.toMatch(/ {4}at /); // no stack of a mistake
  }, 90_000);

  test.each([
    [["--auto-truncate"], "true"],
    [["--auto-truncate", "--port", "1"], "true"],
    [["--auto-truncate", "--", "false"], "true"],
    [["--auto-truncate", "false"], "false"],
    [["--auto-truncate=false", "--port", "1"], "false"],
    [["--port", "1"], undefined],
  ])(
    "%j, as text-embeddings-inference reads it: %s",
    (argv, value) => {
      expect(parseArguments(argv, command.options, command.elsewhere).values["auto-truncate"]).toBe(value);
    },
    90_000,
  );

  test.each([["-p", "81"], ["-p81"], ["--port", "81"], ["-p", "80", "--port=81"]])("%s %s is --port 81", (...argv) => {
    expect(parseArguments(argv, command.options).values.port).toBe(81);
  });

  test("what is wrong with the command line or the environment", async () => {
    expect(await plainbert(["serve", "x"])).toMatchObject({ code: 2 });
    const { code, stderr } = await plainbert(["serve", ...TINY], { env: { MAX_CLIENT_BATCH_SIZE: "many" } });
    expect(code).toBe(2);
    expect(stderr).toContain('--max-client-batch-size must be a whole number from 1 to 999999999, got "many"');
    for (const name of [
      "tokenization-workers",
      "uds-path",
      "prometheus-port",
      "otlp-endpoint",
      "max-batch-requests",
      "disable-spans",
    ]) {
      const refused = await plainbert(["serve", ...TINY, `--${name}`, "1"]);
      expect(refused).toMatchObject({ code: 2 });
      expect(refused.stderr).toContain(`plainbert serve: --${name}: leave it out, `);
    }
    expect((await plainbert(["serve", ...TINY, "--hf-token=a"])).stderr).toContain("set the variable HF_TOKEN instead");
    expect((await plainbert(["serve", ...TINY, "--pooling2", "a"])).stderr).toContain("did you mean --pooling?");
    const twice = await plainbert(["serve", ...TINY, "--model", head("mlm")]);
    expect(twice.stderr).toContain("--served-model-name must give each model a name of its own, got ");
    const names = await plainbert(["serve", ...TINY, "--served-model-name", "a", "--served-model-name", "b"]);
    expect(names.stderr).toContain("expected --served-model-name as often as --model, 1, got 2");
    const pass = await plainbert(["serve", ...TINY, "--max-batch-tokens", "9", "--auto-truncate", "false"]);
    expect(pass.stderr).toContain("--max-batch-tokens must be at least 64, the most tokens of an input, where --auto-truncate is false"); // biome-ignore format: one line
    const { address, end } = await serve(TINY);
    const { port } = new URL(address);
    const taken = await plainbert(["serve", ...TINY, "--port", port]);
    expect(taken.code).toBe(1);
    expect(taken.stderr).toContain(`--port must be one that is free, got ${port}: `);
    const nowhere = await plainbert(["serve", ...TINY, "--hostname", "192.0.2.1"]);
    expect(nowhere.stderr).toContain('--hostname must be one of this machine, got "192.0.2.1": ');
    const prompt = await plainbert(["serve", ...TINY, "--default-prompt-name", "x"]);
    expect(prompt.code).toBe(2);
    expect(prompt.stderr).toContain(
      'serve: --default-prompt-name must be one of the model\'s, "query", "document", got "x"',
    );
    await end("SIGTERM");
  });

  test.each<[args: readonly string[], env: Record<string, string>, message: string]>([
    [["--hostname", ""], {}, '--hostname must not be empty, got ""'],
    [["--hostname="], { HOSTNAME: "127.0.0.1" }, '--hostname must not be empty, got ""'],
    [["--api-key", "secret\n"], {}, "--api-key must be visible ASCII characters, spaces only"],
    [[], { API_KEY: "secret\n" }, "--api-key must be visible ASCII characters, spaces only"],
    [
      ["--cors-allow-origin", "foo bar"],
      {},
      '--cors-allow-origin must be origins such as "https://example.com", or "*", ',
    ],
    [["--served-model-name", ""], {}, '--served-model-name must be a name, got ""'],
    [["--pooling", "splade", "--model", head("ner")], {}, "--pooling must be left out for a model without"],
    [["--max-batch-tokens", "9", "--auto-truncate", "false"], {}, "--max-batch-tokens must be at least 64"],
  ])("a value that is refused is a wrong command line: %j %j", async (args, env, message) => {
    const model = args.includes("--model") ? ["--backend", "plain"] : TINY;
    const { code, stdout, stderr } = await plainbert(["serve", ...model, ...args, "--port", "0"], { env });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`plainbert serve: ${message}`);
    expect(stderr).not.toMatch(/createRequestHandler|secret/);
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
