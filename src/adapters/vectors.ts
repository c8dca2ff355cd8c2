import { expectKnownOptions, type OptionNames } from "../options.ts";
import type { NamedText } from "../pipelines/arguments.ts";
import type { Pipeline } from "../pipelines/index.ts";
import { type EmbeddingOptions, stepsOf } from "../pipelines/textEmbeddings.ts";
import { expectPipeline } from "./check.ts";

/** Options of every vector that an adapter gives: those of `pipeline("embeddings")`, and `normalize` is true. */
export type VectorOptions = Omit<EmbeddingOptions, "precision" | "ranges" | "signal">;

/** The names that every adapter and every call takes. */
export const VECTOR_OPTIONS: OptionNames<VectorOptions> = {
  prompt: true,
  prompt_name: true,
  truncate_dim: true,
  normalize: true,
  truncation: true,
};

/** The options, with vectors of length 1 unless they say otherwise. */
export function settingsOf(options: VectorOptions): VectorOptions {
  return { ...options, normalize: options.normalize === undefined || options.normalize };
}

/** What makes an adapter's vectors. */
export interface Vectors {
  /** D */
  readonly size: number;
  /** A vector for each text that a query is compared with. [n] texts → n × [D] */
  ofDocuments(texts: readonly NamedText[]): Promise<number[][]>;
  /** A vector for each query. [n] queries → n × [D] */
  ofQueries(queries: readonly NamedText[]): Promise<number[][]>;
}

/**
 * What makes an adapter's vectors, with its pipeline and its options checked.
 *
 * @param where the adapter, for messages
 * @throws BertError ERR_INPUT another pipeline, an unknown option or a wrong one
 */
export function vectorsOf(where: string, embed: Pipeline<"embeddings">, options: VectorOptions): Vectors {
  expectPipeline(where, "embed", embed, "embeddings");
  expectKnownOptions(where, options, VECTOR_OPTIONS);
  const settings = settingsOf(options);
  const { size } = stepsOf(embed.model)(where, settings, null); // which refuses wrong values
  const plain = (texts: readonly NamedText[]) => texts.map(({ text }) => text);
  return {
    size,
    ofDocuments: async (texts) => (await embed.encodeDocument(plain(texts), settings)).tolist(),
    ofQueries: async (queries) => (await embed.encodeQuery(plain(queries), settings)).tolist(),
  };
}
