/** The models of every task that the explorer opens, with a tokenizer each. */
import { readFileSync } from "node:fs";
import { loadBert } from "../../src/index.ts";
import { type DistilbertFolder, distilbertPath } from "../support/distilbert.ts";
import { loadModel, reference } from "../support/reference.ts";
import { type Explored, MODELS, tokenizerOf } from "./models.ts";

/** The tiny model with the head of a task. */
async function tinyWith(head: string): Promise<Explored> {
  const folder = reference(`tiny/heads/${head}`);
  const model = await loadModel(`${folder}/model.safetensors`, readFileSync(`${folder}/config.json`, "utf8"));
  return { model, tokenizer: tokenizerOf(model) };
}

async function distilbertWith(folder: DistilbertFolder): Promise<Explored> {
  const model = await loadBert(distilbertPath(folder), { backend: "plain" });
  return { model, tokenizer: model.tokenizer };
}

/** Each model, and the answers that it has of two texts, one of them with a gap. */
export const TASK_MODELS: readonly (readonly [name: string, open: () => Promise<Explored>, subjects: string[]])[] = [
  ["tiny", MODELS[0][1], ["gap", "next", "vector"]],
  ["real-bert-tiny", MODELS[1][1], ["label", "vector"]],
  ["small", MODELS[2][1], ["gap", "next", "vector"]],
  ["distilbert", MODELS[3][1], ["gap", "vector"]],
  ["next sentence", () => tinyWith("next-sentence-prediction"), ["next", "vector"]],
  ["labels", () => tinyWith("sequence-classification"), ["label", "vector"]],
  ["several labels", () => tinyWith("sequence-multilabel"), ["label", "vector"]],
  ["regression", () => tinyWith("sequence-regression"), ["label", "vector"]],
  ["tokens", () => tinyWith("token-classification"), ["token", "vector"]],
  ["answers", () => tinyWith("question-answering"), ["span", "vector"]],
  ["choices", () => tinyWith("multiple-choice"), ["label", "vector"]],
  ["distilbert, one label", () => distilbertWith("one-label"), ["label", "vector"]],
  ["distilbert, tokens", () => distilbertWith("token-classification"), ["token", "vector"]],
  ["distilbert, answers", () => distilbertWith("question-answering"), ["span", "vector"]],
];
