import { cpSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { buildIndex, loadBert, loadIndex, pipeline } from "../../src/index.ts";
import { type BundledModel, bundledModel } from "../../src/load/bundledFiles.ts";
import { plainbert } from "../cli/run.ts";
import { expectBertError, WEIGHTS } from "../pipelines/support.ts";
import { temporaryFolder } from "../support/tinyModel.ts";

/** Which of the two small models answers where none is named, and that its files are found. Its numbers may change: they are not pinned. */
const PLAIN = { backend: "plain" } as const;
const EMBEDDINGS = join(WEIGHTS, "embeddings");
const TEXTS = ["The price of corn rose again.", "The window is closed.", "My brother plays the piano."];
const QUERY = "Is the window shut?";
const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const small = await loadBert(WEIGHTS, PLAIN);
const embed = await pipeline("embeddings", EMBEDDINGS, PLAIN);
const fingerprints = { small: small.fingerprint, embeddings: embed.model.fingerprint };

/** A copy of both models, as a program has it whose bundler leaves them behind; without the second one. */
function assets(name: string, filter: (path: string) => boolean = () => true): string {
  const to = join(folder.path, name);
  cpSync(WEIGHTS, to, { recursive: true, filter });
  return to;
}

describe("the model where none is named", () => {
  test("is the small embedding model for vectors, the small model for all else", async () => {
    expect(fingerprints.small).not.toBe(fingerprints.embeddings);
    for (const task of ["embeddings", "sentence-similarity"] as const) {
      await using answer = await pipeline(task, undefined, PLAIN);
      expect(answer.model.fingerprint, task).toBe(fingerprints.embeddings);
    }
    for (const task of [
      "fill-mask",
      "next-sentence-prediction",
      "feature-extraction",
      "pseudo-log-likelihood",
    ] as const) {
      await using answer = await pipeline(task, undefined, PLAIN);
      expect(answer.model.fingerprint, task).toBe(fingerprints.small);
    }
    await using bert = await loadBert(undefined, PLAIN);
    expect(bert.fingerprint).toBe(fingerprints.small);
  });

  test("gives vectors of 384 numbers and of length 1, the bits of the folder's", async () => {
    await using found = await pipeline("embeddings", undefined, PLAIN);
    const { dims, data } = await found(TEXTS);
    expect(dims).toEqual([3, 384]);
    for (let i = 0; i < 3; i++) expect(Math.hypot(...data.subarray(384 * i, 384 * (i + 1)))).toBeCloseTo(1, 6);
    expect(data).toStrictEqual((await embed(TEXTS)).data);
  });

  test("finds the text that means the same, and compares by meaning", async () => {
    await using found = await pipeline("embeddings", undefined, PLAIN);
    const index = await buildIndex(found, TEXTS);
    expect((await index.search(QUERY, 1))[0].text).toBe(TEXTS[1]);
    await using similarity = await pipeline("sentence-similarity", undefined, PLAIN);
    const cosines = await similarity({ source_sentence: QUERY, sentences: TEXTS });
    expect(cosines.indexOf(Math.max(...cosines))).toBe(1);
  });

  test("is refused for an index of another, with what to do", async () => {
    const path = join(folder.path, "mean.safetensors");
    await (await buildIndex(await pipeline("embeddings", small), TEXTS)).save(path);
    await using found = await pipeline("embeddings", undefined, PLAIN);
    const said = `"${fingerprints.small}"; this one is "the small embedding model" of fingerprint "${fingerprints.embeddings}"; make it anew, or load that model`;
    await expectBertError(loadIndex(found, path), "ERR_CHECKPOINT", "must be searched with the model", said);
    const { code, stderr } = await plainbert(["search", path, QUERY]);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/name that model by --model, or make the index anew\n$/),
    });
    expect((await plainbert(["search", "--model", WEIGHTS, path, QUERY])).code).toBe(0);
  });
});

describe("the commands", () => {
  const input = `${TEXTS.join("\n")}\n`;

  test.each([{ args: [] }, { args: ["--pooling", "mean"] }])("embed $args", async ({ args }) => {
    const plain = ["--backend", "plain", ...args];
    const named = await plainbert(["embed", "--model", EMBEDDINGS, ...plain], { input });
    expect(await plainbert(["embed", ...plain], { input })).toEqual(named);
    expect(JSON.parse(named.stdout.split("\n")[0]).length).toBe(args.length === 0 ? 384 : 256);
  });

  test.each([{ args: [] }, { args: ["--pooling", "max"] }])("index $args, and search", async ({ args }) => {
    const path = join(folder.path, `index${args.length}.safetensors`);
    expect(await plainbert(["index", "--output", path, ...args], { input })).toMatchObject({ code: 0, stderr: "" });
    const { stdout } = await plainbert(["search", "--top-k", "3", path, QUERY]);
    expect(stdout.trimEnd().split("\n").length).toBe(3);
    if (args.length === 0) expect(stdout.split("\n")[0]).toContain(TEXTS[1]);
    expect((await plainbert(["search", "--model", EMBEDDINGS, "--top-k", "3", path, QUERY])).stdout).toBe(stdout);
  });

  test("sentence-similarity", async () => {
    const { stdout } = await plainbert(["sentence-similarity", QUERY, ...TEXTS]);
    expect(stdout.split("\n")[0]).toContain(TEXTS[1]);
  });
});

describe.each<[BundledModel, string]>([
  ["pretrained", WEIGHTS],
  ["embeddings", EMBEDDINGS],
])("the files of %s", (name, at) => {
  /** Those that `loadBert` reads: a model card, what was computed with the model and how it was made are no part of it. */
  const files = readdirSync(at, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.(json|safetensors|txt)$/.test(path) && !/^(embeddings|recipe)\/|^expected\.json$/.test(path));

  test("are all named, where the package has them and in a folder of copies", () => {
    expect(files.length).toBe(name === "embeddings" ? 8 : 4);
    const inside = name === "embeddings" ? "embeddings/" : "";
    for (const file of files) {
      expect(bundledModel(name).urlOf(file)?.href).toBe(pathToFileURL(join(at, file)).href);
      expect(bundledModel(name, "https://a.example/copies").urlOf(file)?.href).toBe(
        `https://a.example/copies/${inside}${file}`,
      );
    }
  });

  test("are no others", () => {
    for (const file of ["README.md", "expected.json", "tokenizer.json", "3_Normalize/config.json", "toString"]) {
      expect(bundledModel(name).urlOf(file)).toBe(null);
      expect(bundledModel(name, "/copies").urlOf(file)).toBe(null);
    }
  });
});

describe("the option assets", () => {
  test("names a folder with copies of both", async () => {
    const at = assets("both");
    for (const path of [at, pathToFileURL(at)]) {
      await using found = await pipeline("embeddings", undefined, { ...PLAIN, assets: path });
      expect((await found(TEXTS)).data).toStrictEqual((await embed(TEXTS)).data);
    }
  });

  test("is named where the second model was left behind", async () => {
    const at = assets("first", (path) => !path.startsWith(EMBEDDINGS));
    expect(existsSync(join(at, "embeddings"))).toBe(false);
    await (await pipeline("fill-mask", undefined, { ...PLAIN, assets: at })).dispose();
    await expectBertError(
      pipeline("embeddings", undefined, { ...PLAIN, assets: at }),
      "ERR_FILE",
      "loadBert: the small embedding model's ",
      " must be where the package has it, got ",
      "the option assets names a folder with copies of plainbert/weights/*",
    );
  });
});
