/**
 * A program as people write them, compiled as a module and as CommonJS against the packed package: every entry point, every task, every
 * form of input. What a call gives is held against the type that it should have.
 */
import {
  type Answer,
  BertError,
  BertModel,
  buildIndex,
  type Choice,
  type Classification,
  downloadModel,
  type EntityGroup,
  type FeatureExtractionOptions,
  type FeatureTensor,
  type FillMaskPrediction,
  type HeadOutput,
  loadBert,
  type NextSentencePrediction,
  pipeline,
  type QuantizedFeatures,
  type SearchResult,
  type TextLikelihood,
  type TokenEntity,
  type Truncated,
  type ZeroShotClassificationResult,
} from "plainbert";
import { readSafetensors, writeSafetensors } from "plainbert/safetensors";
import { createRequestHandler, type RequestHandler } from "plainbert/serve";
import { collectActivations, compareTensors, type TensorComparison } from "plainbert/testing";
import { BertTokenizer, type Encoding } from "plainbert/tokenizer";
import { f1Score, finetune, type TextExample } from "plainbert/training";

/** Compiles where the value's type is the one that is named: where each can stand for the other. */
function is<Wanted>() {
  return function same<Got>(
    _value: Got,
    ..._never: [Got, Wanted] extends [Wanted, Got] ? [] : ["another type"]
  ): void {};
}

declare const text: string;
declare const texts: readonly string[];
declare const either: string | string[];
declare function lines(): AsyncGenerator<string, void, undefined>;
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse gives
declare const any: any;

export async function serve(): Promise<void> {
  const handler = createRequestHandler(await loadBert(), { modelId: "small", maxConcurrentRequests: 8 });
  is<RequestHandler>()(handler);
  is<Response>()(await handler(new Request("http://localhost/health")));
}

export async function fillMask(): Promise<void> {
  const unmask = await pipeline("fill-mask", undefined, { threads: 1, signal: AbortSignal.timeout(1000) });
  const [best] = await unmask(text);
  is<string>()(best.token_str);
  is<FillMaskPrediction[]>()(await unmask("The [MASK]."));
  is<FillMaskPrediction[][]>()(await unmask("The [MASK] and the [MASK].", { top_k: 2, targets: [["door"], ["sea"]] }));
  is<FillMaskPrediction[][]>()(await unmask(texts));
  is<FillMaskPrediction[][]>()(await unmask([text, "The [MASK]."]));
  is<FillMaskPrediction[] | FillMaskPrediction[][]>()(await unmask(either));
  is<FillMaskPrediction[]>()(await unmask(any));
  for await (const [{ token_str }] of unmask(lines())) is<string>()(token_str);
  for await (const [{ token_str }] of unmask(new Set([text]))) is<string>()(token_str);
  await unmask.dispose();
}

export async function features(options: FeatureExtractionOptions): Promise<void> {
  const extract = await pipeline("feature-extraction");
  is<FeatureTensor<number[][][]> & Truncated>()(await extract(text));
  is<FeatureTensor<number[][]> & Truncated>()(
    await extract(texts, { pooling: "mean", normalize: true, layers: "sum_last_4" }),
  );
  is<QuantizedFeatures & Truncated>()(await extract(either, { pooling: "cls", quantize: true, precision: "ubinary" }));
  is<(FeatureTensor<number[][][] | number[][]> | QuantizedFeatures) & Truncated>()(await extract(text, options));
  for await (const { data } of extract(lines(), { pooling: "max" })) is<Float32Array>()(data);
  const index = await buildIndex(extract, lines(), { pooling: "max" });
  is<SearchResult[]>()(await index.search(text));
  is<SearchResult[][]>()(await index.search(texts, 3));
  for (const { cosine, bm25 } of await index.search(text, 3, { hybrid: true, alpha: 0.5 }))
    is<(number | undefined)[]>()([cosine, bm25]);
}

export async function labels(): Promise<void> {
  const classify = await pipeline("text-classification", "model");
  is<Classification[]>()(await classify(text, { top_k: null }));
  is<Classification[]>()(await classify([text, { text, text_pair: text }]));
  is<Classification[][]>()(await classify(texts, { top_k: null, function_to_apply: "sigmoid" }));
  for await (const [{ label }] of classify(lines(), { top_k: 2 })) is<string>()(label);

  const ner = await pipeline("ner", "model");
  is<TokenEntity[]>()(await ner(text));
  is<EntityGroup[]>()(await ner(text, { aggregation_strategy: "simple", stride: 16 }));
  is<TokenEntity[][]>()(await ner(texts, { aggregation_strategy: "none" }));
  is<EntityGroup[]>()(await ner(texts, { is_split_into_words: true, aggregation_strategy: "max" }));
  is<TokenEntity[][]>()(await ner([texts], { is_split_into_words: true }));
  for await (const [{ entity_group }] of ner(lines(), { aggregation_strategy: "first" })) is<string>()(entity_group);

  const zeroShot = await pipeline("zero-shot-classification", "model");
  is<ZeroShotClassificationResult>()(await zeroShot(text, "a, b", { multi_label: true }));
  is<ZeroShotClassificationResult[]>()(await zeroShot(texts, texts));
  for await (const { labels } of zeroShot(lines(), texts)) is<string[]>()(labels);
}

export async function pairs(): Promise<void> {
  const ask = await pipeline("question-answering", "model");
  is<Answer>()(await ask(text, text));
  is<Answer[]>()(await ask(text, text, { top_k: 3 }));
  is<Answer>()(await ask({ question: text, context: text }));
  is<Answer[]>()(await ask({ question: text, context: text }, { top_k: 3 }));
  is<Answer[]>()(await ask(texts, text));
  is<Answer[][]>()(await ask(texts, texts, { top_k: 2, align_to_words: false }));
  is<Answer[]>()(await ask([{ question: text, context: text }], { max_answer_len: 3 }));

  const isNext = await pipeline("next-sentence-prediction");
  is<NextSentencePrediction>()(await isNext(text, text));
  is<NextSentencePrediction[]>()(await isNext(text, text, { top_k: null }));
  is<NextSentencePrediction[]>()(await isNext([[text, text], { text, text_pair: text }]));
  is<NextSentencePrediction[][]>()(await isNext([[text, text]], { top_k: null, truncation: true }));

  const choose = await pipeline("multiple-choice", "model");
  is<Choice[]>()(await choose(text, texts, { truncation: true }));
  is<Choice[][]>()(await choose([{ text, choices: texts }]));

  const similarity = await pipeline("sentence-similarity");
  is<number[]>()(await similarity({ source_sentence: text, sentences: texts }, { pooling: "cls" }));
  is<number[][]>()(await similarity([{ source_sentence: text, sentences: texts }]));

  const likelihood = await pipeline("pseudo-log-likelihood");
  is<TextLikelihood>()(await likelihood(text));
  is<TextLikelihood[]>()(await likelihood(texts));
}

export async function model(): Promise<Encoding[]> {
  const bert = await loadBert(await downloadModel("org/name"), { dtype: "int8", backend: "simd" });
  const batch = bert.tokenizer.encodeBatch([text, [text, text]]);
  const { lastHiddenState, logits } = await bert.forward(batch, { hiddenStates: true });
  is<Float32Array>()(lastHiddenState.data);
  is<Float32Array | undefined>()(logits?.data);
  is<HeadOutput>()(bert.forwardSync(batch, { lastHiddenState: false }));
  if (!(bert instanceof BertModel)) throw new BertError("ERR_INPUT", "no model");
  await bert[Symbol.asyncDispose]();
  return batch;
}

export async function train(): Promise<number> {
  const trainDataset: TextExample[] = [{ text: "Yes.", label: "yes" }];
  await finetune({ task: "text-classification", trainDataset, evalDataset: "dev.jsonl", output: "folder" });
  await finetune({ task: "multiple-choice", trainDataset: [{ text, choices: texts, label: 0 }], output: "folder" });
  return f1Score({ predictions: [1, 0], references: [1, 1] }, { average: "macro" });
}

export async function steps(): Promise<string | undefined> {
  const bert = await loadBert("folder", { backend: "plain" });
  const { tensors, metadata } = await collectActivations(bert, text, { textPair: text, taps: ["bert.*"] });
  const file = readSafetensors(writeSafetensors(tensors, metadata));
  const comparison = await compareTensors(tensors, file, { tolerance: 1e-5 });
  is<TensorComparison>()(comparison);
  is<TensorComparison>()(await compareTensors(bert.parameters, bert.parameters));
  return comparison.differences[0]?.name;
}

export function files(): string[] {
  const bytes: Uint8Array = writeSafetensors([["weight", { shape: [1], data: Float32Array.of(1) }]]);
  const tokenizer = BertTokenizer.fromVocabulary([...readSafetensors(bytes).tensors.keys()]);
  return tokenizer.encode(text, { truncation: "only_first" }).tokens();
}
