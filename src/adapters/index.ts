/**
 * `plainbert/adapters`: what `pipeline("embeddings")` and `pipeline("text-ranking")` give, as frameworks want it. Their
 * interfaces are structural: none of them is imported or needed.
 *
 * @module
 */
export {
  type AiSdkEmbedCall,
  type AiSdkEmbeddingModel,
  type AiSdkRerankCall,
  type AiSdkRerankingModel,
  type AiSdkWarning,
  aiSdkEmbeddingModel,
  aiSdkRerankingModel,
} from "./aiSdk.ts";
export { type ChromaEmbeddingFunction, chromaEmbeddingFunction } from "./chroma.ts";
export {
  type LangChainDocument,
  type LangChainEmbeddings,
  type LangChainReranker,
  langChainEmbeddings,
  langChainReranker,
} from "./langChain.ts";
export { type OramaPlugin, type OramaPluginOptions, oramaPlugin } from "./orama.ts";
export type { VectorOptions } from "./vectors.ts";
