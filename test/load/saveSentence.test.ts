import { existsSync, readFileSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { convertModel } from "../../src/cli/convertModel.ts";
import { loadBert, type Pipeline, pipeline, saveBert } from "../../src/index.ts";
import { openWeights } from "../../src/load/weightFiles.ts";
import { finetune } from "../../src/training/index.ts";
import { expectBertError } from "../pipelines/support.ts";
import { SENTENCE_FORMS, SENTENCES, sentenceFolder } from "../support/sentenceFolders.ts";

const PLAIN = { backend: "plain" } as const;
const root = await mkdtemp(join(tmpdir(), "plainbert-sentence-"));
afterAll(() => rm(root, { recursive: true }));

const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), "utf8"));
/** The vectors of a folder's model, without an option, as queries and as documents. */
async function vectorsOf(folder: string) {
  await using embed: Pipeline<"embeddings"> = await pipeline("embeddings", folder, PLAIN);
  const texts = [...SENTENCES];
  return [await embed(texts), await embed.encodeQuery(texts), await embed.encodeDocument(texts)];
}
const entriesOf = (folder: string): { path: string; type: string; idx: number; name: string }[] =>
  json(folder, "modules.json");

/** Makes the folder of a form again: `saved`, by one of the two ways. */
async function savedFolder(form: string, way: "saveBert" | "convert"): Promise<{ from: string; saved: string }> {
  const from = await sentenceFolder(root, form);
  const saved = join(root, `${form}-${way}`);
  if (existsSync(saved)) return { from, saved };
  if (way === "convert") await convertModel(from, saved);
  else {
    await using bert = await loadBert(from, PLAIN);
    await saveBert(bert, saved);
  }
  return { from, saved };
}

describe.each(SENTENCE_FORMS)("a folder of the form %s", (form) => {
  test.each(["saveBert", "convert"] as const)("%s: the new folder gives the same bits", async (way) => {
    const { from, saved } = await savedFolder(form, way);
    expect(await vectorsOf(saved)).toEqual(await vectorsOf(from));
  });

  test.each(["saveBert", "convert"] as const)("%s: the library finds in it what its loading asks for", async (way) => {
    const { from, saved } = await savedFolder(form, way);
    if (form === "plain") {
      expect((await readdir(saved)).filter((name) => /sentence|modules|_/.test(name)).sort()).toEqual(
        way === "convert" ? ["tokenizer_config.json"] : ["special_tokens_map.json", "tokenizer_config.json"],
      );
      return;
    }
    const [before, after] = [from, saved].map(entriesOf);
    // Its own `save` names folders so; classes are those of the version that wrote them.
    const paths = after.map(({ type }, i) => (i === 0 ? "" : `${i}_${type.split(".").at(-1)}`));
    expect(after).toEqual(before.map((entry, i) => ({ ...entry, path: paths[i] })));
    for (const [i, { type, path }] of before.entries()) {
      const kind = type.split(".").at(-1) as string;
      const of = (folder: string, at: string, file: string) =>
        existsSync(join(folder, at, file)) ? json(folder, at, file) : null;
      if (i === 0) {
        const file = "sentence_bert_config.json";
        expect(of(saved, "", file)).toEqual(of(from, path, file));
        expect(existsSync(join(saved, "model.safetensors"))).toBe(true);
      } else expect(of(saved, paths[i], "config.json")).toEqual(of(from, path, "config.json"));
      if (kind !== "Dense" && kind !== "LayerNorm") continue;
      const [old, written] = [await openWeights(join(from, path)), await openWeights(join(saved, paths[i]))];
      expect(written.files).toEqual(["model.safetensors"].map((name) => join(saved, paths[i], name)));
      expect([...written.tensors.keys()].sort()).toEqual([...old.tensors.keys()].sort());
      for (const [name, { shape }] of old.tensors) {
        expect(written.tensors.get(name)).toMatchObject({ dtype: "F32", shape });
        const data = [old, written].map(async (weights) => {
          const numbers = new Float32Array(shape.reduce((product, n) => product * n, 1));
          await weights.readInto(name, numbers);
          return numbers;
        });
        expect(await data[1], name).toEqual(await data[0]);
      }
      await Promise.all([old.close(), written.close()]);
    }
    const settings = "config_sentence_transformers.json";
    expect(existsSync(join(saved, settings))).toBe(existsSync(join(from, settings)));
    if (existsSync(join(from, settings))) expect(json(saved, settings)).toEqual(json(from, settings));
  });
});

test("every file that is written is told, in whichever folder it is", async () => {
  const from = await sentenceFolder(root, "layer_norm");
  const { files } = await convertModel(from, join(root, "told"));
  const there = await readdir(join(root, "told"), { recursive: true, withFileTypes: true });
  const names = there.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  expect([...files].map((name) => join(root, "told", name)).sort()).toEqual(names.sort());
  expect(files).toContain("2_LayerNorm/model.safetensors");
});

test("modules that share a folder, or have the name of another file, get folders of their own", async () => {
  const from = await sentenceFolder(root, "in_a_folder");
  const moved = join(root, "clashing");
  await convertModel(from, moved); // so that there is a folder to change
  const entries = entriesOf(from);
  const transformer = entries[0].path;
  // The Pooling beside the folder of the transformer: its config.json is the root's.
  const clash = await sentenceFolder(join(root, "clash"), "in_a_folder");
  await writeFile(join(clash, "config.json"), readFileSync(join(clash, entries[1].path, "config.json")));
  await rm(join(clash, entries[1].path), { recursive: true });
  await writeFile(join(clash, "modules.json"), JSON.stringify([entries[0], { ...entries[1], path: "" }]));
  expect(transformer).toBe("0_Transformer");
  await convertModel(clash, join(root, "apart"));
  expect(await vectorsOf(join(root, "apart"))).toEqual(await vectorsOf(from));
  expect(json(root, "apart", "1_Pooling", "config.json")).toEqual(json(clash, "config.json"));
});

test("modules that could not be read are never left out without a word", async () => {
  const from = await sentenceFolder(join(root, "unknown"), "mean");
  const entries = entriesOf(from);
  entries[1].type = "sentence_transformers.models.WeightedLayerPooling";
  await writeFile(join(from, "modules.json"), JSON.stringify(entries));
  await using bert = await loadBert(from, PLAIN);
  const parts = [
    "what modules.json lists must be readable, to be saved",
    "WeightedLayerPooling",
    "without modules.json",
  ];
  await expectBertError(saveBert(bert, join(root, "never")), "ERR_CHECKPOINT", "saveBert: ", ...parts);
  await expectBertError(convertModel(from, join(root, "never")), "ERR_CHECKPOINT", "convert: ", ...parts);
  expect(existsSync(join(root, "never"))).toBe(false);
  // What the message advises
  await rm(join(from, "modules.json"));
  await convertModel(from, join(root, "encoder"));
  expect(existsSync(join(root, "encoder", "modules.json"))).toBe(false);
});

test("a reranker that the library has saved stays one: its files, its scores", async () => {
  const reference = join(import.meta.dirname, "../pipelines/reference");
  const from = join(root, "reranker");
  await cp(join(reference, "heads/one_label"), from, { recursive: true });
  await cp(join(reference, "ranking/saved_short"), from, { recursive: true });
  const scores = async (folder: string) => {
    await using rank = await pipeline("text-ranking", folder, PLAIN);
    return rank("Who read a letter?", ["He read a letter.", "The door was open. ".repeat(9)]);
  };
  await using bert = await loadBert(from, PLAIN);
  await saveBert(bert, join(root, "reranker-saved"));
  await convertModel(from, join(root, "reranker-converted"));
  for (const saved of ["reranker-saved", "reranker-converted"]) {
    for (const file of ["modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"]) {
      expect(json(root, saved, file)).toEqual(json(from, file));
    }
    expect(await scores(join(root, saved))).toEqual(await scores(from));
  }
});

test.each(["float16", "int8"] as const)(
  "in %s the modules stay float32, and give the same bits again",
  async (dtype) => {
    const from = await sentenceFolder(root, "dense");
    const vectors = async (folder: string) => {
      await using embed = await pipeline("embeddings", folder, { ...PLAIN, dtype });
      return embed([...SENTENCES]);
    };
    const saved = join(root, `dense-${dtype}`);
    await using bert = await loadBert(from, { ...PLAIN, dtype });
    await saveBert(bert, saved);
    await convertModel(from, `${saved}-converted`, { dtype });
    expect(await vectors(saved)).toEqual(await vectors(from));
    expect(await vectors(`${saved}-converted`)).toEqual(await vectors(from));
  },
);

test("what is trained from such a folder is no such folder: its encoder, wherever it is, learns", async () => {
  const from = await sentenceFolder(root, "in_a_folder");
  const output = join(root, "trained");
  const example = (text: string, label: string) => ({ where: text, text, label });
  const trainDataset = [example("The door was open.", "door"), example("He read a letter.", "letter")];
  await finetune({ task: "text-classification", model: from, trainDataset, output, maxSteps: 1 });
  expect((await readdir(output)).filter((name) => /modules|sentence|_Pooling|_Transformer/.test(name))).toEqual([]);
  expect(json(output, "config.json").id2label).toEqual({ 0: "door", 1: "letter" });
  await using classify = await pipeline("text-classification", output, PLAIN);
  expect(await classify("The door was open.")).toHaveLength(1);
});
