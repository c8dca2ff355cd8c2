import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Bert, loadBert, loadTokenizer } from "../../src/pipelines/index.ts";
import { reference, referenceInputs } from "../support/reference.ts";
import { temporaryFolder, writeTinyModel } from "../support/tinyModel.ts";

describe("loadBert", () => {
  test("the bundled model, with its tokenizer", async () => {
    await using bert = await loadBert();
    expect(bert.config.architecture).toBe("BertForPreTraining");
    expect(bert.backend).toMatchObject({ name: "simd", threads: Math.min(8, availableParallelism()) });
    const { inputIds } = bert.tokenizer.encode("[MASK]");
    expect(inputIds).toEqual([bert.tokenizer.clsTokenId, bert.tokenizer.maskTokenId, bert.tokenizer.sepTokenId]);
  });

  test("a folder without a vocabulary computes; only its tokenizer is missing", async () => {
    await using bert: Bert = await loadBert(reference("tiny"));
    const { predictionLogits } = await bert.forward(referenceInputs("tiny/inputs.json"));
    expect(predictionLogits?.shape).toEqual([3, 17, 211]);
    expect(() => bert.tokenizer).toThrow(
      expect.objectContaining({
        code: "ERR_VOCABULARY",
        message: `bert.tokenizer: ${reference("tiny")} must have vocab.txt or tokenizer.json`,
      }),
    );
  });

  test("another architecture than config.json's", async () => {
    await using bert = await loadBert(reference("tiny"), { architecture: "BertForMaskedLM" });
    const output = await bert.forward([{ inputIds: [1, 2] }]);
    expect(Object.keys(output)).toEqual(["lastHiddenState", "logits"]);
    await expect(
      loadBert(reference("tiny"), { architecture: "BertForEverything" as "BertModel" }),
    ).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringMatching(/^loadBert: architecture must be one of BertModel, .*, got "BertForEverything"$/),
    });
    await expect(loadBert(reference("tiny"), { architecture: "BertForQuestionAnswering" })).rejects.toThrow(
      "qa_outputs.weight: missing, must be [2,36]",
    );
  });
});

describe("backend", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  test("plain is what was asked for", async () => {
    await using bert = await loadBert(undefined, { backend: "plain" });
    expect(bert.backend).toEqual({ name: "plain", width: 64, fused: false, threads: 1, reason: "asked for" });
  });

  test("without WebAssembly it is plain, and simd is an error, whatever is wrong with the weights", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    await using bert = await loadBert(reference("tiny"));
    expect(bert.backend).toMatchObject({ name: "plain", reason: "simd: the engine must have WebAssembly" });
    const error = { code: "ERR_BACKEND", message: "simd: the engine must have WebAssembly" };
    await expect(loadBert(reference("tiny"), { backend: "simd" })).rejects.toMatchObject(error);
    const wrong = { backend: "simd", architecture: "BertForQuestionAnswering" } as const;
    await expect(loadBert(reference("tiny"), wrong)).rejects.toMatchObject(error);
  });

  test("where no kernels can be made, plain computes on the weights that were read meanwhile", async () => {
    vi.spyOn(WebAssembly, "Instance").mockImplementation(function fail() {
      throw new Error("out of code space");
    });
    await using bert = await loadBert(reference("tiny"));
    expect(bert.backend.name).toBe("plain");
    expect(bert.backend.reason).toContain("out of code space");
    await using plain = await loadBert(reference("tiny"), { backend: "plain" });
    const inputs = referenceInputs("tiny/inputs.json");
    const [got, want] = [await bert.forward(inputs), await plain.forward(inputs)];
    expect(got.lastHiddenState.data).toEqual(want.lastHiddenState.data);
    expect(got.lastHiddenState.data.every(Number.isFinite)).toBe(true);
  });

  test("wide and deterministic choose the variant", async () => {
    await using bert = await loadBert(undefined, { wide: false, deterministic: true });
    expect(bert.backend).toMatchObject({ name: "simd", width: 128, fused: false });
    expect(bert.backend.reason).toContain("128-bit multiply and add: chosen");
  });

  test("PLAINBERT_WIDE=0 is wide: false", async () => {
    process.env.PLAINBERT_WIDE = "0";
    try {
      await using bert = await loadBert();
      expect(bert.backend.width).toBe(128);
    } finally {
      delete process.env.PLAINBERT_WIDE;
    }
  });

  test("where WebAssembly is forbidden, auto is plain and says why; simd is an error", async () => {
    const { WebAssembly: whole } = globalThis;
    Object.assign(globalThis, {
      WebAssembly: { ...whole, Memory: whole.Memory, Module: forbidden, Instance: forbidden },
    });
    try {
      await using bert = await loadBert();
      expect(bert.backend.name).toBe("plain");
      expect(bert.backend.reason).toContain("not allowed here");
      await expect(loadBert(undefined, { backend: "simd" })).rejects.toMatchObject({ code: "ERR_BACKEND" });
    } finally {
      Object.assign(globalThis, { WebAssembly: whole });
    }
  });

  test.each(["auto", "simd", "plain"] as const)(
    "%s: a wrong number of threads is an error, no reason to fall back",
    async (backend) => {
      for (const threads of ["2", 0, 1.5, 1000, Number.NaN, null] as number[]) {
        await expect(loadBert(undefined, { backend, threads })).rejects.toMatchObject({
          code: "ERR_INPUT",
          message: expect.stringMatching(/^loadBert: threads must be a whole number from 1 to 64, got /),
        });
      }
      await expect(loadBert(undefined, { backend, wide: "no" as never })).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: 'loadBert: wide must be true or false, got "no"',
      });
      await expect(loadBert(undefined, { backend, deterministic: 1 as never })).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: "loadBert: deterministic must be true or false, got 1",
      });
    },
  );

  test.each([
    ["PLAINBERT_THREADS", "abc", 'a whole number from 1 to 64, got "abc"'],
    ["PLAINBERT_THREADS", "0", 'a whole number from 1 to 64, got "0"'],
    ["PLAINBERT_WIDE", "false", '0 or 1, got "false"'],
  ])("the environment's %s=%s is an error too", async (name, value, must) => {
    process.env[name] = value;
    try {
      await expect(loadBert()).rejects.toMatchObject({
        code: "ERR_INPUT",
        message: `loadBert: the environment variable ${name} must be ${must}`,
      });
    } finally {
      delete process.env[name];
    }
  });

  function forbidden(): never {
    throw new EvalError("compiling WebAssembly is not allowed here");
  }
});

describe("loadTokenizer", () => {
  test("is the model's own", async () => {
    const text = "She opened the [MASK].";
    await using bert = await loadBert();
    expect((await loadTokenizer()).encode(text).inputIds).toEqual(bert.tokenizer.encode(text).inputIds);
  });

  test("needs a vocabulary", async () => {
    await expect(loadTokenizer(reference("tiny"))).rejects.toMatchObject({
      code: "ERR_VOCABULARY",
      message: expect.stringMatching(/^loadTokenizer: .*tiny must have vocab\.txt or tokenizer\.json$/),
    });
  });
});

test.each<[string, string, string]>([
  [
    "config.json",
    '{"hidden_size": "16"}',
    'config.json: hidden_size must be a whole number from 1 to 2147483647, got "16"',
  ],
  ["config.json", "{", 'config.json: must be JSON, got "{"'],
  ["tokenizer_config.json", '{"do_lower_case": 3}', "tokenizer_config.json: do_lower_case must be "],
  ["tokenizer.json", "[]", "tokenizer.json: must be an object, got []"],
])("an error about %s names the folder: %#", async (file, text, message) => {
  using folder = temporaryFolder();
  await writeTinyModel(folder.path);
  await writeFile(join(folder.path, file), text);
  await expect(loadBert(folder.path, { backend: "plain" })).rejects.toThrow(`${folder.path}: ${message}`);
});
