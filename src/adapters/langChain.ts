import { expectCount, expectText, wrongArgument } from "../pipelines/arguments.ts";
import { expectEach } from "../pipelines/faults.ts";
import type { Pipeline } from "../pipelines/index.ts";
import { expectPipeline, expectTextList } from "./check.ts";
import { type VectorOptions, vectorsOf } from "./vectors.ts";

/** `EmbeddingsInterface` of @langchain/core 1, which vector stores take. */
export interface LangChainEmbeddings {
  /** A vector for each document, with the model's prompt for documents. */
  embedDocuments(documents: string[]): Promise<number[][]>;
  /** The vector of a query, with the model's prompt for queries. */
  embedQuery(query: string): Promise<number[]>;
}

/**
 * Embeddings for LangChain.js. The interface has no signal and no batch size: as many documents as come are computed,
 * 2,048 tokens at once.
 *
 * @throws BertError ERR_INPUT another pipeline or wrong options; and of its calls, as of the pipeline's
 * @example
 * const embeddings = langChainEmbeddings(await pipeline("embeddings"));
 * (await embeddings.embedQuery("Is the window shut?")).length; // 384
 */
export function langChainEmbeddings(embed: Pipeline<"embeddings">, options: VectorOptions = {}): LangChainEmbeddings {
  const vectors = vectorsOf("langChainEmbeddings", embed, options);
  return {
    embedDocuments: async (documents) => vectors.ofDocuments(expectTextList("embedDocuments", "documents", documents)),
    async embedQuery(query) {
      const [vector] = await vectors.ofQueries([expectText("embedQuery", "query", query)]);
      return vector;
    },
  };
}

/** What a compressor of LangChain reads of a document: of `DocumentInterface` of @langchain/core 1. */
export interface LangChainDocument {
  readonly pageContent: string;
  // biome-ignore lint/suspicious/noExplicitAny: as LangChain has it
  readonly metadata: Record<string, any>;
}

/** `BaseDocumentCompressor` of @langchain/core 1, which a ContextualCompressionRetriever takes. */
export interface LangChainReranker {
  /**
   * The best documents for a query, the best first: copies of the same class, each with its `relevanceScore` in the
   * metadata.
   */
  compressDocuments<D extends LangChainDocument>(documents: D[], query: string): Promise<D[]>;
}

/**
 * A reranker for LangChain.js.
 *
 * @param topN how many documents it leaves; all, if left out
 * @throws BertError ERR_INPUT another pipeline or a wrong `topN`; and of its calls, as of the pipeline's
 * @example
 * const reranker = langChainReranker(await pipeline("text-ranking", "cross-encoder/ms-marco-MiniLM-L6-v2"), 3);
 * await reranker.compressDocuments([{ pageContent: "Emma was rich.", metadata: {} }], "Who was rich?");
 */
export function langChainReranker(rank: Pipeline<"text-ranking">, topN?: number): LangChainReranker {
  expectPipeline("langChainReranker", "rank", rank, "text-ranking");
  if (topN !== undefined) expectCount("langChainReranker", "topN", topN);
  const where = "compressDocuments";
  return {
    async compressDocuments(documents, query) {
      if (!Array.isArray(documents)) throw wrongArgument(where, "documents", "an array of documents", documents);
      const texts = expectEach(documents, (document, i) =>
        expectText(where, `documents[${i}].pageContent`, document?.pageContent),
      );
      const { text: asked } = expectText(where, "query", query);
      const ranked = await rank(
        asked,
        texts.map(({ text }) => text),
        { top_k: topN ?? null },
      );
      return ranked.map(({ index, score }) => {
        const document = documents[index];
        const metadata = { ...document.metadata, relevanceScore: score };
        return Object.assign(Object.create(Object.getPrototypeOf(document)), document, { metadata });
      });
    },
  };
}
