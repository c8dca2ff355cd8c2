import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { modelMark, sentenceMark } from "../../src/cli/modelMark.ts";
import { type Bert, loadBert } from "../../src/pipelines/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { sentenceFolder } from "../support/sentenceFolders.ts";

const root = await mkdtemp(join(tmpdir(), "plainbert-mark-"));
afterAll(() => rm(root, { recursive: true }));

test("types of matrices are told apart, also where they hold the same numbers: the small model's are bfloat16's", async () => {
  await using float32 = await loadBert(undefined, { backend: "plain" });
  await using bfloat16 = await loadBert(undefined, { backend: "plain", dtype: "bfloat16" });
  const numbers = (bert: typeof float32) =>
    Array.from(bert.parameters, ([name, { data }]) => [name, data.slice(0, 16)]);
  expect(numbers(bfloat16)).toEqual(numbers(float32));
  expect(modelMark(bfloat16)).not.toBe(modelMark(float32));
});

test("width and threads are not told apart, as they change no bit; one rounding or two are", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" });
  const markWith = (backend: Partial<Bert["backend"]>) =>
    markOf(bert, { backend: { ...bert.backend, name: "simd", ...backend } });
  expect(markWith({ width: 256, threads: 2 })).toBe(markWith({ width: 128, threads: 1 }));
  expect(markWith({ fused: true })).not.toBe(markWith({ fused: false }));
  expect(markWith({ name: "plain" })).not.toBe(markWith({}));
});

test("so are tokenizers: with other tokens the same weights give other answers", async () => {
  await using bert = await loadBert(undefined, { backend: "plain" });
  expect(markOf(bert, {})).toBe(modelMark(bert));
  expect(markOf(bert, { fingerprint: `${bert.fingerprint.slice(1)}0` })).not.toBe(modelMark(bert));
});

/** The mark of a model that is another in some points. */
function markOf(bert: Bert, changes: Partial<Bert>): string {
  const properties = Object.entries(changes).map(([name, value]) => [name, { value }]);
  return modelMark(Object.create(bert, Object.fromEntries(properties)));
}

describe("every file of a folder that changes vectors or scores changes a mark", async () => {
  const folder = await sentenceFolder(root, "dense");
  const marks = async (path: string) => {
    await using bert = await loadBert(path, { backend: "plain" });
    return { model: modelMark(bert), sentence: sentenceMark(bert) };
  };
  const before = await marks(folder);
  const settings = { prompts: { query: "query: ", read: "read: " }, similarity_fn_name: "dot" };
  let count = 0;

  /** The marks of the folder with other fields in some of its files. */
  async function changed(files: Readonly<Record<string, object>>) {
    const copy = join(root, String(count++));
    await cp(folder, copy, { recursive: true });
    for (const [name, fields] of Object.entries(files)) {
      const path = join(copy, name);
      const old = JSON.parse(await readFile(path, "utf8").catch(() => "{}"));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, JSON.stringify(Array.isArray(fields) ? [...old, ...fields] : { ...old, ...fields }));
    }
    return marks(copy);
  }

  test("a copy has the same", async () => {
    expect(await changed({})).toEqual(before);
  });

  test.each<[string, object]>([
    ["config.json", { hidden_act: "gelu_new" }],
    ["config.json", { sbert_ce_default_activation_function: "torch.nn.modules.linear.Identity" }],
    ["tokenizer_config.json", { model_max_length: 32 }],
    ["tokenizer_config.json", { truncation_side: "left" }],
    ["tokenizer_config.json", { do_lower_case: true }],
  ])("%s with %j: the model's", async (name, fields) => {
    expect((await changed({ [name]: fields })).model).not.toBe(before.model);
  });

  test.each<[string, object]>([
    ["config_sentence_transformers.json", { prompts: settings.prompts }],
    ["config_sentence_transformers.json", { similarity_fn_name: "dot" }],
    ["config_sentence_transformers.json", { truncate_dim: 8 }],
    ["config_sentence_transformers.json", { activation_fn: "torch.nn.modules.linear.Identity" }],
    ["sentence_bert_config.json", { max_seq_length: 16 }],
    ["sentence_bert_config.json", { do_lower_case: true }],
    ["sentence_bert_config.json", { query_length: 16 }],
    ["sentence_bert_config.json", { document_length: 16 }],
    ["sentence_bert_config.json", { processing_kwargs: { text: { max_length: 16 } } }],
    [
      "sentence_bert_config.json",
      {
        modality_config: { text: { method: "forward", method_output_name: ["hidden_states", 1] } },
        module_output_name: "token_embeddings",
      },
    ],
    ["modules.json", [{ idx: 3, name: "3", path: "3_Normalize", type: "a.Normalize" }]],
    ["1_Pooling/config.json", { pooling_mode: "cls" }],
    ["1_Pooling/config.json", { include_prompt: false }],
    ["2_Dense/config.json", { activation_function: "torch.nn.modules.linear.Identity" }],
  ])("%s with %j: that of sentences", async (name, fields) => {
    const after = await changed({ [name]: fields });
    expect(after.model).toBe(before.model);
    expect(after.sentence).not.toBe(before.sentence);
  });

  test("prompts and the name of the one that stands there unless a call says otherwise", async () => {
    const name = "config_sentence_transformers.json";
    const one = await changed({ [name]: { ...settings, default_prompt_name: "query" } });
    const other = await changed({ [name]: { ...settings, default_prompt_name: "read" } });
    const spelled = await changed({ [name]: { ...settings, prompts: { ...settings.prompts, query: "query:" } } });
    const all = [one, other, spelled, await changed({ [name]: settings })].map(({ sentence }) => sentence);
    expect(new Set(all).size).toBe(4);
  });

  test("a single number of a module's weights", async () => {
    const copy = join(root, "number");
    await cp(folder, copy, { recursive: true });
    const path = join(copy, "2_Dense/model.safetensors");
    const file = readSafetensors(new Uint8Array(await readFile(path)));
    const tensors = Array.from(file.tensors.values(), ({ name, shape }) => {
      const data = file.toFloat32(name);
      if (name === "linear.weight") data[data.length - 1] *= 1 + 2 ** -20;
      return [name, { shape, data }] as const;
    });
    await writeFile(path, writeSafetensors(tensors));
    expect((await marks(copy)).sentence).not.toBe(before.sentence);
  });

  test("what cannot be read is no error for tasks that do not need it", async () => {
    const damaged = join(root, "damaged");
    await cp(folder, damaged, { recursive: true });
    await writeFile(join(damaged, "sentence_bert_config.json"), "no JSON");
    expect((await marks(damaged)).model).toBe(before.model);
  });
});
