import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CONTENT_SECURITY_POLICY, type ExplorerServer, serve, workerPolicy } from "../../src/cli/explorerServer.ts";
import { modelFiles, pageFiles } from "../../src/cli/servedFiles.ts";
import { HubServer } from "../hub/server.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { finished, head, MAIN, plainbert, type Result } from "./run.ts";

const root = join(import.meta.dirname, "..", "..");
const PAGE = join(root, "src", "explorer");
const folder = await mkdtemp(join(tmpdir(), "plainbert-explore-"));
afterAll(() => rm(folder, { recursive: true }));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Asks as no browser would have to: any method, path and headers, as they are. */
function ask(address: string, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const asked = request({ hostname, port, path, headers, method }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    asked.on("error", reject).end();
  });
}

describe("the server", () => {
  let server: ExplorerServer;
  beforeAll(async () => {
    server = await serve(new Map([...(await pageFiles(PAGE)), ...(await modelFiles(head("mlm")))]), 0);
  });
  afterAll(() => server?.close());

  test("gives the page and the model's files, byte for byte, with their types", async () => {
    for (const [path, file, type] of [
      ["/", join(PAGE, "index.html"), "text/html; charset=utf-8"],
      ["/explorer.css", join(PAGE, "explorer.css"), "text/css; charset=utf-8"],
      ["/model/config.json", join(head("mlm"), "config.json"), "application/json"],
      ["/model/model.safetensors", join(head("mlm"), "model.safetensors"), "application/octet-stream"],
    ]) {
      const { status, headers, body } = await ask(server.address, path);
      expect(status).toBe(200);
      expect(headers).toMatchObject({ "content-type": type, "content-length": String(body.length) });
      expect(body.equals(await readFile(file)), path).toBe(true);
    }
  });

  test("isolates the page, and opens nothing to other origins: with every answer", async () => {
    for (const path of ["/", "/model/vocab.txt", "/nowhere"]) {
      const { headers } = await ask(server.address, path, { origin: "https://elsewhere.example" });
      expect(headers).toMatchObject({
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
      });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });

  test("lets the worker ask the hub that it names, and Hugging Face's hosts; the page nobody", async () => {
    await using other = {
      ...(await serve(
        new Map([["/explorer-worker.js", join(PAGE, "worker.ts")]]),
        0,
        null,
        "https://hub.example/under",
      )),
      [Symbol.asyncDispose]: () => other.close(),
    };
    const { headers } = await ask(other.address, "/explorer-worker.js?1");
    const policy = String(headers["content-security-policy"]);
    expect(policy).toBe(workerPolicy("https://hub.example/under"));
    const connect =
      "connect-src 'self' https://hub.example https://huggingface.co https://*.huggingface.co https://*.hf.co";
    expect(policy.split("; ")).toEqual(
      CONTENT_SECURITY_POLICY.split("; ").map((part) => (part === "connect-src 'self'" ? connect : part)),
    );
    expect(headers["plainbert-hub"]).toBe(encodeURIComponent("https://hub.example/under"));
    expect((await ask(other.address, "/")).headers["content-security-policy"]).toBe(CONTENT_SECURITY_POLICY);
    expect(workerPolicy("https://huggingface.co").match(/https:\/\/huggingface\.co/g)?.length).toBe(1);
  });

  test("the page itself says the same policy, for servers that do not", async () => {
    const html = await readFile(join(PAGE, "index.html"), "utf8");
    const [, said] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
    expect(`${said}; frame-ancestors 'none'`).toBe(CONTENT_SECURITY_POLICY); // which a page cannot say
  });

  test.each(["elsewhere.example", "127.0.0.1", "127.0.0.1.elsewhere.example", "localhost:1"])(
    "refuses another name: %j",
    async (host) => {
      const { status, body } = await ask(server.address, "/", { host });
      expect(status).toBe(421);
      expect(String(body)).toBe(`This server answers to ${new URL(server.address).host} alone.\n`);
    },
  );

  test("refuses a request that names nothing", async () => {
    const { hostname, port } = new URL(server.address);
    const socket = connect(Number(port), hostname, () => socket.write("GET / HTTP/1.0\r\n\r\n"));
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    expect(String(Buffer.concat(chunks))).toMatch(/^HTTP\/1\.1 421 /);
  });

  test("answers to localhost", async () => {
    const { port } = new URL(server.address);
    expect((await ask(server.address, "/", { host: `localhost:${port}` })).status).toBe(200);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("refuses the method %s", async (method) => {
    const { status, headers, body } = await ask(server.address, "/", {}, method);
    expect([status, headers.allow]).toEqual([405, "GET, HEAD"]);
    expect(String(body)).toBe("Only GET and HEAD are answered.\n");
  });

  test("HEAD: the headers of GET and no body", async () => {
    for (const path of ["/", "/model/model.safetensors"]) {
      const { headers: want } = await ask(server.address, path);
      const { status, headers, body } = await ask(server.address, path, {}, "HEAD");
      expect([status, body.length]).toEqual([200, 0]);
      expect({ ...headers, date: "" }).toEqual({ ...want, date: "" });
    }
  });

  test("the page's files are not sent twice; of a model's a browser keeps no copy", async () => {
    const { headers } = await ask(server.address, "/explorer.css");
    expect(headers["last-modified"]).toBeDefined();
    const again = await ask(server.address, "/explorer.css", { "if-none-match": headers.etag as string });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    const model = await ask(server.address, "/model/model.safetensors");
    expect([model.headers.etag, model.headers["last-modified"]]).toEqual([undefined, undefined]);
  });

  test.each([
    ...["/../package.json", "/..%2fpackage.json", "/%2e%2e/package.json", "/model/../../package.json", "/model"],
    ...["/model/", "/model//config.json", "//model/config.json", "/model/./config.json", "/model/config.json/"],
    ...["/.git/config", "/model/.env", "/scenes/head.ts", "/scenes", "/model/secret.txt", "/model/%00", "/\\..\\x"],
    ...["http://127.0.0.1/", "/%", "/explorer%2ecss", "*"],
  ])("has nothing under %s", async (path) => {
    const { status, body } = await ask(server.address, path);
    expect([status, String(body)]).toEqual([404, "There is no such file.\n"]);
  });

  test("what is no HTTP, and a reader that goes away, end their connection and no other", async () => {
    const { hostname, port } = new URL(server.address);
    const socket = connect(Number(port), hostname, () => socket.write("?\r\n\r\n"));
    await new Promise((resolve) => socket.on("close", resolve).on("data", () => {}));
    const gone = request({ hostname, port, path: "/model/model.safetensors" }, (response) => response.destroy());
    await new Promise((resolve) => gone.on("error", resolve).on("close", resolve).end());
    expect((await ask(server.address, "/")).status).toBe(200);
  });

  test("a port that is taken", async () => {
    const port = Number(new URL(server.address).port);
    await expect(serve(new Map(), port)).rejects.toThrow(`explore: port must be one that is free, got ${port}: `);
  });
});

describe("the files of a model", () => {
  test("those that loadBert opens, and no others", async () => {
    const copy = join(folder, "copy");
    await cp(head("mlm"), copy, { recursive: true });
    for (const name of ["notes.txt", ".env", "pytorch_model.bin"]) await writeFile(join(copy, name), "secret");
    expect([...(await modelFiles(copy)).keys()]).toEqual(
      ["config.json", "vocab.txt", "tokenizer_config.json", "model.safetensors"].map((name) => `/model/${name}`),
    );
  });

  test("shards, by their index", async () => {
    const paths = [...(await modelFiles(join(root, "test", "pytorch", "reference", "sharded"))).keys()];
    expect(paths).toContain("/model/pytorch_model.bin.index.json");
    expect(paths.filter((path) => /-of-\d+\.bin$/.test(path)).length).toBeGreaterThan(1);
  });

  test("those of sentence-transformers' modules", async () => {
    const parent = join(folder, "sentences");
    await cp(head("mlm"), parent, { recursive: true });
    const path = await sentenceFolder(parent, "dense");
    const paths = [...(await modelFiles(path)).keys()];
    expect(paths).toContain("/model/modules.json");
    expect(
      paths.some((name) => /^\/model\/2_Dense\/model\.safetensors$/.test(name)),
      paths.join(),
    ).toBe(true);
  });

  test.skipIf(process.platform === "win32")("a link within the folder, but none that leads out", async () => {
    const linked = join(folder, "linked");
    await cp(head("mlm"), linked, { recursive: true });
    await rm(join(linked, "vocab.txt"));
    await cp(join(head("mlm"), "vocab.txt"), join(linked, "words.txt"));
    await symlink("words.txt", join(linked, "vocab.txt"));
    expect((await modelFiles(linked)).get("/model/vocab.txt")).toBe(join(linked, "vocab.txt"));
    await rm(join(linked, "vocab.txt"));
    await symlink(join(head("mlm"), "vocab.txt"), join(linked, "vocab.txt"));
    await expect(modelFiles(linked)).rejects.toThrow(
      `explore: ${join(linked, "vocab.txt")} must be in the model's folder, is a link to ${join(head("mlm"), "vocab.txt")}`,
    );
  });

  test("a folder without the page", async () => {
    await expect(pageFiles(folder)).rejects.toThrow("must hold the page, index.html; npm run build writes it");
  });
});

/** The command as a process that serves; `end` sends it a signal. */
async function explore(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, "explore", ...args], { env: { ...process.env, ...env } });
  const result = finished(child);
  const address = new Promise<string>((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim())));
  const early = result.then(({ stderr }) => Promise.reject(new Error(stderr)));
  early.catch(() => {});
  return {
    address: await Promise.race([address, early]),
    end: (signal: NodeJS.Signals): Promise<Result> => {
      child.kill(signal);
      return result;
    },
  };
}

describe.skipIf(process.platform === "win32")("plainbert explore", () => {
  test("prints its address, serves the page and the small model, and Ctrl-C ends it with status 0", async () => {
    const { address, end } = await explore([]);
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    expect(String((await ask(address, "/")).body)).toContain("<title>");
    for (const name of ["explorer.js", "explorer-worker.js"])
      expect((await ask(address, `/${name}`)).headers["content-type"], name).toContain("text/javascript");
    const { body } = await ask(address, "/model/vocab.txt");
    expect(body.equals(await readFile(fileURLToPath(new URL("../../weights/vocab.txt", import.meta.url))))).toBe(true);
    expect((await ask(address, "/model/expected.json")).status).toBe(404);
    expect((await ask(address, "/", {}, "HEAD")).headers["plainbert-model"]).toBe("%5B%5D"); // []
    expect(await end("SIGINT")).toMatchObject({ code: 0, stderr: "", stdout: `${address}\n` });
  });

  test("a model of the hub is downloaded first; SIGTERM ends it with 143", async () => {
    await using hub = await HubServer.start();
    const names = ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"];
    const files = await Promise.all(
      names.map(async (name) => [name, await readFile(join(head("mlm"), name))] as const),
    );
    hub.add("org/tiny", Object.fromEntries(files));
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: join(folder, "huggingface") };
    const { address, end } = await explore(["--model", "org/tiny", "--port", "0"], env);
    for (const [name, want] of files) expect((await ask(address, `/model/${name}`)).body.equals(want), name).toBe(true); // links to the cache's blobs
    const said = (await ask(address, "/", {}, "HEAD")).headers["plainbert-model"] as string;
    expect(JSON.parse(decodeURIComponent(said))).toEqual(["org/tiny"]);
    expect((await end("SIGTERM")).code).toBe(143);
    const kept = join(folder, "kept here");
    const other = await explore(
      ["--model", "org/tiny", "--revision", "main", "--cache-dir", relative(process.cwd(), kept)],
      env,
    );
    const again = (await ask(other.address, "/", {}, "HEAD")).headers["plainbert-model"] as string;
    expect(JSON.parse(decodeURIComponent(again))).toEqual(["org/tiny", { revision: "main", cache_dir: kept }]);
    await other.end("SIGTERM");
  });
});

test.skipIf(process.platform === "win32")("a folder is told as a path that holds from anywhere", async () => {
  const named = join(folder, "größer");
  await cp(head("mlm"), named, { recursive: true });
  const { address, end } = await explore(["--model", relative(process.cwd(), named)]);
  const said = (await ask(address, "/", {}, "HEAD")).headers["plainbert-model"] as string;
  expect(JSON.parse(decodeURIComponent(said))).toEqual([named]);
  await end("SIGINT");
});

describe("what is wrong is said before an address is printed", () => {
  test("no model, a broken one, one without a tokenizer: in the words of other commands", async () => {
    const broken = join(folder, "broken");
    await cp(head("mlm"), broken, { recursive: true });
    await writeFile(join(broken, "model.safetensors"), "no weights");
    for (const model of ["/nowhere", broken]) {
      const other = await plainbert(["fill-mask", "--model", model, "--backend", "plain", "The [MASK]."]);
      const { code, stdout, stderr } = await plainbert(["explore", "--model", model]);
      expect([code, stdout, stderr]).toEqual([1, "", other.stderr]);
    }
    await cp(head("mlm"), broken, { recursive: true });
    await rm(join(broken, "vocab.txt"));
    const { code, stdout, stderr } = await plainbert(["explore", "--model", broken]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toBe(`plainbert: ${broken} must have vocab.txt or tokenizer.json\n`);
  });

  test("its manual names the statuses that it ends with", async () => {
    const { stdout } = await plainbert(["explore", "--help"]);
    const [, statuses] = /^EXIT STATUS\n([\s\S]*?)\n\n/m.exec(stdout) ?? [];
    expect(statuses.match(/^ +\d+/gm)?.map(Number)).toEqual([0, 1, 2, 130]);
    expect(statuses).toMatch(/ 0 +Ended by Ctrl-C/);
  });

  test("a port out of range, an argument too many", async () => {
    expect(await plainbert(["explore", "--port", "65536"])).toMatchObject({ code: 2 });
    const { code, stderr } = await plainbert(["explore", "model"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("expected no argument, got 1 argument")]);
    expect(stderr).not.toContain("quotes"); // it takes no text
  });
});
