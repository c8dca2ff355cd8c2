import { existsSync, readdirSync, readFileSync, realpathSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { openWeights } from "../../src/load/weightFiles.ts";
import { noise, Place } from "../hub/support.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";
import { head, plainbert } from "./run.ts";

const COMMIT = "0123456789".repeat(4);

test("prints the snapshot's folder, and nothing else where nobody watches", async () => {
  await using here = await Place.make();
  const expected = { code: 0, stderr: "", stdout: `${here.inModel("snapshots", COMMIT)}\n` };
  expect(await plainbert(["download", "org/small"], { env: here.env })).toMatchObject(expected);
  expect(await plainbert(["download", "org/small"], { env: { ...here.env, HF_HUB_OFFLINE: "1" } })).toMatchObject(
    expected,
  );
});

test("--revision, --cache-dir, --local-files-only; the token is the environment's", async () => {
  await using here = await Place.make();
  here.hub.token = "hf_x";
  const args = ["download", "--revision", "v1", "--cache-dir", here.at("other"), "org/small"];
  const nothing = await plainbert([...args, "--local-files-only"], { env: here.env });
  expect(nothing).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("--local-files-only") });
  const expected = { code: 0, stderr: "", stdout: `${here.at("other", "models--org--small", "snapshots", COMMIT)}\n` };
  expect(await plainbert(args, { env: { ...here.env, HF_TOKEN: "hf_x" } })).toMatchObject(expected);
  expect(await plainbert([...args, "--local-files-only"], { env: here.env })).toMatchObject(expected);
  expect(existsSync(here.at("other", "models--org--small", "refs", "v1"))).toBe(true);
});

test("--force-download fetches what the cache has; without it only what is damaged is fetched", async () => {
  await using here = await Place.make();
  const run = (...args: string[]) => plainbert(["download", ...args, "org/small"], { env: here.env });
  const gets = () => here.hub.log().filter((line) => line.startsWith("hub GET")).length;
  const { stdout } = await run();
  expect(gets()).toBe(3);
  expect(await run("--force-download")).toMatchObject({ code: 0, stdout });
  expect(gets()).toBe(6);
  truncateSync(realpathSync(join(stdout.trim(), "model.safetensors")), 100);
  expect(await run()).toMatchObject({ code: 0, stdout });
  expect(gets()).toBe(7);
  expect(await run("--force-download", "--local-files-only")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("--force-download must be false where --local-files-only forbids to ask the hub"),
  });
});

test("a bar for whoever sits before a terminal; in the end the folder alone is on standard output", async () => {
  await using here = await Place.make();
  here.hub.add("org/large", { "config.json": "{}", "vocab.txt": "a\n", "model.safetensors": noise(5_000_000) });
  const options = { env: { ...here.env, TERM: "xterm" }, columns: 80 };
  const now = performance.now.bind(performance);
  vi.spyOn(performance, "now").mockImplementation(() => 1000 * now()); // as if it took a thousand times as long
  try {
    const { code, stdout, stderr } = await plainbert(["download", "org/large"], options);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${here.at("models--org--large", "snapshots", COMMIT)}\n`,
    });
    expect(stderr).toMatch(/^\rdownloading +\d+ % .* \d\.\d of 5\.0 MB {2}\d+\.\d MB\/s {2}[\d:]+ left/);
    expect(stderr.replaceAll("\u001b[K", "<wiped>")).toMatch(
      /\r<wiped>downloading {2}5\.0 MB in [\d:]+, \d+\.\d MB\/s\n$/,
    );
    expect((await plainbert(["download", "org/large"], options)).stderr).toBe(""); // as the cache has it
    const quiet = { ...options, env: { ...options.env, HF_HUB_DISABLE_PROGRESS_BARS: "1", HF_HOME: here.at("other") } };
    expect(await plainbert(["download", "org/large"], quiet)).toMatchObject({ code: 0, stderr: "" });
  } finally {
    vi.restoreAllMocks();
  }
});

test("failures: one line on standard error, exit code 1; 2 for a wrong command line", async () => {
  await using here = await Place.make();
  const missing = await plainbert(["download", "org/none"], { env: here.env });
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toMatch(
    /^plainbert: hub: org\/none: config\.json: 401 .*nor a model org\/none on .*,\sor it is private.*HF_TOKEN\n$/,
  );
  expect(await plainbert(["download"], { env: here.env })).toMatchObject({ code: 2, stdout: "" });
  expect(await plainbert(["download", "a", "b"], { env: here.env })).toMatchObject({ code: 2, stdout: "" });
});

describe("an id in place of a folder", () => {
  const SMALL = head("mlm");
  const BERT = "google-bert/bert-base-cased";
  let here: Place;
  beforeAll(async () => {
    const filesOf = (folder: string) =>
      Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
    here = await Place.make(filesOf(SMALL));
    here.hub.add(BERT, filesOf(SMALL));
  });
  afterAll(() => here[Symbol.asyncDispose]());
  const run = (...args: string[]) => plainbert(args, { env: here.env, cwd: here.folder });

  test("tokenize downloads the tokenizer's files alone; then --model takes the weights too", async () => {
    const tokenize = ["tokenize", "--json", "The [MASK].", "--model"];
    expect(await run(...tokenize, "org/small")).toEqual(await run(...tokenize, SMALL));
    expect(readdirSync(here.inModel("snapshots", COMMIT))).not.toContain("model.safetensors");
    const fill = ["fill-mask", "--backend", "plain", "--json", "The [MASK].", "--model"];
    expect(await run(...fill, "org/small")).toEqual(await run(...fill, SMALL));
    expect(readdirSync(here.inModel("snapshots", COMMIT))).toContain("model.safetensors");
    expect(await run(...fill, "org/small", "--local-files-only")).toMatchObject({ code: 0 });
  });

  test("inspect", async () => {
    const [ours, theirs] = await Promise.all([openWeights(SMALL), run("inspect", "--json", "org/small")]);
    expect(
      JSON.parse(theirs.stdout)
        .tensors.map(({ name }: { name: string }) => name)
        .sort(),
    ).toEqual([...ours.tensors.keys()].sort());
    await ours.close();
  });

  test("convert, verify, make-examples: each finds what it needs", async () => {
    expect(await run("convert", "org/small", "converted")).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(here.folder, "converted", "vocab.txt"))).toEqual(readFileSync(join(SMALL, "vocab.txt")));
    const { code, stderr } = await run("verify", "--backend", "plain", BERT); // known by its id; but these are not its weights
    expect({ code, stderr }).toEqual({ code: 1, stderr: "plainbert: verify: 3 of 3 outputs differ\n" });
    const none = await run("make-examples", "none.txt", "--tokenizer", "org/none", "--output", "out");
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining("hub: org/none") });
  });
});

test("a transformer in a folder of its own: the whole model is downloaded, inspected and converted", async () => {
  await using here = await Place.make();
  const folder = await sentenceFolder(here.folder, "in_a_folder");
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = names.map(({ parentPath, name }) => join(parentPath, name));
  here.hub.add(
    "org/small",
    Object.fromEntries(files.map((path) => [path.slice(folder.length + 1), readFileSync(path)])),
  );
  const run = (...args: string[]) => plainbert(args, { env: here.env, cwd: here.folder });
  const snapshot = here.inModel("snapshots", COMMIT);
  expect(await run("download", "org/small")).toMatchObject({ code: 0, stdout: `${snapshot}\n` });
  expect((await run("inspect", "org/small")).stdout).toContain("  modules: Transformer, Pooling cls\n");
  const { code, stdout } = await run("convert", "org/small", "converted");
  expect(code).toBe(0);
  const lines = ["model.safetensors", "config.json", "tokenizer_config.json", "vocab.txt", "1_Pooling/config.json"];
  for (const name of [...lines, "modules.json", "sentence_bert_config.json"]) expect(stdout).toContain(`\n  ${name}\n`);
  expect(readdirSync(join(here.folder, "converted")).sort()).toEqual(
    ["1_Pooling", ...lines.slice(0, 4), "modules.json", "sentence_bert_config.json"].sort(),
  );
});
