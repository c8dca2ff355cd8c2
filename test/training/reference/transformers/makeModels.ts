/**
 * Fine-tunes a small model for each task, pretrains one, and writes each with what it answers to a few inputs, for
 * checkModels.py to compare with what Python's transformers answer from the same folders.
 *
 *     npx tsx test/training/reference/transformers/makeModels.ts FOLDER
 *     python test/training/reference/transformers/checkModels.py FOLDER
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomically } from "../../../../src/disk/files.ts";
import { saveSafetensors } from "../../../../src/load/weightFiles.ts";
import { loadBert } from "../../../../src/index.ts";
import { BertTokenizer } from "../../../../src/tokenizer/index.ts";
import { collect, finetune, makeExamples, pretrain } from "../../../../src/training/index.ts";
import { REVIEWS, TINY_VOCABULARY, writeTinyModel } from "../../../support/tinyModel.ts";

const folder = process.argv[2];
const model = join(folder, "start");
mkdirSync(model, { recursive: true });
await writeTinyModel(model, { initializer_range: 0.1 });

const context = "anna saw the cat in paris. the dog was in the book.";
const run = { model, maxSteps: 20, learningRate: 0.01 };
const output = (name: string) => join(folder, name);
const pair = { text: "anna saw a cat.", text_pair: "the cat was good." };
await finetune({ ...run, task: "text-classification", trainDataset: REVIEWS, output: output("single-label") });
await finetune({
  ...{ ...run, task: "text-classification", output: output("multi-label") },
  trainDataset: REVIEWS.map((review) => ({ ...review, label: review.label === "positive" ? ["nice", "short"] : ["short"] })),
});
await finetune({
  ...{ ...run, task: "text-classification", output: output("regression") },
  trainDataset: REVIEWS.map((review, i) => ({ ...review, label: i / 10 + 0.05 })),
});
await finetune({
  ...{ ...run, task: "token-classification", output: output("token") },
  trainDataset: [{ where: "1", words: ["anna", "saw", "paris"], tags: ["B-PER", "O", "B-LOC"] }],
});
await finetune({
  ...{ ...run, task: "question-answering", output: output("question") },
  trainDataset: [{ where: "1", id: "1", question: "who saw the cat?", context, answers: [{ text: "anna", start: 0 }] }],
});
await finetune({
  ...{ ...run, task: "multiple-choice", output: output("choice") },
  trainDataset: [{ where: "1", text: "anna saw a cat.", choices: ["it was a cat.", "it was paris."], label: 0 }],
});
await finetune({
  ...{ ...run, task: "next-sentence-prediction", output: output("next-sentence") },
  trainDataset: [{ where: "1", ...pair, label: 0 }, { where: "2", ...pair, text_pair: "paris is bad.", label: 1 }],
});
await finetune({ ...run, task: "fill-mask", trainDataset: REVIEWS.map(({ text }) => text), output: output("mask") });

const tokenizer = BertTokenizer.fromVocabulary([...TINY_VOCABULARY], { doLowerCase: true });
const documents = Array.from({ length: 6 }, (_, d) => {
  const sentences = REVIEWS.slice(4 * d, 4 * d + 4).map(({ text }) => tokenizer.encode(text).inputIds.slice(1, -1));
  const ends = sentences.map((_, i) => sentences.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
  return { tokens: Uint16Array.from(sentences.flat()), ends: Int32Array.from(ends) };
});
const shards = await collect(makeExamples(documents, tokenizer, { maxSeqLength: 32, dupeFactor: 4 }));
mkdirSync(output("examples"));
for (const [i, { tensors, metadata }] of shards.entries())
  await saveSafetensors(join(output("examples"), `examples-${i}.safetensors`), tensors, metadata);
for (const [name, text] of Object.entries(tokenizer.toFiles()))
  await writeFileAtomically(join(output("examples"), name), [new TextEncoder().encode(text as string)]);
await pretrain({
  ...{ output: output("pretrained"), phases: [{ examples: output("examples"), steps: 20 }], batchSize: 8, learningRate: 0.01 },
  config: { num_hidden_layers: 2, hidden_size: 32, num_attention_heads: 2, intermediate_size: 64, max_position_embeddings: 32 },
});

const texts = ["the cat was very good.", "a film was bad", "Anna saw the [MASK] in Paris, who was in it?"];
const names = ["single-label", "multi-label", "regression", "token", "question", "choice", "next-sentence", "mask", "pretrained"];
for (const name of names) {
  const bert = await loadBert(output(name), { backend: "plain" });
  const batch = texts.map((text) => bert.tokenizer.encode(text, { textPair: "it was a good film." }));
  const answers = batch.map((sequence) => {
    const { lastHiddenState, ...heads } = bert.forwardSync([sequence]);
    const tensors = Object.entries({ lastHiddenState, ...heads }) as [string, { shape: number[]; data: Float32Array }][];
    return Object.fromEntries(tensors.map(([key, { shape, data }]) => [key, { shape, data: Array.from(data) }]));
  });
  const inputs = batch.map(({ inputIds, tokenTypeIds }) => ({ inputIds, tokenTypeIds }));
  writeFileSync(join(output(name), "answers.json"), JSON.stringify({ texts, inputs, answers, labels: bert.config.labels }));
  await bert.dispose();
}
