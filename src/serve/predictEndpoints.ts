import { scoreActivation } from "../load/crossEncoder.ts";
import { topK } from "../pipelines/scores.ts";
import { scoreFunction } from "../pipelines/textClassification.ts";
import { has } from "../realm.ts";
import { computeAll, type Encoded, encodeInputs, type Input, truncationOf } from "./inputs.ts";
import { type Body, countOf, flagOf, textOf, textsOf } from "./requestBody.ts";
import { wrongField, wrongLogits, wrongModel } from "./requestError.ts";
import { type Call, type Endpoint, expectBatch, usageOf } from "./service.ts";

/** POST /predict: every label of each input with its score, the best first, as `pipeline("text-classification")`. */
export const predict: Endpoint = async (body, call) => {
  const { bert, kind } = call.service;
  if (kind === "embedding") throw wrongModel("Model is not a classifier model");
  const { isBatch, inputs } = predictInputs(body.inputs);
  expectBatch(call, "inputs", inputs.length);
  const scoresOf = scoreFunction(bert, flagOf(body, "raw_scores", false) ? "none" : "default");
  const encodings = await encodeInputs(inputs, truncationOf(body, call), call);
  const { labels } = bert.config;
  call.share.take(100 * labels.length * inputs.length);
  const predictions = (await logitsOf(encodings, call)).map((logits) => {
    const scores = scoresOf(logits);
    return topK(scores, labels.length).map((i) => ({ score: scores[i], label: labels[i] }));
  });
  return isBatch ? predictions : predictions[0];
};

/** POST /rerank: how well each text answers the query, the best first, as `pipeline("text-ranking")`. */
export const rerank: Endpoint = async (body, call) => {
  const withText = flagOf(body, "return_text", false);
  const texts = textsOf("texts", body.texts);
  expectBatch(call, "texts", texts.length);
  const ranks = await ranked(texts, body, call);
  return ranks.map((rank) => ({ ...rank, ...(withText && { text: texts[rank.index] }) }));
};

/** POST /v1/rerank and /v2/rerank: the same, as Cohere's and Jina's clients call it. */
export const cohereRerank: Endpoint = async (body, call) => {
  const { documents } = body;
  const given = Array.isArray(documents) ? documents.map((one) => (has(one, "text") ? one.text : one)) : documents;
  const texts = textsOf("documents", given);
  expectBatch(call, "documents", texts.length);
  const count = countOf("top_n", body.top_n ?? texts.length);
  const withText = flagOf(body, "return_documents", false);
  const ranks = await ranked(texts, { query: body.query }, call);
  const results = ranks.slice(0, count).map(({ index, score }) => ({
    index,
    relevance_score: score,
    ...(withText && { document: { text: texts[index] } }),
  }));
  const meta = { tokens: { input_tokens: call.times.tokens } }; // Cohere's; Jina has `usage`
  return { model: call.service.settings.servedModelName, results, usage: usageOf(call), meta };
};

/** The places of texts and their scores, the best first. */
async function ranked(
  texts: readonly string[],
  body: Body,
  call: Call,
): Promise<{ readonly index: number; readonly score: number }[]> {
  const query = textOf("query", body.query);
  const { bert, kind, settings } = call.service;
  if (kind !== "reranker") throw wrongModel("model is not a re-ranker model");
  const activation = flagOf(body, "raw_scores", false)
    ? (logit: number) => logit
    : scoreActivation(bert.configText, bert.sentence);
  const pairs = texts.map((text) => [settings.defaultPrompt + query, text] as const);
  const encodings = await encodeInputs(pairs, truncationOf(body, call), call);
  const scores = (await logitsOf(encodings, call)).map(([logit]) => finite(activation(logit)));
  return topK(scores, scores.length).map((index) => ({ index, score: scores[index] }));
}

/** The logits of each input, [labels]. */
function logitsOf(encodings: readonly Encoded[], call: Call): Promise<Float32Array[]> {
  const { bert } = call.service;
  const N = bert.config.labels.length;
  const compute = async (batch: readonly Encoded[], signal: AbortSignal) => {
    const { logits } = await bert.forward(batch, { lastHiddenState: false, signal });
    return batch.map((_, b) => logits!.data.slice(b * N, (b + 1) * N));
  };
  return computeAll(encodings, compute, call);
}

function finite(score: number): number {
  if (Number.isFinite(score)) return score;
  throw wrongLogits("rerank");
}

const EXPECTED = "a string, a pair of strings [string, string] or a batch of these [[string], [string, string], ...]";

/** What /predict takes: a text, a pair of texts, or a list in which each of them is a list too. */
function predictInputs(value: unknown): { isBatch: boolean; inputs: Input[] } {
  if (typeof value === "string") return { isBatch: false, inputs: [textOf("inputs", value)] };
  const isBatch = Array.isArray(value) && value.length > 0 && typeof value[0] !== "string";
  const inputs = isBatch ? value.map((one, i) => textOrPair(`inputs[${i}]`, one)) : [textOrPair("inputs", value)];
  return { isBatch, inputs };
}

function textOrPair(name: string, value: unknown): Input {
  if (!Array.isArray(value) || value.length < 1 || value.length > 2) throw wrongField(name, EXPECTED, value);
  const [first, second] = textsOf(name, value);
  return second === undefined ? first : [first, second];
}
