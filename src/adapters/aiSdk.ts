import { expectKnownNames } from "../options.ts";
import { answerTexts } from "../pipelines/answerAll.ts";
import { expectTexts } from "../pipelines/arguments.ts";
import type { Pipeline } from "../pipelines/index.ts";
import { stepsOf } from "../pipelines/textEmbeddings.ts";
import type { VectorOptions } from "./vectors.ts";

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
  /** `usage` counts the tokens that were computed; a warning says how many texts were cut. */
  doEmbed(
    call: AiSdkEmbedCall,
  ): Promise<{ embeddings: number[][]; usage: { tokens: number }; warnings: AiSdkWarning[] }>;
}

const WHERE = "doEmbed";
const OPTIONS = ["prompt", "prompt_name", "truncate_dim", "normalize", "truncation"];

/**
 * An embedding model for the Vercel AI SDK: `embed` and `embedMany`, with `dimensions` and `abortSignal`.
 *
 * @param options of all calls; `providerOptions.plainbert` has those of one
 * @throws BertError ERR_INPUT of its calls, as of the pipeline's
 * @example
 * const model = aiSdkEmbeddingModel(await pipeline("embeddings"));
 * (await model.doEmbed({ values: ["The door is open."] })).usage; // { tokens: 7 }
 */
export function aiSdkEmbeddingModel(embed: Pipeline<"embeddings">, options: VectorOptions = {}): AiSdkEmbeddingModel {
  const bert = embed.model;
  const steps = stepsOf(bert);

  async function doEmbed({ values, dimensions, abortSignal: signal, providerOptions }: AiSdkEmbedCall) {
    const size = dimensions !== undefined && { truncate_dim: dimensions };
    const settings = { normalize: true, ...options, ...providerOptions?.plainbert, ...size };
    expectKnownNames(WHERE, "option", settings, OPTIONS);
    const { encode, compute } = steps(WHERE, settings, null);
    let tokens = 0;
    const counting: typeof compute = (batch, signal) => {
      for (const { encoding } of batch) tokens += encoding.length;
      return compute(batch, signal);
    };
    const texts = values.length === 0 ? [] : expectTexts(WHERE, values, "values");
    const { answers, counts } = await answerTexts(texts, { encode, compute: counting }, signal);
    const message = `cut, as longer than the model takes: ${counts.truncated} of ${values.length} texts`;
    return {
      embeddings: answers.map((vector) => Array.from(vector)),
      usage: { tokens },
      warnings: counts.truncated > 0 ? [{ type: "other" as const, message }] : [],
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
 * @throws BertError ERR_INPUT of its calls, as of the pipeline's
 * @example
 * const model = aiSdkRerankingModel(await pipeline("text-ranking", "cross-encoder/ms-marco-MiniLM-L6-v2"));
 * const documents = { type: "text" as const, values: ["She was poor.", "Emma was rich."] };
 * const { ranking } = await model.doRerank({ query: "Who was rich?", documents, topN: 1 });
 * ranking; // [{ index: 1, relevanceScore: 0.98… }]
 */
export function aiSdkRerankingModel(rank: Pipeline<"text-ranking">): AiSdkRerankingModel {
  return {
    specificationVersion: "v3",
    provider: "plainbert",
    modelId: "text-ranking",
    async doRerank({ query, documents: { type, values }, topN, abortSignal }) {
      const texts = type === "text" ? values : values.map((value) => JSON.stringify(value));
      const signal = abortSignal && { signal: abortSignal };
      const ranked = await rank(query, texts, { top_k: topN ?? null, ...signal });
      return { ranking: ranked.map(({ index, score }) => ({ index, relevanceScore: score })) };
    },
  };
}
