import type { Pipeline } from "../pipelines/index.ts";
import { expectTextList } from "./check.ts";
import { type VectorOptions, vectorsOf } from "./vectors.ts";

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
 * @throws BertError ERR_INPUT another pipeline or wrong options; and of its calls, as of the pipeline's
 * @example
 * const embeddingFunction = chromaEmbeddingFunction(await pipeline("embeddings"));
 * (await embeddingFunction.generate(["The door is open."])).length; // 1
 */
export function chromaEmbeddingFunction(
  embed: Pipeline<"embeddings">,
  options: VectorOptions = {},
): ChromaEmbeddingFunction {
  const vectors = vectorsOf("chromaEmbeddingFunction", embed, options);
  return {
    name: "plainbert",
    generate: async (texts) => vectors.ofDocuments(expectTextList("generate", "texts", texts)),
    generateForQueries: async (texts) => vectors.ofQueries(expectTextList("generateForQueries", "texts", texts)),
    defaultSpace: () => "cosine",
    supportedSpaces: () => ["cosine", "l2", "ip"],
  };
}
