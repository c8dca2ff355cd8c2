import type { Pipeline } from "../pipelines/index.ts";
import { documentVectors, queryVectors, type VectorOptions } from "./vectors.ts";

/** `EmbeddingFunction` of chromadb 3. */
export interface ChromaEmbeddingFunction {
  readonly name: string;
  /** A vector for each document, with the model's prompt for documents. */
  generate(texts: string[]): Promise<number[][]>;
  /** A vector for each query, with the model's prompt for queries. */
  generateForQueries(texts: string[]): Promise<number[][]>;
  /** Cosine: Chroma's own default, "l2", gives distances of another scale. */
  defaultSpace(): "cosine";
  supportedSpaces(): ("cosine" | "l2" | "ip")[];
}

/**
 * An embedding function for Chroma's JavaScript client. The server keeps the vectors and not the function, so every
 * `getCollection` is given it again.
 *
 * @throws BertError ERR_INPUT of its calls, as of the pipeline's
 * @example
 * const embeddingFunction = chromaEmbeddingFunction(await pipeline("embeddings"));
 * (await embeddingFunction.generate(["The door is open."])).length; // 1
 */
export function chromaEmbeddingFunction(
  embed: Pipeline<"embeddings">,
  options: VectorOptions = {},
): ChromaEmbeddingFunction {
  return {
    name: "plainbert",
    generate: (texts) => documentVectors(embed, texts, options),
    generateForQueries: (texts) => queryVectors(embed, texts, options),
    defaultSpace: () => "cosine",
    supportedSpaces: () => ["cosine", "l2", "ip"],
  };
}
