import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ConvertOptions, convertModel } from "../../src/cli/convertModel.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import { type Bert, loadBert, pipeline, saveBert } from "../../src/pipelines/index.ts";
import { readSafetensors, type Safetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import type { StorageType } from "../../src/tensor/tensor.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { reference, referenceTensors } from "../support/reference.ts";
import { head, plainbert } from "./run.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "plainbert-convert-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);

/** The tiny model of the reference as a folder, with other weights if given. */
async function tinyFolder(name: string, ...files: readonly [from: string, to: string][]): Promise<string> {
  await mkdir(at(name));
  await cp(reference("tiny/config.json"), at(name, "config.json"));
  for (const [from, to] of files) await cp(from, at(name, to));
  return at(name);
}
const OLD = fileURLToPath(new URL("../pytorch/reference/old/pytorch_model.bin", import.meta.url));
const TINY = reference("tiny/model.safetensors");

/** Runs the command in this process: a process of its own takes half a second. */
const convert = (from: string, to: string, options: ConvertOptions = {}) => convertModel(from, to, options);
const safetensors = async (...names: string[]): Promise<Safetensors> => readSafetensors(await readFile(at(...names)));
const wholeTiny = () => referenceTensors("tiny/model.safetensors");

function expectSame(got: Safetensors, want: Safetensors): void {
  expect(new Set(got.tensors.keys())).toEqual(new Set(want.tensors.keys()));
  for (const [name, { dtype, shape }] of want.tensors) {
    expect(got.tensors.get(name), name).toMatchObject({ dtype, shape });
    expect(Buffer.compare(got.bytes(name), want.bytes(name)), name).toBe(0);
  }
}

describe("whatever it is made from, the same weights, bit by bit", () => {
  test("a pytorch_model.bin of 2018", async () => {
    const from = await tinyFolder("from", [OLD, "pytorch_model.bin"]);
    const { code, stdout, stderr } = await plainbert(["convert", from, at("to")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`${at("to")}: 46 tensors, 37,529 parameters, float32
  model.safetensors
  config.json
left out, being no weights or tied to others: cls.predictions.decoder.weight, cls.predictions.decoder.bias, bert.embeddings.position_ids
`);
    expect((await readdir(at("to"))).sort()).toEqual(["config.json", "model.safetensors"]);
    const written = await safetensors("to", "model.safetensors");
    expectSame(written, wholeTiny());
    expect(written.metadata.get("format")).toBe("pt"); // transformers asks for it
    const config = JSON.parse(await readFile(at("to", "config.json"), "utf8"));
    expect(config).toEqual({ ...JSON.parse(await readFile(reference("tiny/config.json"), "utf8")), dtype: "float32" });
  });

  test("shards into one file, one file into shards, and back", async () => {
    const from = await tinyFolder("from");
    const names = [
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ];
    for (const name of names) await cp(reference(`tiny/${name}`), join(from, name));
    await convert(from, at("one"));
    expectSame(await safetensors("one", "model.safetensors"), wholeTiny());

    await convert(at("one"), at("many"), { maxShardSize: 30_000 });
    const files = (await readdir(at("many"))).filter((name) => name.endsWith(".safetensors")).sort();
    expect(files[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/);
    const index = JSON.parse(await readFile(at("many", "model.safetensors.index.json"), "utf8"));
    expect(index.metadata).toEqual({ total_size: 4 * 37_529 });
    let tensors = 0;
    for (const name of files) {
      const shard = await safetensors("many", name);
      const size = [...shard.tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
      expect(size <= 30_000 || shard.tensors.size === 1, name).toBe(true);
      for (const key of shard.tensors.keys()) expect(index.weight_map[key]).toBe(name);
      tensors += shard.tensors.size;
    }
    expect(tensors).toBe(46);
    expect(Object.keys(index.weight_map).length).toBe(46);
    await convert(at("many"), at("again"));
    expect(await readFile(at("again", "model.safetensors"))).toEqual(await readFile(at("one", "model.safetensors")));
  });

  test("Google's names: there and back", async () => {
    await convert(await tinyFolder("from", [TINY, "model.safetensors"]), at("google"), { names: "google" });
    const google = await safetensors("google", "model.safetensors");
    const kernel = "bert/encoder/layer_1/intermediate/dense/kernel";
    expect(google.tensors.get(kernel)?.shape).toEqual([36, 100]);
    const weight = wholeTiny().toFloat32("bert.encoder.layer.1.intermediate.dense.weight"); // [100, 36]
    const turned = google.toFloat32(kernel);
    for (let i = 0; i < 36; i++) for (let o = 0; o < 100; o++) expect(turned[i * 100 + o]).toBe(weight[o * 36 + i]);
    expect([...google.tensors.keys()]).toEqual(
      expect.arrayContaining([
        "bert/embeddings/word_embeddings",
        "bert/encoder/layer_0/output/LayerNorm/gamma",
        "cls/predictions/output_bias",
        "cls/seq_relationship/output_weights",
      ]),
    );
    // As Google publishes it: no architecture, no model_type.
    const { architectures, model_type, ...bare } = JSON.parse(await readFile(at("google", "config.json"), "utf8"));
    await rm(at("google", "config.json"));
    await writeFile(at("google", "bert_config.json"), JSON.stringify(bare));
    await convert(at("google"), at("to"));
    expectSame(await safetensors("to", "model.safetensors"), wholeTiny());
    expect(JSON.parse(await readFile(at("to", "config.json"), "utf8"))).toEqual({ ...bare, architectures, model_type });
  });

  test("every head's names, there and back", async () => {
    for (const head of ["question-answering", "sequence-classification", "token-classification"]) {
      const from = reference(`tiny/heads/${head}`);
      await convert(from, at(`${head}-google`), { names: "google" });
      await convert(at(`${head}-google`), at(head));
      expectSame(
        await safetensors(head, "model.safetensors"),
        referenceTensors(`tiny/heads/${head}/model.safetensors`),
      );
    }
  });

  test("a decoder of its own is kept, a copy of the word embeddings is not", async () => {
    const tiny = wholeTiny();
    const all = [...tiny.tensors.values()].map(
      ({ name, shape }) => [name, { shape, data: tiny.toFloat32(name) }] as const,
    );
    const words = tiny.toFloat32("bert.embeddings.word_embeddings.weight");
    const own = words.slice();
    own[5] += 1;
    for (const [name, data, tensors] of [
      ["own", own, 47],
      ["copy", words, 46],
    ] as const) {
      const from = await tinyFolder(`${name}-from`);
      const decoder = ["cls.predictions.decoder.weight", { shape: [211, 36], data }] as const;
      await writeFile(join(from, "model.safetensors"), writeSafetensors([...all, decoder]));
      await convert(from, at(name));
      expect((await safetensors(name, "model.safetensors")).tensors.size).toBe(tensors);
    }
  });
});

describe("dtype", () => {
  test.each(["float16", "bfloat16"] as const)("%s: as PyTorch rounds, and it stays so", async (dtype) => {
    await convert(await tinyFolder("from", [TINY, "model.safetensors"]), at("half"), { dtype });
    const half = await safetensors("half", "model.safetensors");
    expectSame(half, referenceTensors(`tiny/model.${dtype}.safetensors`));
    expect(JSON.parse(await readFile(at("half", "config.json"), "utf8")).dtype).toBe(dtype);
    await convert(at("half"), at("again"));
    expectSame(await safetensors("again", "model.safetensors"), half);
  });

  test("a number that float16 cannot hold, or none", async () => {
    const tiny = wholeTiny();
    for (const [value, dtype, message] of [
      [65_520, "float16", "must hold numbers that float16 can hold, below 65520; element 3 is 65520"],
      [Number.NaN, "float32", "must hold finite numbers; element 3 is NaN"],
    ] as const) {
      const all = [...tiny.tensors.values()].map(({ name, shape }) => {
        const data = tiny.toFloat32(name).slice();
        if (name === "bert.pooler.dense.bias") data[3] = value;
        return [name, { shape, data }] as const;
      });
      const from = await tinyFolder(`from-${dtype}`);
      await writeFile(join(from, "model.safetensors"), writeSafetensors(all));
      await expect(convert(from, at("to"), { dtype })).rejects.toMatchObject({
        code: "ERR_CHECKPOINT",
        message: `convert: ${join(from, "model.safetensors")}: bert.pooler.dense.bias ${message}`,
      });
      expect((await readdir(folder)).filter((name) => name.includes("to"))).toEqual([]);
    }
  });
});

describe("int8", () => {
  const loaded = (name: string, dtype: StorageType = "float32") => loadBert(at(name), { backend: "plain", dtype });
  /** Every number of a model, by name. */
  const numbers = ({ parameters }: Bert) => Array.from(parameters, ([name, { data }]) => [name, data] as const);

  test("matrices are I8 with scales beside them, and load to the bits that int8 makes of the old folder", async () => {
    const from = await tinyFolder("from", [TINY, "model.safetensors"]);
    const { code, stdout, stderr } = await plainbert(["convert", "--dtype", "int8", from, at("int8")]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const tiny = wholeTiny();
    const matrices = [...tiny.tensors.values()].filter(({ shape }) => shape.length === 2);
    expect(matrices.length).toBeGreaterThan(15);
    expect(stdout).toBe(`${at("int8")}: ${46 + matrices.length} tensors, 37,529 parameters, int8 and float32
  model.safetensors
  config.json
`);
    const { tensors } = await safetensors("int8", "model.safetensors");
    expect(tensors.size).toBe(46 + matrices.length);
    for (const { name, shape } of matrices) {
      expect(tensors.get(name), name).toMatchObject({ dtype: "I8", shape });
      expect(tensors.get(`${name}_scale`), name).toMatchObject({ dtype: "F32", shape: [shape[0], 1] });
    }
    expect("dtype" in JSON.parse(await readFile(at("int8", "config.json"), "utf8"))).toBe(false); // no name for it there

    await using before = await loaded("from", "int8");
    await using after = await loaded("int8", "int8");
    expect(numbers(after)).toEqual(numbers(before));
    const batch = [{ inputIds: [2, 50, 60, 70, 3] }];
    expect(after.forwardSync(batch)).toEqual(before.forwardSync(batch));
  });

  test("the same file as saveBert writes of it", async () => {
    const from = await tinyFolder("from", [TINY, "model.safetensors"]);
    await using bert = await loadBert(from, { dtype: "int8" });
    await saveBert(bert, at("saved"));
    await convert(from, at("int8"), { dtype: "int8" });
    for (const name of ["model.safetensors", "config.json"])
      expect(await readFile(at("int8", name)), name).toEqual(await readFile(at("saved", name)));
  });

  test("stays as it is by int8, in shards too; without, it becomes the numbers that it stands for", async () => {
    await convert(await tinyFolder("from", [TINY, "model.safetensors"]), at("int8"), { dtype: "int8" });
    await convert(at("int8"), at("shards"), { dtype: "int8", maxShardSize: 20_000 });
    expect((await readdir(at("shards"))).length).toBeGreaterThan(3);
    await convert(at("shards"), at("again"), { dtype: "int8" });
    expectSame(await safetensors("again", "model.safetensors"), await safetensors("int8", "model.safetensors"));

    const { leftOut, dtypes, tensors } = await convert(at("shards"), at("float32"));
    expect({ leftOut, dtypes, tensors }).toEqual({ leftOut: [], dtypes: ["float32"], tensors: 46 });
    expect(JSON.parse(await readFile(at("float32", "config.json"), "utf8")).dtype).toBe("float32");
    const int8 = await safetensors("int8", "model.safetensors");
    const float32 = await safetensors("float32", "model.safetensors");
    for (const [name, { shape }] of wholeTiny().tensors) {
      const got = float32.toFloat32(name);
      const q = int8.toFloat32(name);
      const scale = int8.tensors.has(`${name}_scale`) ? int8.toFloat32(`${name}_scale`) : null;
      const want = scale ? q.map((value, i) => value * scale[Math.floor(i / shape[1])]) : q;
      expect(got, name).toEqual(want);
    }
  });

  test("Google's names, and numbers that are none", async () => {
    const from = await tinyFolder("from", [TINY, "model.safetensors"]);
    expect(await plainbert(["convert", "--dtype", "int8", "--names", "google", from, at("to")])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--names google has no int8"),
    });
    const tiny = wholeTiny();
    const all = [...tiny.tensors.values()].map(({ name, shape }) => {
      const data = tiny.toFloat32(name).slice();
      if (name === "bert.pooler.dense.weight") data[40] = Number.NaN;
      return [name, { shape, data }] as const;
    });
    await writeFile(join(from, "model.safetensors"), writeSafetensors(all));
    await expect(convert(from, at("to"), { dtype: "int8" })).rejects.toMatchObject({
      code: "ERR_CHECKPOINT",
      message: expect.stringContaining(
        `${join(from, "model.safetensors")}: bert.pooler.dense.weight must hold finite numbers, element 40 is NaN`,
      ),
    });
    expect(await readdir(folder)).toEqual(["from"]);
  });
});

test("the small model, with its tokenizer: the converted one answers in the same bits", async () => {
  await convert(WEIGHTS, at("to"), { dtype: "float32" });
  for (const name of ["vocab.txt", "tokenizer_config.json"])
    expect(await readFile(at("to", name))).toEqual(await readFile(join(WEIGHTS, name)));
  const own = JSON.parse(await readFile(join(WEIGHTS, "config.json"), "utf8"));
  const field = "dtype" in own ? "dtype" : "torch_dtype"; // its name since transformers 5, and before
  expect(JSON.parse(await readFile(at("to", "config.json"), "utf8"))[field]).toBe("float32");
  const [a, b] = [await loadBert(WEIGHTS, { backend: "plain" }), await loadBert(at("to"), { backend: "plain" })];
  const batch = a.tokenizer.encodeBatch(["She opened the door."]);
  expect(b.forwardSync(batch)).toEqual(a.forwardSync(batch));
  await a.dispose();
  await b.dispose();
});

test("a folder as Google publishes one: bert_config.json, vocab.txt, weights under their names in TensorFlow", async () => {
  await convert(head("mlm"), at("google"), { names: "google" });
  const { architectures, model_type, ...config } = JSON.parse(await readFile(at("google", "config.json"), "utf8"));
  await rm(at("google", "config.json"));
  await writeFile(at("google", "bert_config.json"), JSON.stringify(config));
  const answers = async (model: string) => {
    await using unmask = await pipeline("fill-mask", model, { backend: "plain" });
    return unmask("She opened the [MASK] and went into the room.");
  };
  expect(await answers(at("google"))).toEqual(await answers(head("mlm")));
});

describe("the new folder", () => {
  let from: string;
  beforeEach(async () => {
    from = await tinyFolder("from", [TINY, "model.safetensors"]);
  });
  const refused = async (message: string, of: string, to: string, force = false) => {
    await expect(convert(of, to, { force })).rejects.toMatchObject({
      name: "BertError",
      message: expect.stringContaining(message),
    });
    expect((await readdir(folder)).filter((name) => /tmp$|old$/.test(name))).toEqual([]);
  };

  test("may be there if it is empty, and in folders that are not there yet", async () => {
    await mkdir(at("to"));
    await convert(from, at("to"));
    await convert(from, at("a", "b", "c"));
    expect(await readdir(at("a", "b"))).toEqual(["c"]);
    expect(await readFile(at("a", "b", "c", "model.safetensors"))).toEqual(
      await readFile(at("to", "model.safetensors")),
    );
  });

  test("is never overwritten but with --force, and then only if it is a model's", async () => {
    await mkdir(at("to"));
    await writeFile(at("to", "notes.txt"), "mine");
    await refused("must be empty or not there, is neither", from, at("to"));
    await refused("is replaced only if it holds a model", from, at("to"), true);
    expect(await readdir(at("to"))).toEqual(["notes.txt"]);
    await convert(from, at("model"), { maxShardSize: 30_000 });
    const result = await plainbert(["convert", "--force", from, at("model")]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect((await readdir(at("model"))).sort()).toEqual(["config.json", "model.safetensors"]);
    expect((await readdir(folder)).sort()).toEqual(["from", "model", "to"]);
  });

  test("is a file", async () => {
    await writeFile(at("file"), "mine");
    await refused(`${at("file")}: `, from, at("file"));
    await refused(`${at("file", "to")}: `, from, at("file", "to"));
    expect(await readFile(at("file"), "utf8")).toBe("mine");
  });

  test("must not share a folder with the old one, by whatever path", async () => {
    await symlink(from, at("link"));
    for (const to of [
      from,
      join(from, "to"),
      folder,
      join(folder, "link"),
      join(folder, "link", "to"),
      `${from}/../from`,
    ])
      await refused("must be another folder", from, to, true);
    expect((await readdir(from)).sort()).toEqual(["config.json", "model.safetensors"]);
    await (await openWeights(from)).close();
  });

  test("what cannot be converted leaves nothing", async () => {
    await refused("no such file or folder", at("nowhere"), at("to"));
    await refused("must have a config.json, has none", folder, join(tmpdir(), "plainbert-never"));
    await writeFile(join(from, "config.json"), JSON.stringify({ model_type: "roberta" }));
    await refused('model_type must be "bert" or "distilbert", got "roberta": texts are split by', from, at("to"));
    await writeFile(join(from, "config.json"), JSON.stringify({ model_type: "bert" }));
    const { code, stdout, stderr } = await plainbert(["convert", from, at("to")]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain("must be [30522,768] by config.json, is [211,36]");
    expect((await readdir(folder)).sort()).toEqual(["from"]);
  });
});

test.each([
  [["a"], "expected a model and a folder"],
  [["--dtype", "int4", "a", "b"], '--dtype must be one of float32, float16, bfloat16, int8, got "int4"'],
  [["--names", "mine", "a", "b"], "--names must be one of huggingface, google"],
  ...["0", "5XB", ""].map((size): [string[], string] => [
    [`--max-shard-size=${size}`, "a", "b"],
    "--max-shard-size must be a size such as 500MB or 2GiB",
  ]),
])("wrong usage: %j", async (args, message) => {
  const { code, stderr } = await plainbert(["convert", ...args]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});
