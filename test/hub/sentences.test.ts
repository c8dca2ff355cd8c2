import { readdirSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { convertModel } from "../../src/cli/convertModel.ts";
import { downloadModel, loadBert, loadTokenizer, pipeline, saveBert } from "../../src/index.ts";
import { plainbert } from "../cli/run.ts";
import { SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";
import { listing, Place, restore } from "./support.ts";

const COMMIT = "0123456789".repeat(4);
const root = await mkdtemp(join(tmpdir(), "plainbert-sentence-hub-"));
afterAll(() => rm(root, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

type Files = Record<string, Uint8Array>;

/** The files of a folder and what a model's page has beside them. */
async function filesOf(form: string): Promise<Files> {
  const folder = await sentenceFolder(root, form);
  return { ...filesIn(folder), ...BESIDE };
}

function filesIn(folder: string): Files {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const isFile = (name: string) => listing(folder)[name] !== "folder";
  return Object.fromEntries(names.filter(isFile).map((name) => [name, readFileSync(join(folder, name))]));
}

/** What no call needs. */
const BESIDE: Files = Object.fromEntries(
  ["README.md", "onnx/model.onnx", "tf_model.h5", "2_Dense/README.md", "4_Dense/config.json", ".gitattributes"].map(
    (name) => [name, new TextEncoder().encode(`what ${name} says`)],
  ),
);
const isBeside = (name: string) => Object.hasOwn(BESIDE, name);

/** A hub with one model, and the environment's variables that lead to it while the test runs. */
async function place(files: Files) {
  const here = await Place.make(files);
  const options = (more: object = {}) => ({ endpoint: here.hub.endpoint, cache_dir: here.at(), ...more });
  return Object.assign(here, { options });
}

/** The vectors of the model on the hub, with the options of a call. */
async function vectors(model: string, options: object = {}) {
  await using embed = await pipeline("embeddings", model, { backend: "plain", ...options });
  return embed([...SENTENCES]);
}

const present = (here: Place) => filesNamed(here.inModel("snapshots", COMMIT));
const filesNamed = (folder: string) =>
  Object.entries(listing(folder))
    .filter(([, is]) => is !== "folder")
    .map(([name]) => name);
const gets = (here: Place) =>
  here.hub.log().flatMap((line) => (/^hub GET /.test(line) ? [line.slice("hub GET ".length)] : []));

describe.each([
  ...["dense", "dense_bin", "layer_norm", "in_a_folder", "processor_kwargs", "prompts", "plain", "tokenizer_args"],
])("a model of the form %s", (form) => {
  test("its files are fetched, each once, and no others; its vectors are those of the folder", async () => {
    const files = await filesOf(form);
    await using here = await place(files);
    const got = await vectors("org/small", here.options());
    expect(got).toEqual(await vectors(await sentenceFolder(root, form)));
    const wanted = Object.keys(files).filter((name) => !isBeside(name));
    expect(present(here).sort()).toEqual(wanted.sort());
    expect(gets(here).sort()).toEqual(wanted.sort());

    // Then all is there, with the hub and without.
    here.hub.seen.length = 0;
    expect(await vectors("org/small", here.options())).toEqual(got);
    expect(gets(here)).toEqual([]);
    here.hub.seen.length = 0;
    expect(await vectors("org/small", here.options({ local_files_only: true }))).toEqual(got);
    expect(here.hub.seen).toEqual([]);
  });

  test("downloadModel gives the folder with modules.json; force_download fetches each file again", async () => {
    const files = await filesOf(form);
    await using here = await place(files);
    const path = await downloadModel("org/small", here.options());
    expect(path).toBe(here.inModel("snapshots", COMMIT));
    expect(await vectors(path)).toEqual(await vectors(await sentenceFolder(root, form)));
    here.hub.seen.length = 0;
    await downloadModel("org/small", here.options({ force_download: true }));
    expect(gets(here).sort()).toEqual(
      Object.keys(files)
        .filter((name) => !isBeside(name))
        .sort(),
    );
  });
});

test("of the names that sentence_bert_config.json has had, the first that is there", async () => {
  await using here = await place(await filesOf("roberta_name"));
  expect(await vectors("org/small", here.options())).toEqual(await vectors(await sentenceFolder(root, "roberta_name")));
  expect(gets(here).filter((name) => name.startsWith("sentence_"))).toEqual(["sentence_roberta_config.json"]);
});

test("weights that are there in both forms: safetensors alone", async () => {
  const files = await filesOf("dense");
  const others = ["2_Dense/pytorch_model.bin", "pytorch_model.bin", "1_Pooling/model.safetensors"];
  await using here = await place({ ...files, ...Object.fromEntries(others.map((name) => [name, new Uint8Array(9)])) });
  expect(await vectors("org/small", here.options())).toEqual(await vectors(await sentenceFolder(root, "dense")));
  const wanted = Object.keys(files).filter((name) => !isBeside(name));
  expect(gets(here).sort()).toEqual(wanted.sort());
});

test("the tokenizer alone: no module's folder is asked for", async () => {
  await using here = await place(await filesOf("in_a_folder"));
  await loadTokenizer("org/small", here.options());
  expect(gets(here).filter((name) => /Pooling|safetensors/.test(name))).toEqual([]);
  expect(gets(here)).toContain("0_Transformer/vocab.txt");
  // The rest is fetched when it is needed.
  expect(await vectors("org/small", here.options())).toEqual(await vectors(await sentenceFolder(root, "in_a_folder")));
});

test("the transformer's shards in a folder of its own", async () => {
  const folder = await sentenceFolder(join(root, "sharded"), "in_a_folder");
  await convertModel(join(folder, "0_Transformer"), join(root, "shards"), { maxShardSize: 20_000 });
  for (const [name, data] of Object.entries(filesIn(join(root, "shards")))) {
    writeFileSync(join(folder, "0_Transformer", name), data);
  }
  rmSync(join(folder, "0_Transformer", "model.safetensors"));
  const files = filesIn(folder);
  const shards = Object.keys(files).filter((name) => /^0_Transformer\/model-\d+-of-\d+\.safetensors$/.test(name));
  expect(shards.length).toBeGreaterThan(1);
  await using here = await place({ ...files, ...BESIDE });
  const got = await vectors("org/small", here.options());
  expect(got).toEqual(await vectors(await sentenceFolder(root, "in_a_folder")));
  expect(gets(here).sort()).toEqual(Object.keys(files).sort());
  expect(await vectors("org/small", here.options({ local_files_only: true }))).toEqual(got);

  truncateSync(realpathSync(join(here.inModel("snapshots", COMMIT), shards[1])), 100);
  await expect(vectors("org/small", here.options({ local_files_only: true }))).rejects.toMatchObject({
    code: "ERR_HUB",
    message: expect.stringContaining(shards[1]),
  });
  here.hub.seen.length = 0;
  expect(await vectors("org/small", here.options())).toEqual(got);
  expect(gets(here)).toEqual([shards[1]]);
});

describe("a file that is damaged in the cache is fetched again, offline it is said", () => {
  test.each([
    ["dense", "modules.json"],
    ["dense", "1_Pooling/config.json"],
    ["dense", "2_Dense/config.json"],
    ["dense", "2_Dense/model.safetensors"],
    ["dense_bin", "2_Dense/pytorch_model.bin"],
    ["prompts", "config_sentence_transformers.json"],
    ["in_a_folder", "0_Transformer/sentence_bert_config.json"],
    ["in_a_folder", "0_Transformer/vocab.txt"],
  ])("%s: %s", async (form, file) => {
    await using here = await place(await filesOf(form));
    const got = await vectors("org/small", here.options());
    const blob = realpathSync(join(here.inModel("snapshots", COMMIT), file));
    // One byte, so that the size is right: what is that small is hashed each time.
    const data = readFileSync(blob);
    data[data.length >> 1] ^= 1;
    writeFileSync(blob, data);
    await expect(vectors("org/small", here.options({ local_files_only: true }))).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`${file} `),
    });
    here.hub.seen.length = 0;
    expect(await vectors("org/small", here.options())).toEqual(got);
    expect(gets(here)).toEqual([file]);
  });

  test("a modules.json of a snapshot without links that is none: the same", async () => {
    await using here = await place(await filesOf("dense"));
    vi.stubEnv("HF_HUB_DISABLE_SYMLINKS", "1");
    const got = await vectors("org/small", here.options());
    const file = join(here.inModel("snapshots", COMMIT), "modules.json");
    truncateSync(file, 10);
    await expect(vectors("org/small", here.options({ local_files_only: true }))).rejects.toMatchObject({
      code: "ERR_HUB",
      message: expect.stringContaining(`; delete ${file} and fetch it again`),
    });
    expect(await vectors("org/small", here.options())).toEqual(got);
  });

  test("one that is gone: offline that is said, if the model is nothing without it", async () => {
    await using here = await place(await filesOf("in_a_folder"));
    await vectors("org/small", here.options());
    rmSync(join(here.inModel("snapshots", COMMIT), "0_Transformer/config.json"));
    await expect(vectors("org/small", here.options({ local_files_only: true }))).rejects.toThrow(
      "0_Transformer/config.json is not in the cache",
    );
  });
});

describe("a cache that was filled by someone who did not ask for modules.json", () => {
  test.each(["dense", "plain"])(
    "%s: offline there are no vectors, as nobody knows which; all else works",
    async (form) => {
      await using here = await place(await filesOf(form));
      const got = await vectors("org/small", here.options());
      rmSync(here.inModel("snapshots", COMMIT, "modules.json"), { force: true });
      rmSync(here.inModel(".no_exist", COMMIT, "modules.json"), { force: true });
      const offline = here.options({ local_files_only: true });
      const reason = "whether the model has a modules.json, which says how vectors are made, is not known here";
      await expect(vectors("org/small", offline)).rejects.toThrow(reason);
      await using bert = await loadBert("org/small", { backend: "plain", ...offline });
      expect((await pipeline("feature-extraction", bert)).model).toBe(bert);
      await expect(saveBert(bert, join(here.folder, "saved"))).rejects.toThrow(reason);
      const convert = await plainbert(["convert", "--local-files-only", "org/small", "to"], {
        env: here.env,
        cwd: here.folder,
      });
      expect(convert).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("whether the model has a modules.json"),
      });
      // What the sentence advises
      expect(await vectors("org/small", here.options())).toEqual(got);
      expect(await vectors("org/small", offline)).toEqual(got);
    },
  );
});

test("modules.json on the hub that leads out of the model: nothing is asked for there", async () => {
  const files = await filesOf("mean");
  const escaping = new TextEncoder().encode(
    new TextDecoder().decode(files["modules.json"]).replace("1_Pooling", "../../other/model"),
  );
  await using here = await place({ ...files, "modules.json": escaping });
  await expect(vectors("org/small", here.options())).rejects.toMatchObject({
    code: "ERR_CHECKPOINT",
    message: expect.stringMatching(/modules\.json: \[1\]\.path must be a folder inside the model's/),
  });
  expect(here.hub.log().filter((line) => line.includes("other"))).toEqual([]);
});

describe("the cache and Python's SentenceTransformer", () => {
  const python: { commit: string; symlinks: Record<string, string> } = JSON.parse(
    readFileSync(join(import.meta.dirname, "reference/sentences.json"), "utf8"),
  );
  /** Without what differs: Python's locks stay, and it asks for files of models that are not BERT. */
  const compared = (paths: Record<string, string>) =>
    Object.fromEntries(Object.entries(paths).filter(([path]) => !/\.lock$|\.no_exist|CACHEDIR\.TAG/.test(path)));

  test("what is downloaded is the same, path for path and byte for byte", async () => {
    await using here = await Place.make();
    here.hub.add("org/small", await filesOf("dense"), python.commit);
    await vectors("org/small", { endpoint: here.hub.endpoint, cache_dir: here.at() });
    expect(compared(listing(here.at()))).toEqual(compared(python.symlinks));
  });

  test("what Python has downloaded is found without the hub, and with it nothing is fetched", async () => {
    await using here = await Place.make();
    const files = await filesOf("dense");
    here.hub.add("org/small", files, python.commit);
    restore(here.at(), python, Object.values(files));
    const options = { endpoint: here.hub.endpoint, cache_dir: here.at() };
    const expected = await vectors(await sentenceFolder(root, "dense"));
    expect(await vectors("org/small", { ...options, local_files_only: true })).toEqual(expected);
    expect(here.hub.seen).toEqual([]);
    expect(await vectors("org/small", options)).toEqual(expected);
    expect(here.hub.log().filter((line) => line.includes("GET"))).toEqual([]);
  });
});
