import { expectChoice, expectKnownOptions, expectObject, expectSignal } from "../options.ts";
import { answerTexts } from "../pipelines/answerAll.ts";
import { expectCount, wrongArgument } from "../pipelines/arguments.ts";
import type { Pipeline } from "../pipelines/index.ts";
import { stepsOf } from "../pipelines/textEmbeddings.ts";
import { classOf } from "../realm.ts";
import { expectPipeline, expectTextList } from "./check.ts";
import { settingsOf, VECTOR_OPTIONS, type VectorOptions, vectorsOf } from "./vectors.ts";

/** What the AI SDK asks of an embedding model: `EmbeddingModelV3CallOptions`, and `dimensions` of V4. */
export interface AiSdkEmbedCall {
  readonly values: string[];
  readonly dimensions?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  /** Under `plainbert`, options of the vectors, such as `{ plainbert: { prompt_name: "query" } }`. */
  readonly providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> | undefined;
}

/** `SharedV3Warning` of @ai-sdk/provider, one of its kinds. */
export interface AiSdkWarning {
  readonly type: "other";
  readonly message: string;
}

/** `EmbeddingModelV3` of @ai-sdk/provider, which versions 6 and 7 of the package `ai` take. */
export interface AiSdkEmbeddingModel {
  readonly specificationVersion: "v3";
  readonly provider: "plainbert";
  readonly modelId: string;
  /** None: the library makes its own batches. */
  readonly maxEmbeddingsPerCall: number;
  /** Calls that wait are computed together. */
  readonly supportsParallelCalls: true;
  /** `usage` counts the tokens that were computed; warnings say how many texts were cut, and are mostly unknown. */
  doEmbed(
    call: AiSdkEmbedCall,
  ): Promise<{ embeddings: number[][]; usage: { tokens: number }; warnings: AiSdkWarning[] }>;
}

const WHERE = "doEmbed";

/**
 * An embedding model for the Vercel AI SDK: `embed` and `embedMany`, with `dimensions` and `abortSignal`.
 *
 * @param options of all calls; `providerOptions.plainbert` has those of one
 * @throws BertError ERR_INPUT another pipeline or wrong options; and of its calls, as of the pipeline's
 * @example
 * const model = aiSdkEmbeddingModel(await pipeline("embeddings"));
 * (await model.doEmbed({ values: ["The door is open."] })).usage; // { tokens: 7 }
 */
export function aiSdkEmbeddingModel(embed: Pipeline<"embeddings">, options: VectorOptions = {}): AiSdkEmbeddingModel {
  vectorsOf("aiSdkEmbeddingModel", embed, options);
  const bert = embed.model;
  const steps = stepsOf(bert);

  async function doEmbed(call: AiSdkEmbedCall) {
    expectCall(WHERE, call);
    const { values, dimensions, abortSignal: signal, providerOptions } = call;
    const texts = expectTextList(WHERE, "values", values);
    expectSignal(WHERE, signal);
    const own = providerOptions?.plainbert ?? {};
    expectObject(`${WHERE}: providerOptions.plainbert`, own);
    const settings = { ...options, ...own, ...(dimensions !== undefined && { truncate_dim: dimensions }) };
    expectKnownOptions(WHERE, settings, VECTOR_OPTIONS);
    const { encode, compute } = steps(WHERE, settingsOf(settings), null);
    let tokens = 0;
    const counting: typeof compute = (batch, signal) => {
      for (const { encoding } of batch) tokens += encoding.length;
      return compute(batch, signal);
    };
    const { answers, counts } = await answerTexts(texts, { encode, compute: counting }, signal);
    const told = {
      "cut, as longer than the model takes": counts.truncated,
      "mostly unknown to the model": counts.unknown,
    };
    return {
      embeddings: answers.map((vector) => Array.from(vector)),
      usage: { tokens },
      warnings: Object.entries(told)
        .filter(([, count]) => count > 0)
        .map(([what, count]) => ({ type: "other" as const, message: `${what}: ${count} of ${texts.length} texts` })),
    };
  }

  return {
    specificationVersion: "v3",
    provider: "plainbert",
    modelId: "embeddings",
    maxEmbeddingsPerCall: Number.POSITIVE_INFINITY,
    supportsParallelCalls: true,
    doEmbed: (call) => bert.answer(() => doEmbed(call)),
  };
}

/** What the AI SDK asks of a reranker: `RerankingModelV3CallOptions`. */
export interface AiSdkRerankCall {
  readonly query: string;
  /** Texts, or objects, which are read as JSON. */
  readonly documents:
    | { readonly type: "text"; readonly values: string[] }
    | { readonly type: "object"; readonly values: object[] };
  readonly topN?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** `RerankingModelV3` of @ai-sdk/provider, which versions 6 and 7 of the package `ai` take. */
export interface AiSdkRerankingModel {
  readonly specificationVersion: "v3";
  readonly provider: "plainbert";
  readonly modelId: string;
  doRerank(call: AiSdkRerankCall): Promise<{ ranking: { index: number; relevanceScore: number }[] }>;
}

/**
 * A reranker for the Vercel AI SDK: `rerank`, with `topN` and `abortSignal`.
 *
 * @throws BertError ERR_INPUT another pipeline; and of its calls, as of the pipeline's
 * @example
 * const model = aiSdkRerankingModel(await pipeline("text-ranking", "cross-encoder/ms-marco-MiniLM-L6-v2"));
 * const documents = { type: "text" as const, values: ["She was poor.", "Emma was rich."] };
 * const { ranking } = await model.doRerank({ query: "Who was rich?", documents, topN: 1 });
 * ranking; // [{ index: 1, relevanceScore: 0.98… }]
 */
export function aiSdkRerankingModel(rank: Pipeline<"text-ranking">): AiSdkRerankingModel {
  expectPipeline("aiSdkRerankingModel", "rank", rank, "text-ranking");
  return {
    specificationVersion: "v3",
    provider: "plainbert",
    modelId: "text-ranking",
    async doRerank(call) {
      const where = "doRerank";
      expectCall(where, call);
      const { query, documents, topN, abortSignal } = call;
      const { type, values } = documents ?? {};
      expectChoice(where, "documents.type", type, ["text", "object"]);
      if (!Array.isArray(values)) throw wrongArgument(where, "documents.values", "an array", values);
      if (topN !== undefined) expectCount(where, "topN", topN);
      const texts = type === "text" ? values : values.map((value) => JSON.stringify(value));
      const signal = abortSignal && { signal: abortSignal };
      const ranked = await rank(query, texts, { top_k: topN ?? null, ...signal });
      return { ranking: ranked.map(({ index, score }) => ({ index, relevanceScore: score })) };
    },
  };
}

/** @throws BertError ERR_INPUT a call is no object */
function expectCall(where: string, call: unknown): void {
  if (classOf(call) !== "Object") throw wrongArgument(where, "call", "an object of the AI SDK", call);
}
