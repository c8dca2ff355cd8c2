import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadTokenizer } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { DISTILBERT_FOLDERS, distilbertPath, distilbertReference } from "../support/distilbert.ts";
import { temporaryFolder } from "../support/tinyModel.ts";
import { plainbert } from "./run.ts";

const ENGINE = ["--backend", "plain"];
const lists = (values: Float64Array, shape: readonly number[]): unknown =>
  shape.length === 0
    ? values[0]
    : Array.from({ length: shape[0] }, (_, i) => {
        const size = values.length / shape[0];
        return lists(values.subarray(i * size, (i + 1) * size), shape.slice(1));
      });

test("inspect lists the tensors by their names, and what the model does not need", async () => {
  using place = temporaryFolder();
  const path = join(place.path, "m");
  await cp(distilbertPath("token-classification"), path, { recursive: true });
  const file = readSafetensors(await readFile(join(path, "model.safetensors")));
  const tensors = new Map(
    Array.from(file.tensors, ([name, { shape }]) => [name, { shape, data: file.toFloat32(name) }]),
  ).set("vocab_transform.bias", { shape: [12], data: new Float32Array(12) });
  await writeFile(join(path, "model.safetensors"), writeSafetensors(tensors));
  const { stdout, code } = await plainbert(["inspect", path]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^distilbert\.transformer\.layer\.1\.attention\.q_lin\.weight +F32 +\[12,12\] +144 +576$/m);
  expect(stdout).toContain("not needed by the model: vocab_transform.bias\n");
});

test("verify compares outputs, by DistilBERT's name of the class or by BERT's", async () => {
  using place = temporaryFolder();
  const { inputs, tensors } = distilbertReference("base");
  const name = "outputs.hidden_states.2";
  const output = {
    ...{ task: "forward", output: "last_hidden_state", atol: 2e-6 },
    ...{ input_ids: [inputs.input_ids[0]], start: [0, 0, 0] },
    values: [(lists(tensors.toFloat64(name), tensors.tensors.get(name)!.shape) as unknown[])[0]],
  };
  const [fill] = (await readFile(join(distilbertPath("base"), "..", "pipelines.jsonl"), "utf8")).split("\n").slice(1);
  const { input, output: top } = JSON.parse(fill);
  const cases = {
    base: ["DistilBertModel", "BertModel"].map((architecture) => ({ ...output, architecture })),
    mlm: [{ task: "fill-mask", text: input, top, atol: 1e-6 }],
  };
  for (const [folder, outputs] of Object.entries(cases)) {
    const path = join(place.path, `${folder}.json`);
    await writeFile(path, JSON.stringify(outputs));
    const args = ["verify", "--outputs", path, ...ENGINE, distilbertPath(folder as "base")];
    const { stdout, stderr, code } = await plainbert(args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.match(/^pass/gm)).toHaveLength(outputs.length);
  }
});

describe("convert", () => {
  test.each(DISTILBERT_FOLDERS)("%s: there and back", async (folder) => {
    using place = temporaryFolder();
    const [half, back] = [join(place.path, "half"), join(place.path, "back")];
    const own = distilbertPath(folder);
    expect((await plainbert(["convert", own, half, "--dtype", "float16"])).code).toBe(0);
    expect((await plainbert(["convert", half, back, "--dtype", "float32"])).code).toBe(0);
    const { stdout, code } = await plainbert(["compare", "--tolerance", "0.001", own, back]);
    expect([stdout, code]).toEqual([expect.stringMatching(/^\d+ tensors, equal within 0\.001\n$/), 0]);
    const [config, converted] = await Promise.all(
      [own, back].map(async (path) => JSON.parse(await readFile(join(path, "config.json"), "utf8"))),
    );
    expect(converted).toEqual({ ...config, dtype: "float32" });
  });

  test("a folder that names no class gets that of its heads", async () => {
    using place = temporaryFolder();
    for (const folder of ["mlm", "question-answering", "base"] as const) {
      const [from, to] = [join(place.path, folder), join(place.path, `${folder}-to`)];
      await cp(distilbertPath(folder), from, { recursive: true });
      const path = join(from, "config.json");
      const { architectures, ...config } = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify(config));
      expect((await plainbert(["convert", from, to])).code).toBe(0);
      expect(JSON.parse(await readFile(join(to, "config.json"), "utf8")).architectures).toEqual(architectures);
    }
  });

  test("tokenizer_config.json tells Python's tokenizer that there are no token types, whatever files it has", async () => {
    using place = temporaryFolder();
    const vocabulary = (await loadTokenizer(distilbertPath("base"))).toFiles()["vocab.txt"] as string;
    const own = { tokenizer_class: "BertTokenizer", do_lower_case: false, model_max_length: 40 };
    const types = ["input_ids", "token_type_ids", "attention_mask"];
    const configs = { slow: own, typed: { ...own, model_input_names: types }, none: null };
    for (const [name, config] of Object.entries(configs)) {
      const [from, to] = [join(place.path, name), join(place.path, `${name}-to`)];
      await cp(distilbertPath("base"), from, { recursive: true });
      for (const file of ["tokenizer.json", "tokenizer_config.json"]) await rm(join(from, file));
      await writeFile(join(from, "vocab.txt"), vocabulary);
      if (config) await writeFile(join(from, "tokenizer_config.json"), JSON.stringify(config));
      expect((await plainbert(["convert", from, to])).code).toBe(0);
      const saved = JSON.parse(await readFile(join(to, "tokenizer_config.json"), "utf8"));
      expect(saved).toEqual({ ...config, model_input_names: ["input_ids", "attention_mask"] });
      expect(await readFile(join(to, "vocab.txt"), "utf8")).toBe(vocabulary);
    }
    await writeFile(join(place.path, "slow", "tokenizer_config.json"), "{");
    const { code, stderr } = await plainbert(["convert", join(place.path, "slow"), join(place.path, "never")]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("tokenizer_config.json: must be JSON")]);
  });

  test("Google's names are refused", async () => {
    using place = temporaryFolder();
    const { code, stderr } = await plainbert([
      "convert",
      distilbertPath("mlm"),
      join(place.path, "to"),
      "--names",
      "google",
    ]);
    expect([code, stderr]).toEqual([
      expect.any(Number),
      expect.stringContaining("convert: --names must be huggingface for a distilbert: Google's code has none"),
    ]);
    expect(code).not.toBe(0);
  });
});

test("activations are written under DistilBERT's names; compare finds the first that differs, and a missing prefix", async () => {
  using place = temporaryFolder();
  const [a, b, c] = ["a", "b", "c"].map((name) => join(place.path, `${name}.safetensors`));
  const model = ["--model", distilbertPath("base"), ...ENGINE];
  const write = (text: string, path: string) => plainbert(["activations", text, "--output", path, ...model]);
  expect((await write("The door was open.", a)).code).toBe(0);
  const file = readSafetensors(await readFile(a));
  expect([...file.tensors.keys()]).toContain("distilbert.transformer.layer.0.attention.q_lin");
  const changed = (rename: (name: string) => string, by: (name: string) => number) =>
    writeSafetensors(
      new Map(
        Array.from(file.tensors, ([name, { shape }]) => [
          rename(name),
          { shape, data: file.toFloat32(name).map((x) => x + by(name)) },
        ]),
      ),
    );
  await writeFile(
    b,
    changed(
      (name) => name,
      (name) => (/layer\.1|layer\.0\.ffn|layer\.0$/.test(name) ? 1 : 0),
    ),
  );
  expect((await plainbert(["compare", a, b])).stdout).toContain(
    "first: distilbert.transformer.layer.0.ffn.lin1 [1,7,20]",
  );
  await writeFile(
    c,
    changed(
      (name) => name.replace("distilbert.", ""),
      () => 0,
    ),
  );
  expect((await plainbert(["compare", a, c])).stdout).toMatch(
    /may be distilbert\.\S+ of A: tensors are compared under equal/,
  );
});

test("every command answers with a DistilBERT", async () => {
  const calls: readonly (readonly string[])[] = [
    ["fill-mask", "The [MASK] was open.", "--model", distilbertPath("mlm")],
    ["pseudo-log-likelihood", "The door was open.", "--model", distilbertPath("mlm")],
    ["text-classification", "Emma read.", "--model", distilbertPath("sequence-classification")],
    ["token-classification", "Emma read.", "--model", distilbertPath("token-classification")],
    ["embed", "--model", distilbertPath("base")],
    ["rank", "Was Emma in London?", "Emma read.", "Anna read.", "--model", distilbertPath("one-label")],
    [
      "question-answering",
      "Was Emma in London?",
      "Emma lived in London.",
      "--model",
      distilbertPath("question-answering"),
    ],
    ["multiple-choice", "She read", "a letter.", "the door.", "--model", distilbertPath("multiple-choice")],
    [
      "zero-shot-classification",
      "Emma read.",
      "--labels",
      "good,bad",
      "--model",
      distilbertPath("sequence-classification"),
    ],
    ["tokenize", "Emma read.", "--model", distilbertPath("base")],
    ["sentence-similarity", "Emma read.", "Anna read.", "--model", distilbertPath("base")],
  ];
  for (const args of calls) {
    const engine = args[0] === "tokenize" ? [] : ENGINE;
    const { code, stderr, stdout } = await plainbert([...args, ...engine], { input: "Emma read.\n" });
    expect([code, stderr], args[0]).toEqual([0, ""]);
    expect(stdout.length).toBeGreaterThan(0);
  }
  const { code, stderr } = await plainbert(["next-sentence-prediction", "a", "b", "--model", distilbertPath("mlm")]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("plainbert: the model must be a BERT with a next-sentence head, such as google");
});
