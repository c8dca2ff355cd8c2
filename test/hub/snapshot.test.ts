import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { ProgressInfo } from "../../src/hub/hubOptions.ts";
import { openModel } from "../../src/load/openModel.ts";
import { listing, MODEL, noise, Place, WANTED, WEIGHTS } from "./support.ts";

const COMMIT = "0123456789".repeat(4);
const index = (...shards: string[]) =>
  JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(shards.map((shard, i) => [`tensor${i}`, shard])) });
const names = (folder: string) => Object.keys(listing(folder));

describe("which files", () => {
  test("configuration, tokenizer and weights, and nothing else that the model has", async () => {
    await using here = await Place.make({ ...MODEL, "README.md": "x", "pytorch_model.bin": "x", [`${"x"}.onnx`]: "x" });
    const { folder } = await here.open();
    expect(names(folder.path)).toEqual(["config.json", "model.safetensors", "vocab.txt"]);
  });

  test("weights in several files", async () => {
    const { "model.safetensors": _, ...rest } = MODEL;
    await using here = await Place.make({
      ...rest,
      "model.safetensors.index.json": index("model-1.safetensors", "model-2.safetensors", "parts/model-3.safetensors"),
      "model-1.safetensors": noise(20_000),
      "model-2.safetensors": noise(100),
      "parts/model-3.safetensors": noise(50),
      "pytorch_model.bin": "x",
    });
    const { folder } = await here.open();
    const files = ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"];
    expect(names(folder.path)).toEqual([...files, "parts", "parts/model-3.safetensors", "vocab.txt"]);
    expect(readFileSync(join(folder.path, "parts/model-3.safetensors"))).toEqual(Buffer.from(noise(50)));
    // Offline all of them are needed.
    await here.open({ local_files_only: true });
    rmSync(join(folder.path, "model-2.safetensors"));
    await expect(here.open({ local_files_only: true })).rejects.toThrow("model-2.safetensors is not in the cache");
  });

  test("an index that leads out of the model's folder", async () => {
    const { "model.safetensors": _, ...rest } = MODEL;
    await using here = await Place.make({ ...rest, "model.safetensors.index.json": index("../../../escaped") });
    await expect(here.open()).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
  });

  test("the files that an index of PyTorch lists", async () => {
    const { "model.safetensors": weights, ...rest } = MODEL;
    const shards = { "pytorch_model-1.bin": "first", "pytorch_model-2.bin": "second" };
    const listed = index(...Object.keys(shards));
    await using here = await Place.make({ ...rest, ...shards, "pytorch_model.bin.index.json": listed });
    const { folder } = await here.open();
    expect(names(folder.path)).toEqual([
      "config.json",
      ...Object.keys(shards),
      "pytorch_model.bin.index.json",
      "vocab.txt",
    ]);
  });

  test("pytorch_model.bin where there is no safetensors", async () => {
    const { "model.safetensors": weights, ...rest } = MODEL;
    await using here = await Place.make({ ...rest, "pytorch_model.bin": weights });
    const { folder } = await here.open();
    expect(names(folder.path)).toEqual(["config.json", "pytorch_model.bin", "vocab.txt"]);
  });

  test("Google's name of the configuration", async () => {
    const { "config.json": config, ...rest } = MODEL;
    await using here = await Place.make({ ...rest, "bert_config.json": config });
    const { folder } = await here.open();
    expect(names(folder.path)).toContain("bert_config.json");
  });

  test("no configuration, and no weights", async () => {
    await using here = await Place.make({ "README.md": "x" });
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: "hub: org/small has no config.json and no bert_config.json at revision main",
    });
    here.hub.add("org/small", { "config.json": "{}" });
    // Then the folder has none either, and opening the weights says so.
    const { folder } = await here.open();
    await expect(folder.openWeights()).rejects.toMatchObject({ code: "ERR_FILE" });
  });

  test("the tokenizer alone", async () => {
    await using here = await Place.make();
    const { folder } = await here.open({}, { ...WANTED, weights: false });
    expect(names(folder.path)).toEqual(["config.json", "vocab.txt"]);
    expect(here.hub.log().filter((line) => line.includes("model"))).toEqual([]);
  });

  test("a model without an organisation", async () => {
    await using here = await Place.make();
    here.hub.add("bert", MODEL);
    const { folder } = await here.open({}, WANTED, "bert");
    expect(folder.path).toBe(here.at("models--bert", "snapshots", COMMIT));
  });
});

describe("revisions", () => {
  test("a branch that has moved: both commits stay, what did not change is not fetched again", async () => {
    await using here = await Place.make();
    const first = await here.open();
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "[PAD]\nanother\n" }, "f".repeat(40));
    here.hub.seen.length = 0;
    const second = await here.open();
    expect(second.folder.path).toBe(here.inModel("snapshots", "f".repeat(40)));
    expect(here.hub.log().filter((line) => line.includes("GET"))).toEqual(["hub GET vocab.txt"]);
    expect(await second.folder.readText("vocab.txt")).toBe("[PAD]\nanother\n");
    expect(await first.folder.readText("vocab.txt")).toBe("[PAD]\n[UNK]\n");
    expect(readFileSync(here.inModel("refs", "main"), "utf8")).toBe("f".repeat(40));
  });

  test("a branch that has moved, to where not all of it can be had: the last complete one stays for offline use", async () => {
    await using here = await Place.make();
    const first = await here.open();
    here.hub.add("org/small", { ...MODEL, "model.safetensors": noise(20_000) }, "f".repeat(40));
    here.hub.fault = ({ server }) => (server === "cdn" ? { status: 404 } : undefined);
    await expect(here.open()).rejects.toMatchObject({ code: "ERR_HUB" });
    expect((await here.open({ local_files_only: true })).folder.path).toBe(first.folder.path);
  });

  test("all files are those of one commit, even if the branch moves in between", async () => {
    await using here = await Place.make();
    await here.open({ revision: "v1" });
    const [first, ...rest] = here.hub.seen.map(({ revision }) => revision);
    expect(first).toBe("v1");
    expect(new Set(rest)).toEqual(new Set([COMMIT]));
  });

  test("a commit is asked for, and another is the answer", async () => {
    await using here = await Place.make();
    here.hub.fault = () => ({ headers: { "x-repo-commit": "f".repeat(40) } });
    await expect(here.open({ revision: COMMIT })).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`of commit ${COMMIT} was asked for, of ${"f".repeat(40)} is the answer`),
    });
  });

  test.each(["", "..", "a/../b", "/x", "x/", "a b", "a\\b", "a\u0000", ".x", "a:b", 5])(
    "%j is none",
    async (revision) => {
      await using here = await Place.make();
      await expect(here.open({ revision: revision as string })).rejects.toMatchObject({ code: "ERR_INPUT" });
      expect(here.hub.seen).toEqual([]);
    },
  );
});

describe("without the hub", () => {
  test.each(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "local_files_only"])("%s asks nobody", async (how) => {
    await using here = await Place.make();
    await here.open();
    here.hub.seen.length = 0;
    const options = how === "local_files_only" ? { local_files_only: true } : {};
    if (how !== "local_files_only") here.env[how] = "yes";
    const { folder } = await here.open(options);
    expect(names(folder.path)).toEqual(["config.json", "model.safetensors", "vocab.txt"]);
    await expect(here.open({ ...options, revision: "other" })).rejects.toMatchObject({
      code: "ERR_HUB",
      message:
        `hub: org/small: revision other is not in the cache, ${here.inModel()}, and ${how} forbids to ask the hub; ` +
        "there is no folder org/small either",
    });
    rmSync(here.inModel("snapshots", COMMIT, "model.safetensors"));
    await expect(here.open(options)).rejects.toThrow(
      `org/small: model.safetensors is not in the cache, ${here.inModel("snapshots", COMMIT)}, and ${how} forbids`,
    );
    expect(here.hub.seen).toEqual([]);
  });

  test.each([
    ["does not answer", { hang: true }],
    ["has a problem", { status: 503 }],
    ["does not know us any more", { status: 401 }],
  ])("a hub that %s: the cache is used at once, with a warning", async (_, fault) => {
    await using here = await Place.make();
    here.env.HF_HUB_ETAG_TIMEOUT = "1";
    await here.open();
    here.hub.fault = () => fault;
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { folder } = await here.open();
    expect(names(folder.path)).toEqual(["config.json", "model.safetensors", "vocab.txt"]);
    expect(warn.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(/^hub: .*; what the cache has is used$/),
    ]);
    warn.mockRestore();
    expect(here.waits).toEqual([]);
    if ("hang" in fault) return;
    // What the cache does not have is an error.
    await expect(here.open({ revision: "v1" })).rejects.toMatchObject({ code: "ERR_HUB" });
  });

  test("nobody there", async () => {
    await using here = await Place.make();
    here.env.HF_ENDPOINT = "http://127.0.0.1:9"; // the port of "discard"
    await expect(here.open()).rejects.toMatchObject({
      code: "ERR_HUB",
      message: "hub: there is no folder org/small here, and no connection to 127.0.0.1:9: it refuses connections",
    });
    expect(here.waits).toEqual([1000, 2000]);
  });

  test("what was deleted on the hub is not served from memory", async () => {
    await using here = await Place.make();
    await here.open();
    here.hub.fault = () => ({ status: 404, headers: { "x-error-code": "RevisionNotFound" } });
    await expect(here.open()).rejects.toThrow("org/small has no revision main");
  });
});

describe("progress_callback", () => {
  const steps = (events: readonly ProgressInfo[]) =>
    events.flatMap((info) =>
      info.status === "initiate" || info.status === "download" || info.status === "done"
        ? [`${info.status} ${info.file}`]
        : [],
    );

  test("the steps of each file, and what all of them add up to", async () => {
    await using here = await Place.make();
    here.hub.fault = ({ server }) => (server === "cdn" ? { slow: 8 } : undefined);
    await here.open();
    const files = ["config.json", "vocab.txt", "model.safetensors"];
    expect(steps(here.events)).toEqual(
      files.flatMap((file) => [`initiate ${file}`, `download ${file}`, `done ${file}`]),
    );
    const ends = here.events.filter((info) => info.status === "progress" && info.progress === 100);
    expect(ends.map((info) => "file" in info && info.file)).toEqual(files);

    const loads = here.events.filter((info) => info.status === "progress" && info.file === "model.safetensors");
    expect(loads.length).toBeGreaterThan(1);
    let before = -1;
    for (const info of loads) {
      if (info.status !== "progress") throw new Error("not filtered");
      expect(info).toEqual({
        status: "progress",
        name: "org/small",
        file: "model.safetensors",
        progress: (100 * info.loaded) / 300_000,
        loaded: info.loaded,
        total: 300_000,
      });
      expect(info.loaded).toBeGreaterThan(before);
      before = info.loaded;
    }
    // Before each "progress" its total, over all files from the first on.
    const total = 21 + 12 + 300_000;
    here.events.forEach((info, i) => {
      if (info.status !== "progress") return;
      const sum = here.events[i - 1];
      expect(sum).toMatchObject({ status: "progress_total", name: "org/small", total });
      if (sum.status === "progress_total") expect(sum.progress).toBe((100 * sum.loaded) / total);
    });
    expect(here.events.findLast((info) => info.status === "progress_total")).toEqual({
      status: "progress_total",
      name: "org/small",
      progress: 100,
      loaded: total,
      total,
      files: {
        "config.json": { loaded: 21, total: 21 },
        "vocab.txt": { loaded: 12, total: 12 },
        "model.safetensors": { loaded: 300_000, total: 300_000 },
      },
    });
  });

  test.each([{}, { local_files_only: true }])("what is in the cache is not downloaded: %j", async (options) => {
    await using here = await Place.make();
    await here.open();
    here.events.length = 0;
    await here.open(options);
    const files = ["config.json", "vocab.txt", "model.safetensors"];
    expect(steps(here.events)).toEqual(files.flatMap((file) => [`initiate ${file}`, `done ${file}`]));
    expect(here.events.findLast((info) => info.status === "progress_total")).toMatchObject({
      progress: 100,
      total: 300_033,
    });
  });

  test("a file that is there already, under another commit, is told to be complete", async () => {
    await using here = await Place.make();
    await here.open();
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "new" }, "f".repeat(40));
    here.events.length = 0;
    await here.open();
    expect(here.events.filter(({ status }) => status === "download")).toHaveLength(1);
    const { total, progress } = here.events.findLast((info) => info.status === "progress_total") as {
      total: number;
      progress: number;
    };
    expect([total, progress]).toEqual([21 + 3 + 300_000, 100]);
  });

  test("of weights in several files each is told, offline too", async () => {
    const { "model.safetensors": _, ...rest } = MODEL;
    const shards = { "model-1.safetensors": noise(100), "model-2.safetensors": noise(200) };
    await using here = await Place.make({
      ...rest,
      ...shards,
      "model.safetensors.index.json": index(...Object.keys(shards)),
    });
    const done = () => here.events.flatMap((info) => (info.status === "done" ? [info.file] : [])).sort();
    await here.open();
    const online = done();
    expect(online).toHaveLength(5);
    here.events.length = 0;
    await here.open({ local_files_only: true });
    expect(done()).toEqual(online);
  });

  test("what it throws is not taken for a failure of the network", async () => {
    await using here = await Place.make();
    const mistake = new TypeError("my mistake");
    const progress_callback = () => {
      throw mistake;
    };
    await expect(here.open({ progress_callback })).rejects.toBe(mistake);
    await expect(here.open({ progress_callback: 5 as never })).rejects.toMatchObject({ code: "ERR_INPUT" });
  });
});

describe("links", () => {
  test("a link whose blob was deleted", async () => {
    await using here = await Place.make();
    await here.open();
    rmSync(here.inModel("blobs"), { recursive: true });
    const { folder } = await here.open();
    expect(readFileSync(join(folder.path, "model.safetensors"))).toEqual(Buffer.from(WEIGHTS));
  });

  test("where none can be, the same file of two commits is there twice", async () => {
    await using here = await Place.make();
    here.env.HF_HUB_DISABLE_SYMLINKS = "1";
    await here.open();
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "x" }, "f".repeat(40));
    const { folder } = await here.open();
    expect(readFileSync(join(folder.path, "model.safetensors"))).toEqual(Buffer.from(WEIGHTS));
    expect(names(here.inModel("blobs"))).toEqual([]);
    // Switched on later: the blob exists and other snapshots link to it, so it is copied.
    delete here.env.HF_HUB_DISABLE_SYMLINKS;
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "y" }, "e".repeat(40));
    await here.open();
    here.env.HF_HUB_DISABLE_SYMLINKS = "1";
    here.hub.add("org/small", { ...MODEL, "vocab.txt": "z" }, "d".repeat(40));
    await here.open();
    expect(listing(here.inModel("snapshots"))).toMatchObject({
      [`${"e".repeat(40)}/model.safetensors`]: expect.stringMatching(/^-> /),
      [`${"d".repeat(40)}/model.safetensors`]: expect.stringMatching(/^300000 bytes/),
    });
    expect(names(here.inModel("blobs"))).toHaveLength(3);
  });
});

describe("a name that is an id or a path", () => {
  const open = (name: string, env = {}) =>
    openModel(name, WANTED, {}, { HF_ENDPOINT: "http://127.0.0.1:9", ...env }, async () => {});

  test("an existing folder comes first", async () => {
    await using here = await Place.make();
    const before = process.cwd();
    mkdirSync(join(here.folder, "org", "small"), { recursive: true });
    writeFileSync(join(here.folder, "org", "small", "config.json"), "here");
    process.chdir(here.folder);
    try {
      const { folder } = await here.open();
      expect(await folder.readText("config.json")).toBe("here");
      expect(here.hub.seen).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test.each([
    "./org/small",
    "../small",
    "/org/small",
    "org/../small",
    "a/b/c",
    "~/models",
    "C:\\models",
    "a\\b",
    ".hidden",
  ])("%s is a path", async (name) => {
    await expect(open(name)).rejects.toMatchObject({
      code: "ERR_FILE",
      message: expect.stringContaining("no such file or folder"),
    });
  });

  test.each(["org/name", "name", "o-r_g.x/n-a_m.e", "a/b"])("%s is an id", async (name) => {
    await expect(open(name)).rejects.toMatchObject({ code: "ERR_HUB" });
  });

  test.each(["", "a b", "org/", "org/na--me", "name.git", "-name", "name-", "org/näme", `org/${"x".repeat(97)}`])(
    "%j is neither",
    async (name) => {
      await expect(open(name)).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: expect.stringMatching(
          /must be an existing folder, such as .* or a model's id on the hub, such as "org\/name"/,
        ),
      });
    },
  );
});
