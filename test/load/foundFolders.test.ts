import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadBert, type PipelineTask, pipeline, saveBert } from "../../src/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/safetensors/index.ts";
import { head, plainbert } from "../cli/run.ts";
import { expectBertError } from "../pipelines/support.ts";
import { expectClose } from "../support/close.ts";

/** How a folder differs from a model of the test heads, and what transformers makes of it, in float64. */
interface Found {
  readonly base: "ner" | "nli" | "mlm";
  readonly config?: Record<string, unknown>;
  readonly prefix?: string;
  readonly strip?: boolean;
  readonly add?: Record<string, number[]>;
  readonly move?: Record<string, string>;
  readonly rows?: number;
  readonly labels: string[];
  readonly mean: number[];
  readonly logits: number[];
  readonly count: number;
}

const { text, folders }: { text: string; folders: Record<string, Found> } = JSON.parse(
  readFileSync(join(import.meta.dirname, "reference/folders.json"), "utf8"),
);
const root = await mkdtemp(join(tmpdir(), "plainbert-found-"));
afterAll(() => rm(root, { recursive: true }));
const PLAIN = { backend: "plain" } as const;
const TASKS = { ner: "token-classification", nli: "text-classification", mlm: "fill-mask" } as const;

/** float32, of numbers up to 12; measured 3e-6. */
const ATOL = 5e-6;

/** Writes a folder as make_folders.py does. */
function folderOf(name: string): string {
  const { base, config = {}, prefix = "", strip, add = {}, move = {}, rows = 0 } = folders[name];
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  cpSync(head(base), folder, { recursive: true });
  const json = { ...JSON.parse(readFileSync(join(folder, "config.json"), "utf8")), ...config };
  const kept = Object.fromEntries(Object.entries(json).filter(([field]) => config[field] !== null));
  writeFileSync(join(folder, "config.json"), JSON.stringify(kept));
  const file = readSafetensors(readFileSync(join(head(base), "model.safetensors")));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [own, { shape }] of file.tensors) {
    const padded = /word_embeddings\.weight$|predictions\.bias$/.test(own) ? rows : 0;
    const size = [shape[0] + padded, ...shape.slice(1)];
    const data = new Float32Array(size.reduce((product, n) => product * n, 1));
    data.set(file.toFloat32(own));
    const moved = move[own] ?? own;
    tensors.set(prefix + (strip ? moved.replace(/^bert\./, "") : moved), { shape: size, data });
  }
  for (const [added, shape] of Object.entries(add)) {
    tensors.set(added, { shape, data: new Float32Array(shape.reduce((product, n) => product * n, 1)).fill(1) });
  }
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(tensors));
  return folder;
}

describe.each(Object.keys(folders))("a folder of the form %s", (name) => {
  const { base, labels, mean, logits, count, add = {} } = folders[name];

  test("has transformers' hidden states and logits, by the task's pipeline", async () => {
    await using task = await pipeline(TASKS[base] as PipelineTask, folderOf(name), PLAIN);
    const bert = task.model;
    const encoding = bert.tokenizer.encode(text);
    const output = await bert.forward([encoding]);
    const H = bert.config.hiddenSize;
    const T = encoding.length;
    const found = Float32Array.from({ length: H }, (_, h) => {
      let sum = 0;
      for (let t = 0; t < T; t++) sum += output.lastHiddenState.data[t * H + h];
      return sum / T;
    });
    expectClose(name, found, mean, ATOL);
    expect(output.logits?.data.length).toBe(count);
    expectClose(name, output.logits!.data.subarray(0, logits.length), logits, ATOL);
    if (base !== "mlm") expect(bert.config.labels).toEqual(labels);
    const heads = base === "mlm" ? [] : bert.ignoredTensors;
    expect([...heads].sort()).toEqual(Object.keys(add).sort());
  });

  test("gives the same bits when it has been saved", async () => {
    const again = join(root, `${name}-saved`);
    await using bert = await loadBert(folderOf(name), { ...PLAIN, architecture: "BertModel" });
    await saveBert(bert, again);
    await using saved = await loadBert(again, PLAIN);
    const batch = [bert.tokenizer.encode(text)];
    const [want, got] = [await bert.forward(batch), await saved.forward(batch)];
    expect(got.lastHiddenState.data).toEqual(want.lastHiddenState.data);
    expect(saved.ignoredTensors).toEqual([]);
  });
});

test("strict refuses what is beside the model, and names it; a missing tensor is an error always", async () => {
  const folder = folderOf("beside");
  await expectBertError(
    loadBert(folder, { ...PLAIN, strict: true }),
    "ERR_CHECKPOINT",
    "4 of them are not",
    "crf.transitions: left over, [5,5]",
  );
  await expectBertError(
    loadBert(folder, { strict: 1 as never }),
    "ERR_INPUT",
    "loadBert: strict must be true or false, got 1",
  );
  await using strict = await loadBert(head("ner"), { ...PLAIN, strict: true, architecture: "BertModel" });
  expect(strict.ignoredTensors).toEqual(["classifier.bias", "classifier.weight"]); // a head of BERT's
  await expectBertError(
    loadBert(head("ner"), { ...PLAIN, architecture: "BertForQuestionAnswering" }),
    "ERR_CHECKPOINT",
    "qa_outputs.weight: missing",
  );
});

test("rows of no token are never an answer, and count in the probabilities", async () => {
  await using unmask = await pipeline("fill-mask", folderOf("padded_mlm"), PLAIN);
  expect(unmask.model.config.vocabSize).toBe(224);
  const all = await unmask("The [MASK] was open.", { top_k: 300 });
  expect(all.length).toBe(217);
  const sum = all.reduce((total, { score }) => total + score, 0);
  expect(sum).toBeLessThan(1 - 1e-6);
  await using usual = await pipeline("fill-mask", head("mlm"), PLAIN);
  expect(all.map(({ token }) => token)).toEqual((await usual("The [MASK] was open.", { top_k: 300 })).map(({ token }) => token)); // biome-ignore format: one line
});

test("more tokens than rows, two models in one file, several tasks for one class", async () => {
  const few = folderOf("beside");
  writeFileSync(join(few, "vocab.txt"), `${readFileSync(join(few, "vocab.txt"), "utf8")}more\n`);
  await expectBertError(
    loadBert(few, PLAIN),
    "ERR_VOCABULARY",
    "must have at most as many tokens as config.json's vocab_size, 217, has 218",
  );
  const two = folderOf("module");
  const file = readSafetensors(readFileSync(join(two, "model.safetensors")));
  const tensors = [...file.tensors].flatMap(([name, { shape }]) =>
    ["query.", "passage."].map(
      (prefix) => [name.replace("module.", prefix), { shape, data: file.toFloat32(name) }] as const,
    ),
  );
  writeFileSync(join(two, "model.safetensors"), writeSafetensors(tensors));
  await expectBertError(
    loadBert(two, PLAIN),
    "ERR_CHECKPOINT",
    'the file must hold one model, holds "passage."…, "query."…',
  );
  await using bert = await loadBert(folderOf("own_class"), PLAIN);
  expect(bert.config.architecture).toBe("BertModel");
  await using classify = await loadBert(folderOf("own_class"), {
    ...PLAIN,
    architecture: "BertForSequenceClassification",
  });
  expect((await classify.forward([{ inputIds: [2, 3] }])).logits?.shape).toEqual([1, 3]);
  await expectBertError(
    pipeline("token-classification", head("nli"), PLAIN),
    "ERR_INPUT",
    "must be a BertForTokenClassification",
  );
});

test("inspect lists what is beside the model", async () => {
  const { stdout } = await plainbert(["inspect", folderOf("beside")]);
  expect(stdout).toContain(
    "not needed by the model: cls.extra.weight, crf.transitions, fit_denses.0.weight, loss_fct.weight",
  );
});
