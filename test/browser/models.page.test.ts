import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "puppeteer-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProgressInfo } from "../../src/hub/hubOptions.ts";
import { buildIndex, loadBert, type PipelineTask, pipeline } from "../../src/pipelines/index.ts";
import type { BackendInfo } from "../../src/tensor/backend.ts";
import { evaluate } from "../../src/training/index.ts";
import { gitSha1, HubServer, LIST, sha256 } from "../hub/server.ts";
import { SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";
import { BROWSERS, launch, Tab } from "./browsers.ts";
import { PAGES, pytorchModel, SENTENCE_FOLDERS, startSite } from "./setup.ts";
import type { Site } from "./site.ts";

/** Models in pages of real browsers: from folders and from a hub, what is kept of them, and what goes wrong. */
const ROOT = join(import.meta.dirname, "..", "..");
const HEADS = join(ROOT, "test", "pipelines", "reference", "heads");
const SMALL = join(ROOT, "weights");
const SMALL_FILES = ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"];
/** Of `fileStore.ts`. */
const PART = 1 << 23;
const WEIGHTS = readFileSync(join(SMALL, "model.safetensors"));

interface Asked {
  readonly answers: readonly unknown[];
  readonly events: readonly ProgressInfo[];
  readonly backend: BackendInfo;
}

/** A call of every task, with the folder of a model that has the head for it. */
const CALLS: readonly (readonly [PipelineTask, string, readonly unknown[][]])[] = [
  ["fill-mask", "mlm", [["The [MASK] was open."], [["[MASK] lived in London.", "The [MASK]."], { top_k: 2 }]]],
  ["feature-extraction", "mlm", [["The door was open.", { pooling: "mean", normalize: true }]]],
  ["sentence-similarity", "mlm", [[{ source_sentence: "The door.", sentences: ["The sea.", "The door."] }]]],
  ["embeddings", "mlm", [["The door was open.", { normalize: true }], [["Two.", "Texts."]]]],
  ["text-ranking", "one_label", [["Who opened the door?", ["She opened the door.", "It was dark."]]]],
  ["pseudo-log-likelihood", "mlm", [["The door was open."]]],
  ["text-classification", "nli", [["The door was open.", { top_k: null }]]],
  ["text-classification", "multi_label", [[["The door was open.", "Happy?"], { top_k: 2 }]]],
  ["text-classification", "regression", [["The door was open."]]],
  ["token-classification", "ner", [["Emma Smith lived in London.", { aggregation_strategy: "simple" }]]],
  ["question-answering", "qa", [["Who lived in London?", "Emma Smith lived in London."]]],
  ["zero-shot-classification", "nli", [["The door was open.", ["sea", "weather"]]]],
  ["multiple-choice", "multiple_choice", [["The door was open.", ["She walked in.", "She walked out."]]]],
];

let site: Site;
beforeAll(async () => {
  site = await startSite();
}, 120_000);
afterAll(() => site?.[Symbol.asyncDispose]());

describe.each(BROWSERS)("%s", (name) => {
  let browser: Browser;
  let hub: HubServer;
  let tab: Tab;
  beforeAll(async () => {
    browser = await launch(name);
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    site.fault = () => false;
    site.seen.length = 0;
    site.headers = {};
    hub = await HubServer.start();
    hub.add("org/small", Object.fromEntries(SMALL_FILES.map((file) => [file, readFileSync(join(SMALL, file))])));
    tab = await Tab.open(browser, site.origin + PAGES.bundle);
    await tab.call("forget");
  });
  afterEach(async () => {
    await tab?.[Symbol.asyncDispose]();
    await hub?.[Symbol.asyncDispose]();
  });

  const MASKED = [["She opened the [MASK] and looked out."]];
  /** Asks a page or a worker for an answer of the small model on the hub. */
  const ask = (options: object = {}, page = tab) =>
    page.call<Asked>("ask", "fill-mask", "org/small", MASKED, { backend: "plain", endpoint: hub.endpoint, ...options });
  const failure = (model: string | null, options: object = {}, task = "fill-mask") =>
    tab.call<{ code: string; message: string } | null>("failure", task, model ?? undefined, options);
  const isDoor = ({ answers }: Asked) => expect(answers[0]).toMatchObject([{ token_str: "door" }, {}, {}, {}, {}]);
  /** What came in, without what a browser may ask before. */
  const hubLog = () => hub.log().filter((line) => !line.includes("OPTIONS"));

  describe("every pipeline, from a folder", () => {
    test.each(CALLS)("%s, %s: the answers of Node, in a page and in a worker", async (task, model, calls) => {
      const own = (await pipeline(task, join(HEADS, model), { backend: "plain" })) as unknown as (
        ...args: unknown[]
      ) => Promise<unknown>;
      const expected = [];
      for (const call of calls) expected.push(JSON.parse(JSON.stringify(await own(...call))));
      const args = [task, `/models/${model}/`, calls, { backend: "plain" }] as const;
      expect((await tab.call<Asked>("ask", ...args)).answers).toEqual(expected);
      expect((await tab.call<Asked>("inWorker", "ask", ...args)).answers).toEqual(expected);
    });

    test.each([
      ["next-sentence-prediction", ["She opened the door.", "It was dark inside."]],
      ["embeddings", [["She opened the door.", "It was dark inside."]]],
    ] as const)("%s, by a model that comes with the package: the answers of Node", async (task, call) => {
      const own = (await pipeline(task, undefined, { backend: "plain" })) as unknown as (
        ...call: readonly unknown[]
      ) => Promise<unknown>;
      const expected = [JSON.parse(JSON.stringify(await own(...call)))];
      const args = [task, undefined, [call], { backend: "plain", assets: "/out/assets" }] as const;
      expect((await tab.call<Asked>("ask", ...args)).answers).toEqual(expected);
      expect((await tab.call<Asked>("inWorker", "ask", ...args)).answers).toEqual(expected);
    });
  });

  describe("a folder of sentence-transformers", () => {
    const texts = [...SENTENCES];
    const vectorsOf = async (folder: string) => {
      const embed = await pipeline("embeddings", folder, { backend: "plain" });
      const answers = [await embed(texts)];
      await embed.dispose();
      return JSON.parse(JSON.stringify(answers));
    };
    /** Its files, by their names in it. */
    const filesOf = (folder: string) =>
      readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
    const embed = (model: string, options: object = {}) =>
      tab.call<Asked>("ask", "embeddings", model, [[texts]], { backend: "plain", ...options });

    test.each(["dense", "dense_bin", "layer_norm", "in_a_folder", "without_prompt", "plain"])(
      "%s: the vectors of Node, of the right files and no others; then nothing is fetched",
      async (form) => {
        const folder = await sentenceFolder(SENTENCE_FOLDERS, form);
        const expected = await vectorsOf(folder);
        expect((await embed(`/sentences/${form}/`)).answers).toEqual(expected);
        const gets = () => site.seen.flatMap((line) => (line.startsWith("GET /sentences/") ? [line.slice(15)] : []));
        const there = filesOf(folder).map((name) => `${form}/${name}`);
        expect(
          gets()
            .filter((name) => site.has(`/sentences/${name}`))
            .sort(),
        ).toEqual(there.sort());
        site.seen.length = 0;
        expect((await embed(`/sentences/${form}/`)).answers).toEqual(expected);
        expect(gets()).toEqual([]);
        expect((await embed(`/sentences/${form}/`, { local_files_only: true })).answers).toEqual(expected);
      },
    );

    test.each(["dense", "in_a_folder"])("%s, from a hub: the same", async (form) => {
      const folder = await sentenceFolder(SENTENCE_FOLDERS, form);
      const wanted = filesOf(folder);
      const beside = ["README.md", "onnx/model.onnx", "2_Dense/pytorch_model.bin", "1_Pooling/model.safetensors"];
      const files = wanted.map((name) => [name, readFileSync(join(folder, name))] as const);
      hub.add("org/small", Object.fromEntries([...files, ...beside.map((name) => [name, "beside"] as const)]));
      const options = { endpoint: hub.endpoint };
      const expected = await vectorsOf(folder);
      expect((await embed("org/small", options)).answers).toEqual(expected);
      const gets = () => hubLog().flatMap((line) => (line.startsWith("hub GET ") ? [line.slice(8)] : []));
      expect(gets().sort()).toEqual([LIST, ...wanted].sort());
      hub.seen.length = 0;
      expect((await embed("org/small", options)).answers).toEqual(expected);
      expect(gets()).toEqual([LIST]);
      expect((await embed("org/small", { ...options, local_files_only: true })).answers).toEqual(expected);
      expect(gets()).toEqual([LIST]);
    });
  });

  describe("a folder", () => {
    const classify = (folder: string, options: object = {}) =>
      tab.call<Asked>("ask", "text-classification", folder, [["The door was open."]], { backend: "plain", ...options });

    test.each(["/models/nli/", "/models/nli", "./models/nli", "../models/nli/"])(
      "%s, from the page's address",
      async (folder) => {
        expect((await classify(folder)).answers).toMatchObject([[{ label: "neutral" }]]);
      },
    );

    test("by its URL, of another origin that allows it", async () => {
      expect((await classify(`${site.network}/models/nli`)).answers).toMatchObject([[{ label: "neutral" }]]);
    });

    test("tells what it fetches, and the next time asks whether it has changed and fetches nothing", async () => {
      const { events } = await classify("/models/nli/");
      const steps = (file: string) =>
        events.flatMap((event) => ("file" in event && event.file === file ? [event.status] : []));
      expect(steps("model.safetensors").filter((status, n, all) => status !== all[n - 1])).toEqual([
        "initiate",
        "download",
        "progress",
        "done",
      ]);
      expect(events.at(-1)).toEqual({ status: "ready", task: "text-classification", model: "/models/nli/" });
      expect(events.filter(({ status }) => status === "progress_total").at(-1)).toMatchObject({ progress: 100 });
      expect(site.seen.filter((line) => line === "GET /models/nli/model.safetensors").length).toBe(1);

      site.seen.length = 0;
      const again = await classify("/models/nli/");
      expect(again.events.some(({ status }) => status === "download")).toBe(false);
      expect(site.seen.filter((line) => line.includes("/models/"))).toContain("HEAD /models/nli/model.safetensors");
      expect(site.seen.filter((line) => line.startsWith("GET /models/"))).toEqual([]);
    });

    test("a file that has changed is fetched again, and the old one is not kept", async () => {
      await classify("/models/nli/");
      const before = await tab.call<object>("kept");
      site.fault = (path, request, response) => {
        if (!path.endsWith("config.json") || path.includes("tokenizer")) return false;
        const text = readFileSync(join(HEADS, "nli", "config.json"), "utf8").replaceAll("neutral", "changed");
        response.setHeader("etag", '"changed"');
        response.end(request.method === "HEAD" ? undefined : text);
        return true;
      };
      expect((await classify("/models/nli/")).answers).toMatchObject([[{ label: "changed" }]]);
      const after = await tab.call<object>("kept");
      expect(Object.keys(after).length).toBe(Object.keys(before).length);
      expect(Object.keys(after).filter((key) => key.includes("changed")).length).toBe(2); // its part and its size
    });

    test("local_files_only takes what is kept, and asks nobody", async () => {
      expect(await failure("/models/nli/", { local_files_only: true }, "text-classification")).toMatchObject({
        code: "ERR_FILE",
        message: "fetch: /models/nli/: it is not kept by this browser, and local_files_only forbids to fetch it",
      });
      await classify("/models/nli/");
      site.seen.length = 0;
      expect((await classify("/models/nli/", { local_files_only: true })).answers).toMatchObject([
        [{ label: "neutral" }],
      ]);
      expect(site.seen).toEqual([]);
    });

    test("without an answer, what is kept is used, and the console says so", async () => {
      await classify("/models/nli/");
      site.fault = (path, _, response) => path.startsWith("/models/") && !!response.writeHead(403).end();
      expect((await classify("/models/nli/")).answers).toMatchObject([[{ label: "neutral" }]]);
      expect(tab.warnings.join()).toMatch(
        /modules\.json: must be answered with the file, got the status 403; what the browser keeps is used/,
      );
      expect(await failure("/models/ner/", {}, "ner")).toMatchObject({ code: "ERR_FILE" });
    });

    test("of a server that says nothing of a file's state is not kept", async () => {
      site.fault = (path, _, response) => {
        response.setHeader = () => response; // no etag
        return path === "/never";
      };
      expect((await classify("/models/nli/")).answers).toMatchObject([[{ label: "neutral" }]]);
      expect(Object.keys(await tab.call<object>("kept")).filter((key) => key.includes("plainbert-file"))).toEqual([]);
    });

    test("of a server that answers with a page where there is no file, and nothing to HEAD", async () => {
      site.fault = (path, request, response) => {
        if (!path.startsWith("/models/nli/")) return false;
        if (request.method === "HEAD") response.writeHead(405).end();
        else if (site.has(path)) return false;
        else response.setHeader("content-type", "text/html").end("<!doctype html>");
        return true;
      };
      expect((await classify("/models/nli/")).answers).toMatchObject([[{ label: "neutral" }]]);
    });

    test.each([
      ["one file", "/tiny/", (file: string) => !/-of-|index/.test(file)],
      ["shards with an index", "/tiny/", (file: string) => file !== "model.safetensors"],
      ["shards of PyTorch", "/pytorch/", () => true],
    ])("of %s", async (_, folder, isThere) => {
      site.fault = (path, __, response) => {
        if (isThere(path.split("/").at(-1) ?? "")) return false;
        response.writeHead(404).end();
        return true;
      };
      const own = folder === "/tiny/" ? join(ROOT, "test", "reference", "tiny") : pytorchModel();
      const bert = await loadBert(own, { backend: "plain", architecture: "BertModel" });
      const ids = [2, 5, 7, 11, 3];
      const { data } = bert.forwardSync([{ inputIds: ids }]).lastHiddenState;
      expect(await tab.call("bitsOf", folder, ids)).toBe(sha256(new Uint8Array(data.slice().buffer)));
      if (folder === "/tiny/")
        expect(site.seen.some((line) => /-of-00002/.test(line))).toBe(!isThere("model.safetensors"));
    });

    test("an index of texts is fetched, too", async () => {
      const extract = await pipeline("feature-extraction", join(HEADS, "mlm"), { backend: "plain" });
      const index = await buildIndex(extract, ["The door is open.", "She walked.", "The sea was calm."]);
      const file = join(mkdtempSync(join(tmpdir(), "plainbert-index-")), "texts.safetensors");
      await index.save(file);
      site.fault = (path, _, response) => path === "/texts.safetensors" && !!response.end(readFileSync(file));
      expect(await tab.call("search", "/models/mlm/", "/texts.safetensors", "A door.")).toEqual(
        await index.search("A door."),
      );
    });

    test("that is not there, or no model's", async () => {
      expect(await failure("/nowhere/")).toMatchObject({
        code: "ERR_FILE",
        message: "loadBert: /nowhere/ must have a config.json, has none",
      });
      expect(await failure("http://127.0.0.1:9/")).toMatchObject({ code: "ERR_FILE" });
    });
  });

  describe("a hub", () => {
    test("one list says what there is; files of the commit, checked, kept in parts", async () => {
      const asked = await ask();
      isDoor(asked);
      expect(hubLog()[0]).toBe(`hub GET ${LIST}`);
      expect(hubLog().slice(1).sort()).toEqual(
        [
          "hub GET config.json",
          "hub GET model.safetensors",
          "cdn GET model.safetensors",
          "hub GET tokenizer_config.json",
          "hub GET vocab.txt",
          "cdn GET vocab.txt",
        ].sort(),
      );
      for (const { file, revision } of hub.seen) if (file !== LIST) expect(revision).toBe("0123456789".repeat(4));
      const kept = await tab.call<Record<string, number>>("kept");
      const parts = Object.entries(kept).filter(([key]) => key.includes(`${sha256(WEIGHTS)}&part=`));
      expect(parts.map(([, size]) => size)).toEqual([PART, WEIGHTS.length - PART]);
      const statuses = asked.events.map(({ status }) => status);
      expect(new Set(statuses)).toEqual(
        new Set(["initiate", "download", "progress_total", "progress", "done", "ready"]),
      );

      hub.seen.length = 0;
      isDoor(await ask());
      expect(hubLog()).toEqual([`hub GET ${LIST}`]);
      hub.seen.length = 0;
      isDoor(await ask({ local_files_only: true }));
      isDoor(
        await tab.call<Asked>("inWorker", "ask", "fill-mask", "org/small", MASKED, {
          endpoint: hub.endpoint,
          revision: "main",
          local_files_only: true,
        }),
      );
      expect(hubLog()).toEqual([]);
    });

    test("a commit that is kept asks nobody; a revision that there is not is said", async () => {
      const revision = "0123456789".repeat(4);
      isDoor(await ask({ revision }));
      hub.seen.length = 0;
      isDoor(await ask({ revision }));
      expect(hubLog()).toEqual([]);
      expect(await failure("org/small", { endpoint: hub.endpoint, revision: "none" })).toMatchObject({
        code: "ERR_HUB",
        message: expect.stringContaining("org/small has no revision none"),
      });
    });

    test("a download that was stopped goes on at its first part that is missing", async () => {
      hub.fault = ({ server, file }) => (server === "cdn" && file === "model.safetensors" ? { slow: 1 } : undefined);
      const stopped = [
        "model.safetensors",
        PART + 100_000,
        "fill-mask",
        "org/small",
        { endpoint: hub.endpoint },
      ] as const;
      expect(await tab.call("stopAt", ...stopped)).toBe("stopped");
      const kept = await tab.call<Record<string, number>>("kept");
      expect(
        Object.entries(kept)
          .filter(([key]) => key.includes(sha256(WEIGHTS)))
          .map(([, size]) => size),
      ).toEqual([PART]);

      hub.fault = () => undefined;
      hub.seen.length = 0;
      isDoor(await ask());
      const ranges = hub.seen
        .filter(({ method, file }) => method === "GET" && file === "model.safetensors")
        .map(({ headers }) => headers.range);
      expect(ranges).toEqual([`bytes=${PART}-`, `bytes=${PART}-`]); // the hub, and where it redirects to
    });

    test("a connection that breaks is taken up again where it was", async () => {
      let broken = 0;
      hub.fault = ({ server, file }) =>
        server === "cdn" && file === "model.safetensors" && broken++ === 0 ? { dropAfter: 9_000_000 } : undefined;
      isDoor(await ask());
      const ranges = hub.seen
        .filter(({ method, server, file }) => method === "GET" && server === "cdn" && file === "model.safetensors")
        .map(({ headers }) => headers.range);
      expect(ranges.length).toBe(2);
      expect(Number(/^bytes=(\d+)-$/.exec(ranges[1] ?? "")?.[1])).toBeGreaterThan(0);
    });

    test("a kept part that is not what it was is found by the hash, and the file is fetched again", async () => {
      hub.fault = ({ server, file }) => (server === "cdn" && file === "model.safetensors" ? { slow: 1 } : undefined);
      await tab.call("stopAt", "model.safetensors", PART + 100_000, "fill-mask", "org/small", {
        endpoint: hub.endpoint,
      });
      await tab.call("damage", sha256(WEIGHTS));
      hub.fault = () => undefined;
      hub.seen.length = 0;
      isDoor(await ask());
      const gets = hub.seen.filter(({ server, file }) => server === "cdn" && file === "model.safetensors");
      const ranges = gets.filter(({ method }) => method === "GET").map(({ headers }) => headers.range);
      expect(ranges).toEqual([`bytes=${PART}-`, undefined]);
    });

    test.each(["model.safetensors", "vocab.txt", "config.json"])(
      "a kept part of %s that is not what it was: it is fetched again, and offline it is said",
      async (file) => {
        isDoor(await ask());
        const bytes = readFileSync(join(SMALL, file));
        const hash = bytes.length >= 10_000 ? sha256(bytes) : gitSha1(bytes);
        await tab.call("damage", `${hash}&part=0`, 0);
        hub.seen.length = 0;
        // Large weights are hashed when they cannot be read.
        expect(await failure("org/small", { endpoint: hub.endpoint, local_files_only: true })).toMatchObject({
          code: "ERR_HUB",
          message: expect.stringMatching(
            `^hub: org/small: damaged in what this browser keeps: ${file} .*; caches\\.delete\\("plainbert"\\) deletes it$`,
          ),
        });
        expect(hubLog()).toEqual([]);
        isDoor(await ask());
        const gets = hubLog().filter((line) => line !== `hub GET ${LIST}`);
        expect([...new Set(gets.map((line) => line.split(" ")[2]))]).toEqual([file]);
        hub.seen.length = 0;
        isDoor(await ask({ local_files_only: true }));
        expect(hubLog()).toEqual([]);
      },
    );

    test("force_download fetches each file again", async () => {
      isDoor(await ask());
      const before = await tab.call<object>("kept");
      hub.seen.length = 0;
      isDoor(await ask({ force_download: true }));
      const files = new Set(hubLog().map((line) => line.split(" ").slice(2).join(" ")));
      expect(files).toEqual(new Set([LIST, ...SMALL_FILES]));
      expect(await tab.call<object>("kept")).toEqual(before);
      expect(
        await failure("org/small", { endpoint: hub.endpoint, force_download: true, local_files_only: true }),
      ).toMatchObject({ code: "ERR_INPUT" });
    });

    test("what is noted of a model and was altered is noted again", async () => {
      isDoor(await ask());
      await tab.call("damage", "plainbert=main");
      expect(await failure("org/small", { endpoint: hub.endpoint, local_files_only: true })).toMatchObject({
        code: "ERR_HUB",
        message: "hub: org/small: it is not kept by this browser, and local_files_only forbids to fetch it",
      });
      isDoor(await ask());
      isDoor(await ask({ local_files_only: true }));
    });

    test.each([
      ["model.safetensors", "sha256"],
      ["config.json", "sha1"],
    ])("%s that is not what the hub announced is refused by its %s", async (file, hash) => {
      const content = Uint8Array.from(readFileSync(join(SMALL, file)));
      content[content.length >> 1] ^= 1;
      hub.fault = (request) => (request.file === file ? { content } : undefined);
      expect(await failure("org/small", { endpoint: hub.endpoint })).toMatchObject({
        code: "ERR_HUB",
        message: expect.stringMatching(
          `^hub: org/small: ${file}: must have the ${hash} [0-9a-f]+, has [0-9a-f]+; it was downloaded twice and deleted$`,
        ),
      });
    });

    test("a token goes to the hub alone", async () => {
      hub.token = "secret";
      expect(await failure("org/small", { endpoint: hub.endpoint })).toMatchObject({
        code: "ERR_HUB",
        message: expect.stringMatching(/needs a token, as the option token$/),
      });
      hub.seen.length = 0;
      isDoor(await ask({ token: "secret" }));
      for (const { server, method, headers } of hub.seen) {
        if (method !== "OPTIONS")
          expect(headers.authorization, server).toBe(server === "hub" ? "Bearer secret" : undefined);
      }
    });

    test("a server that gives no parts of files: the file comes whole, once more", async () => {
      hub.fault = ({ server, file }) => (server === "cdn" && file === "model.safetensors" ? { slow: 1 } : undefined);
      await tab.call("stopAt", "model.safetensors", PART + 100_000, "fill-mask", "org/small", {
        endpoint: hub.endpoint,
      });
      hub.fault = ({ server }) => (server === "cdn" ? { ignoreRange: true } : undefined);
      hub.seen.length = 0;
      isDoor(await ask());
      expect(hubLog().filter((line) => line === "cdn GET model.safetensors").length).toBe(1);
    });

    test("that does not answer is not asked again where all is kept", async () => {
      isDoor(await ask());
      hub.seen.length = 0;
      hub.fault = () => ({ status: 503 });
      isDoor(await ask());
      expect(hubLog()).toEqual([`hub GET ${LIST}`]);
      expect(tab.warnings.join()).toContain("what the browser keeps is used");
    });

    test("where there is no room, a model is used as it comes, and the console says so", async () => {
      await tab.call("fill", 1);
      isDoor(await ask());
      expect(tab.warnings.join()).toMatch(
        /the browser keeps no more of this model, and will fetch it again: QuotaExceededError/,
      );
      hub.seen.length = 0;
      isDoor(await ask());
      expect(hubLog().filter((line) => line === "cdn GET model.safetensors").length).toBe(1);
    });

    test("two workers that want the same model at the same time fetch it once", async () => {
      const args = ["inWorker", "ask", "fill-mask", "org/small", MASKED, { endpoint: hub.endpoint }] as const;
      for (const asked of await Promise.all([tab.call<Asked>(...args), tab.call<Asked>(...args)])) isDoor(asked);
      expect(hubLog().filter((line) => line === "cdn GET model.safetensors").length).toBe(1);
    });

    test.each([
      ["a page", "<!doctype html>"],
      ["another list", '{"sha":"main","siblings":[]}'],
      ["files without a hash", `{"sha":"${"0123456789".repeat(4)}","siblings":[{"rfilename":"config.json"}]}`],
      [
        "a path for a hash",
        `{"sha":"${"0123456789".repeat(4)}","siblings":[{"rfilename":"config.json","size":1,"blobId":"../x"}]}`,
      ],
    ])("whose answer is no list of a hub: %s", async (_, text) => {
      hub.fault = ({ file }) => (file === LIST ? { content: new TextEncoder().encode(text) } : undefined);
      expect(await failure("org/small", { endpoint: hub.endpoint })).toMatchObject({
        code: "ERR_HUB",
        message: expect.stringMatching(
          /must be a hub's list of the files of main, with their hashes \(the list: .*\); is the option endpoint right\?$/,
        ),
      });
    });

    test("that cannot be reached: what is kept is used", async () => {
      isDoor(await ask());
      hub.fault = ({ file }) => (file === LIST ? { status: 403, headers: { "x-error-code": "" } } : undefined);
      isDoor(await ask());
      expect(tab.warnings.join()).toContain("what the browser keeps is used");
    });
  });

  test.each([
    [
      { cache_dir: "models" },
      'hub: cache_dir must be left out in a browser, which keeps files in its Cache API, got "models"',
    ],
    [{ revision: "a b" }, 'hub: revision must be a branch, a tag or a commit, got "a b"'],
    [{ endpoint: "hub" }, "hub: endpoint must be an http or https address without a name and a password"],
    [{ token: "a b" }, "hub: token must be a token of printable ASCII characters, got something else"],
    [{ local_files_only: 1 }, "hub: local_files_only must be true or false, got 1"],
  ])("options: %j", async (options, message) => {
    expect(await failure("org/small", options)).toMatchObject({ code: "ERR_INPUT", message });
  });

  test("a model is evaluated on examples: the numbers of Node", async () => {
    const dataset = [
      { text: "The door was open.", text_pair: "It was shut.", label: "contradiction" },
      { text: "He read.", text_pair: "He had a book.", label: "entailment" },
    ];
    const own = await evaluate({ model: join(HEADS, "nli"), dataset, backend: "plain" });
    const { backend: _, seconds: __, model: ___, ...expected } = own;
    const { page, ...found } = await tab.call<{ page: number }>("evaluate", "/models/nli/", dataset);
    expect(found).toEqual(JSON.parse(JSON.stringify(expected)));
    expect(page).toBeGreaterThan(3000);
  });

  test("what writes files says that it cannot", async () => {
    expect(await tab.call("noFiles")).toEqual([
      ["ERR_FILE", "saveBert: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
      ["ERR_FILE", "saveSafetensors: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
      ["ERR_FILE", "finetune: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
      ["ERR_FILE", "pretrain: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
      ["ERR_FILE", "readExamples: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
      ["ERR_FILE", "evaluate: mine: a browser has no files to write; it runs in Node, Deno and Bun"],
    ]);
  });

  test("an insecure page has nothing to keep files in: they are fetched each time", async () => {
    await using page = await Tab.open(browser, site.anywhere + PAGES.bundle);
    expect(await page.page.evaluate("isSecureContext || 'caches' in globalThis")).toBe(false);
    for (let n = 0; n < 2; n++) {
      const calls = [["The door was open."]];
      const { answers } = await page.call<Asked>("ask", "text-classification", "/models/nli/", calls);
      expect(answers).toMatchObject([[{ label: "neutral" }]]);
    }
    expect(site.seen.filter((line) => line === "GET /models/nli/model.safetensors").length).toBe(2);
  });
});

test("every task is asked", async () => {
  // The sentence for a task that there is not names all that there are; some are other names of others.
  const [, names] =
    /must be one of ([\w, -]+),/.exec(await pipeline("none" as PipelineTask).then(() => "", String)) ?? [];
  const others = ["sentiment-analysis", "ner"];
  const asked = [...CALLS.map(([task]) => task), "next-sentence-prediction", ...others];
  expect(names?.split(", ").sort()).toEqual([...new Set(asked)].sort());
});

test("the models of these tests are there", () => {
  for (const [, model] of CALLS) expect(readdirSync(join(HEADS, model))).toContain("config.json");
});
