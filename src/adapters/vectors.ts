import type { Pipeline } from "../pipelines/index.ts";
import type { EmbeddingOptions } from "../pipelines/textEmbeddings.ts";

/** Options of every vector that an adapter gives: those of `pipeline("embeddings")`, and `normalize` is true. */
export type VectorOptions = Omit<EmbeddingOptions, "precision" | "ranges" | "signal">;

/** A vector of length 1 for each text, which a query is compared with. [n] texts → n × [D] */
export async function documentVectors(
  embed: Pipeline<"embeddings">,
  texts: readonly string[],
  options: VectorOptions,
): Promise<number[][]> {
  return (await embed.encodeDocument(texts, { normalize: true, ...options })).tolist();
}

/** A vector of length 1 for each query. [n] queries → n × [D] */
export async function queryVectors(
  embed: Pipeline<"embeddings">,
  queries: readonly string[],
  options: VectorOptions,
): Promise<number[][]> {
  return (await embed.encodeQuery(queries, { normalize: true, ...options })).tolist();
}
