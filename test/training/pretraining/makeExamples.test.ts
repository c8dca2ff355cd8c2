import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { saveSafetensors } from "../../../src/load/weightFiles.ts";
import { writeSafetensors } from "../../../src/safetensors/index.ts";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import type { Document } from "../../../src/training/pretraining/documents.ts";
import {
  type ExampleShard,
  type MakeExamplesOptions,
  makeExamples,
} from "../../../src/training/pretraining/makeExamples.ts";
import { openExamples } from "../../../src/training/pretraining/openExamples.ts";
import type { PretrainingExample } from "../../../src/training/pretraining/packedExamples.ts";
import { aliceDocuments, collect, tokenizer } from "./support.ts";

const folder = await mkdtemp(join(tmpdir(), "plainbert-examples-"));
afterAll(() => rm(folder, { recursive: true }));

const documents = await aliceDocuments();
const FLAGS = { dupeFactor: 4, bufferTokens: 6000, maxSeqLength: 64, maxPredictionsPerSeq: 8 };
const make = (options: MakeExamplesOptions): Promise<ExampleShard[]> =>
  collect(makeExamples(documents, tokenizer, options));

async function save(shards: readonly ExampleShard[], name: string): Promise<string[]> {
  const paths = shards.map((_, i) => join(folder, `${name}-${i}.safetensors`));
  for (const [i, { tensors, metadata }] of shards.entries()) await saveSafetensors(paths[i], tensors, metadata);
  return paths;
}

async function examplesOf(paths: readonly string[]): Promise<PretrainingExample[]> {
  const examples = await openExamples(paths);
  const all: PretrainingExample[] = [];
  for (let i = 0; i < examples.length; i++) all.push(await examples.example(i));
  await examples.close();
  return all;
}

const digestOf = (shards: readonly ExampleShard[]): string => {
  const hash = createHash("sha256");
  for (const { tensors, metadata } of shards) hash.update(writeSafetensors(tensors, metadata));
  return hash.digest("hex");
};

/** Tokens with a space on either side, so that parts of a document are parts of its text. */
const spaced = (ids: Iterable<number>) => ` ${[...ids].join(" ")} `;
const texts = documents.map(({ tokens }: Document) => spaced(tokens));

describe("on a real text", () => {
  let shards: ExampleShard[];
  let examples: PretrainingExample[];
  let paths: string[];
  beforeAll(async () => {
    shards = await make(FLAGS);
    paths = await save(shards, "alice");
    examples = await examplesOf(paths);
  });

  test("as many files as buffers and passes, and totals that are right", () => {
    expect(documents.length).toBe(12);
    const tokens = documents.reduce((sum, document) => sum + document.tokens.length, 0);
    expect(tokens).toBeGreaterThan(2 * FLAGS.bufferTokens);
    expect(shards.length).toBe(4 * 3); // three buffers
    const sum = (name: keyof ExampleShard["totals"]) => shards.reduce((total, { totals }) => total + totals[name], 0);
    expect(examples.length).toBe(sum("examples"));
    expect(examples.reduce((n, e) => n + e.inputIds.length, 0)).toBe(sum("tokens"));
    expect(examples.reduce((n, e) => n + e.maskedLmIds.length, 0)).toBe(sum("predictions"));
    expect(examples.filter((e) => e.nextSentenceLabel === 1).length).toBe(sum("randomNext"));
    const choices = examples.length - sum("forcedNext");
    const chosen = sum("randomNext") - sum("forcedNext");
    expect(Math.abs(chosen - choices / 2)).toBeLessThan(4 * Math.sqrt(choices / 4));
  });

  test("[CLS] A [SEP] B [SEP], with their types, no longer than allowed", () => {
    for (const { inputIds, tokenTypeIds } of examples) {
      expect(inputIds.length).toBeLessThanOrEqual(64);
      const ends = [...inputIds.keys()].filter((i) => inputIds[i] === tokenizer.sepTokenId);
      expect(ends.length).toBe(2);
      expect(ends[1]).toBe(inputIds.length - 1);
      expect(inputIds.indexOf(tokenizer.clsTokenId)).toBe(0);
      expect([...tokenTypeIds]).toEqual([...inputIds.keys()].map((i) => (i <= ends[0] ? 0 : 1)));
    }
  });

  test("masks: 15 %, places ascending, no special token, 80 10 10", () => {
    const { maskTokenId } = tokenizer;
    const special = new Set(tokenizer.allSpecialIds);
    let [mask, same, total] = [0, 0, 0];
    for (const { inputIds, maskedLmPositions, maskedLmIds } of examples) {
      const wanted = Math.min(8, Math.max(1, inputIds.length * 0.15));
      expect(Math.abs(maskedLmPositions.length - wanted)).toBeLessThanOrEqual(0.5);
      expect([...maskedLmPositions]).toEqual([...new Set(maskedLmPositions)].sort((a, b) => a - b));
      for (const [n, i] of maskedLmPositions.entries()) {
        total++;
        expect(special.has(maskedLmIds[n])).toBe(false);
        expect([tokenizer.clsTokenId, tokenizer.sepTokenId]).not.toContain(inputIds[i]);
        if (inputIds[i] === maskTokenId) mask++;
        else if (inputIds[i] === maskedLmIds[n]) same++;
      }
      expect(inputIds.filter((id) => id === maskTokenId).length).toBeLessThanOrEqual(maskedLmPositions.length);
    }
    expect(total).toBeGreaterThan(8000);
    const within = (got: number, p: number) =>
      expect(Math.abs(got - total * p)).toBeLessThan(4 * Math.sqrt(total * p * (1 - p)));
    within(mask, 0.8);
    within(same, 0.1 + 0.1 / tokenizer.size);
  });

  test("with the labels put back, A is a part of a document and B follows it there, or is of another", () => {
    for (const { inputIds, maskedLmPositions, maskedLmIds, nextSentenceLabel } of examples) {
      const ids = inputIds.slice();
      for (const [n, i] of maskedLmPositions.entries()) ids[i] = maskedLmIds[n];
      const middle = ids.indexOf(tokenizer.sepTokenId);
      const [a, b] = [spaced(ids.subarray(1, middle)), spaced(ids.subarray(middle + 1, -1))];
      const [ofA, ofB] = [a, b].map((part) => texts.flatMap((text, d) => (text.includes(part) ? [d] : [])));
      expect(ofA.length).toBeGreaterThan(0);
      expect(ofB.length).toBeGreaterThan(0);
      if (nextSentenceLabel === 0) {
        const full = ids.length === 64; // then tokens between A and B may have been cut
        const follows = ofA.some((d) =>
          full ? texts[d].indexOf(b, texts[d].indexOf(a) + a.length - 1) >= 0 : texts[d].includes(a + b.slice(1)),
        );
        expect(follows).toBe(true);
      } else {
        expect(ofA.some((d) => ofB.some((other) => other !== d))).toBe(true);
      }
    }
  });

  test("every pass has other masks; every file's examples are shuffled", () => {
    const flat = (e: PretrainingExample) => spaced(e.inputIds);
    expect(new Set(examples.map(flat)).size).toBeGreaterThan(0.95 * examples.length);
    // Neighbours in a file would be neighbours in a document, if nobody had shuffled them.
    const documentOf = ({ inputIds, maskedLmPositions, maskedLmIds }: PretrainingExample) => {
      const ids = inputIds.slice();
      for (const [n, i] of maskedLmPositions.entries()) ids[i] = maskedLmIds[n];
      return texts.findIndex((text) => text.includes(spaced(ids.subarray(1, ids.indexOf(tokenizer.sepTokenId)))));
    };
    const found = examples.slice(0, shards[0].totals.examples).map(documentOf);
    const together = found.filter((d, i) => i > 0 && d === found[i - 1]).length;
    expect(together / found.length).toBeLessThan(0.5);
  });

  test("the metadata are the flags", async () => {
    const opened = await openExamples(paths);
    expect(Object.fromEntries(opened.metadata)).toEqual({
      format: "bert-pretraining-examples-1",
      max_seq_length: "64",
      max_predictions_per_seq: "8",
      dupe_factor: "4",
      short_seq_prob: "0.1",
      masked_lm_prob: "0.15",
      do_whole_word_mask: "false",
      random_seed: "12345",
      buffer_tokens: "6000",
      vocab_size: "8192",
    });
    await opened.close();
  });

  test("any order of reading gives the same", async () => {
    const opened = await openExamples(paths);
    for (const i of [examples.length - 1, 0, 7, shards[0].totals.examples, shards[0].totals.examples - 1])
      expect(await opened.example(i)).toEqual(examples[i]);
    for (const i of [-1, examples.length, 0.5])
      await expect(opened.example(i)).rejects.toThrow(`example: i must be a whole number from 0 to ${examples.length - 1}, got ${i}`); // biome-ignore format: one line
    await opened.close();
  });

  test("whole words are masked whole", async () => {
    const whole = await examplesOf(await save(await make({ ...FLAGS, doWholeWordMask: true, dupeFactor: 1 }), "whole"));
    let words = 0;
    for (const { inputIds, maskedLmPositions, maskedLmIds } of whole) {
      const ids = inputIds.slice();
      for (const [n, i] of maskedLmPositions.entries()) ids[i] = maskedLmIds[n];
      const chosen = new Set(maskedLmPositions);
      for (let i = 2; i < ids.length; i++) {
        if (!tokenizer.idToToken(ids[i])!.startsWith("##") || ids[i - 1] === tokenizer.sepTokenId) continue;
        expect(chosen.has(i)).toBe(chosen.has(i - 1));
        if (chosen.has(i)) words++;
      }
    }
    expect(words).toBeGreaterThan(50);
  });

  test("the same seed, the same bytes, whatever the machine; another seed, others", async () => {
    expect(digestOf(shards)).toBe("32398d4a3f6b07207e6141a6bdcf763f6c991b048e77f46966b77ebd5fb05ce4");
    expect(digestOf(await make(FLAGS))).toBe(digestOf(shards));
    expect(digestOf(await make({ ...FLAGS, randomSeed: 1 }))).not.toBe(digestOf(shards));
  });
});

describe("buffers", () => {
  const document = (fill: number, length = 100): Document => ({
    tokens: new Uint16Array(length).fill(fill),
    ends: Int32Array.from({ length: length / 10 }, (_, i) => 10 * (i + 1)),
  });
  const run = (list: Document[], bufferTokens: number) =>
    collect(makeExamples(list, tokenizer, { bufferTokens, dupeFactor: 2, maxSeqLength: 40 }));

  test.each([
    [2, 1, 1], // a buffer has two documents at least
    [3, 100, 1], // and what is left too
    [4, 100, 2],
    [5, 200, 2],
    [7, 300, 2],
    [12, 300, 4],
    [12, 10_000, 1],
  ])("%i documents of 100 tokens, buffers of %i: %i", async (count, bufferTokens, expected) => {
    const list = Array.from({ length: count }, (_, i) => document(1000 + i));
    const shards = await run(list, bufferTokens);
    expect(shards.length).toBe(2 * expected);
    const seen = new Set(
      shards.flatMap(({ tensors }) => [...(new Map(tensors).get("masked_lm_ids")!.data as Uint16Array)]),
    );
    expect([...seen].sort()).toEqual(list.map(({ tokens }) => tokens[0])); // no document is lost
  });

  test("one document is refused, and none", async () => {
    await expect(run([document(1000)], 10)).rejects.toThrow(
      "makeExamples: there must be at least two documents, got 1; blank lines separate them",
    );
    await expect(run([], 10)).rejects.toThrow("at least two documents, got 0");
  });
});

describe("refuses", () => {
  test.each([
    [{ maxSeqLength: 4 }, "maxSeqLength must be a whole number from 5 to 65535, got 4"],
    [{ dupeFactor: 0 }, "dupeFactor must be a whole number from 1 to 10000, got 0"],
    [{ maskedLmProb: Number.NaN }, "maskedLmProb must be a number from 0 to 1, got NaN"],
    [{ shortSeqProb: 1.1 }, "shortSeqProb must be a number from 0 to 1, got 1.1"],
    [{ randomSeed: 2 ** 32 }, "randomSeed must be a whole number from 0 to 4294967295, got 4294967296"],
  ])("%o", async (options, message) => {
    await expect(make(options)).rejects.toThrow(`makeExamples: ${message}`);
  });

  test("a vocabulary without [MASK]", async () => {
    const bare = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]"]);
    await expect(collect(makeExamples(documents, bare))).rejects.toThrow("the vocabulary must have [MASK], has none");
  });

  test("an aborted signal", async () => {
    const made = collect(makeExamples(documents, tokenizer, {}, AbortSignal.abort()));
    await expect(made).rejects.toMatchObject({ code: "ERR_ABORTED" });
  });

  test("files that are no examples, are damaged, or were made otherwise", async () => {
    const [good] = await save(await make({ dupeFactor: 1 }), "good");
    const [other] = await save(await make({ dupeFactor: 1, randomSeed: 3 }), "other");
    await expect(openExamples([])).rejects.toThrow("paths must have at least one path, has none");
    await expect(openExamples([good, other])).rejects.toThrow(
      `openExamples: ${other}: random_seed = 3 differs from ${good}`,
    );
    const weights = join(import.meta.dirname, "..", "..", "..", "weights", "model.safetensors");
    await expect(openExamples([weights])).rejects.toThrow("metadata format must be bert-pretraining-examples-1");
    const [{ tensors, metadata }] = await make({ dupeFactor: 1 });
    const path = join(folder, "broken.safetensors");
    await saveSafetensors(path, tensors.slice(1), metadata);
    await expect(openExamples([path])).rejects.toThrow("must have the tensor input_ids, has none");
    const cut = tensors.map(([name, tensor]): (typeof tensors)[0] =>
      name === "masked_lm_ids" ? [name, { shape: [1], data: new Uint16Array(1) }] : [name, tensor],
    );
    await saveSafetensors(path, cut, metadata);
    await expect(openExamples([path])).rejects.toThrow("the lengths of its tensors must fit each other");
    const bytes = await readFile(good);
    await writeFile(path, bytes.subarray(0, bytes.length - 1));
    await expect(openExamples([path])).rejects.toMatchObject({ code: "ERR_CHECKPOINT" });
  });
});
