import type { Pipeline } from "../pipelines/index.ts";
import { documentVectors, queryVectors, type VectorOptions } from "./vectors.ts";

/** Options of `oramaPlugin`. */
export interface OramaPluginOptions extends VectorOptions {
  /** The property of a document whose text is embedded. */
  readonly text: string;
  /** The property that its vector is put into: in the schema `vector[384]`, with as many numbers as the model gives. */
  readonly vector: string;
}

/** The hooks of `OramaPluginSync` of @orama/orama 3 that embed. */
export interface OramaPlugin {
  readonly name: string;
  // biome-ignore-start lint/suspicious/noExplicitAny: documents and searches of any schema
  /** Gives a document its vector, unless it has one. */
  beforeInsert(orama: unknown, id: string, document: any): Promise<void>;
  /** Does the same for documents that are inserted together. */
  beforeInsertMultiple(orama: unknown, documents: any[]): Promise<void>;
  /** Gives a search by vectors, or by vectors and words, the vector of its `term`, unless it has one. */
  beforeSearch(orama: unknown, search: any): Promise<void>;
  // biome-ignore-end lint/suspicious/noExplicitAny: to here
}

/**
 * A plugin for Orama that embeds documents and the terms of searches.
 *
 * @throws BertError ERR_INPUT of its hooks, as of the pipeline's
 * @example
 * const plugin = oramaPlugin(await pipeline("embeddings"), { text: "text", vector: "embedding" });
 * const note: { text: string; embedding?: number[] } = { text: "The door is open." };
 * await plugin.beforeInsert(null, "1", note); // as `insert` of a database with the plugin does
 * note.embedding?.length; // 384
 */
export function oramaPlugin(
  embed: Pipeline<"embeddings">,
  { text, vector, ...options }: OramaPluginOptions,
): OramaPlugin {
  // Orama awaits a hook if it is an `async` function by its constructor's name, and `insertMultiple` awaits its inserts
  // only if `beforeInsertMultiple` is one, which version 3.1 does not call.
  async function beforeInsertMultiple(_: unknown, documents: Record<string, unknown>[]): Promise<void> {
    const without = documents.filter((document) => document[vector] === undefined);
    if (without.length === 0) return;
    const texts = without.map((document) => document[text] as string); // the pipeline refuses what is none
    const vectors = await documentVectors(embed, texts, options);
    for (const [i, document] of without.entries()) document[vector] = vectors[i];
  }
  return {
    name: "plainbert",
    beforeInsertMultiple,
    async beforeInsert(orama, _, document) {
      await beforeInsertMultiple(orama, [document]);
    },
    async beforeSearch(_, search) {
      const isByVectors = search.mode === "vector" || search.mode === "hybrid";
      if (!isByVectors || search.vector !== undefined) return;
      const [value] = await queryVectors(embed, [search.term], options);
      search.vector = { property: vector, value };
    },
  };
}
