import { quote } from "../errors.ts";
import { expectObject } from "../options.ts";
import { expectText, type NamedText, wrongArgument } from "../pipelines/arguments.ts";
import { expectEach } from "../pipelines/faults.ts";
import type { Pipeline } from "../pipelines/index.ts";
import { expectPipeline } from "./check.ts";
import { type VectorOptions, vectorsOf } from "./vectors.ts";

/** Options of `oramaPlugin`. */
export interface OramaPluginOptions extends VectorOptions {
  /** The property of a document whose text is embedded: "string" in the schema. */
  readonly text: string;
  /** The property that its vector is put into: in the schema `vector[384]`, with as many numbers as the model gives. */
  readonly vector: string;
}

/** The hooks of `OramaPluginSync` of @orama/orama 3 that embed. */
export interface OramaPlugin {
  readonly name: string;
  // biome-ignore-start lint/suspicious/noExplicitAny: databases, documents and searches of any schema
  /** Refuses a schema that has not both properties, the vector's with as many numbers as the model gives. */
  afterCreate(orama: any): void;
  /** Gives a document the vector of its text, unless the caller gave it one. Without a text it has none. */
  beforeInsert(orama: unknown, id: string, document: any): Promise<void>;
  /**
   * Does the same for documents that are inserted together. Orama 3.1 calls `beforeInsert` for each of them instead,
   * and waits for `insertMultiple` only if this is here.
   */
  beforeInsertMultiple(orama: unknown, documents: any[]): Promise<void>;
  /** Gives a search by vectors, or by vectors and words, the vector of its `term`, unless the caller gave it one. */
  beforeSearch(orama: unknown, search: any): Promise<void>;
  // biome-ignore-end lint/suspicious/noExplicitAny: to here
}

const WHERE = "oramaPlugin";

/**
 * A plugin for Orama that embeds documents and the terms of searches. A vector of its own is made anew as soon as it
 * stands beside another text: in a changed copy of a document, or in parameters of a search that are used again.
 *
 * @throws BertError ERR_INPUT another pipeline or wrong options; and of its hooks, a schema, document or search without
 *   what they need, and as of the pipeline's calls
 * @example
 * const plugin = oramaPlugin(await pipeline("embeddings"), { text: "text", vector: "embedding" });
 * const note: { text: string; embedding?: number[] } = { text: "The door is open." };
 * await plugin.beforeInsert(null, "1", note); // as `insert` of a database with the plugin does
 * note.embedding?.length; // 384
 */
export function oramaPlugin(embed: Pipeline<"embeddings">, options: OramaPluginOptions): OramaPlugin {
  expectPipeline(WHERE, "embed", embed, "embeddings");
  expectObject(WHERE, options);
  const { text, vector, ...others } = options;
  for (const [name, property] of Object.entries({ text, vector })) {
    if (typeof property !== "string" || property === "")
      throw wrongArgument(WHERE, name, "the name of a property of the documents", property);
  }
  if (text === vector) throw wrongArgument(WHERE, "vector", "another property than text", vector);
  const vectors = vectorsOf(WHERE, embed, others);

  // Which text a vector was made of. Copies of a document or a search share its vector.
  const documentTexts = new WeakMap<object, string>();
  const queryTexts = new WeakMap<object, string>();

  async function embedDocuments(documents: readonly Named[]): Promise<void> {
    const waiting: (NamedText & Named)[] = [];
    const checked = expectEach(documents, ({ name, document }) => {
      const own = document[text];
      return own === undefined || own === null ? null : expectText(WHERE, `${quote(text)} of ${name}`, own);
    });
    for (const [i, given] of checked.entries()) {
      const { document } = documents[i];
      if (!isToMake(documentTexts, document[vector], given?.text)) continue;
      delete document[vector];
      if (given !== null) waiting.push({ ...documents[i], ...given });
    }
    if (waiting.length === 0) return;
    for (const [i, value] of (await vectors.ofDocuments(waiting)).entries()) {
      documentTexts.set(value, waiting[i].text);
      waiting[i].document[vector] = value;
    }
  }

  // Orama awaits a hook if it is an `async` function by its constructor's name, and `insertMultiple` awaits its inserts
  // only if `beforeInsertMultiple` is one, which version 3.1 does not call.
  return {
    name: "plainbert",
    afterCreate({ schema }) {
      const expected = { [text]: "string", [vector]: `vector[${vectors.size}]` };
      for (const [property, type] of Object.entries(expected)) {
        if (schema[property] !== type)
          throw wrongArgument("create", `schema.${property}`, quote(type), schema[property]);
      }
    },
    async beforeInsert(_, id, document) {
      await embedDocuments([{ name: `document ${quote(id)}`, document }]);
    },
    async beforeInsertMultiple(_, documents) {
      await embedDocuments(documents.map((document, i) => ({ name: `documents[${i}]`, document })));
    },
    async beforeSearch(_, search) {
      const isByVectors = search.mode === "vector" || search.mode === "hybrid";
      if (!isByVectors || !isToMake(queryTexts, search.vector, search.term)) return;
      const query = expectText("search", "term, or else vector,", search.term);
      const [value] = await vectors.ofQueries([query]);
      search.vector = { property: vector, value };
      queryTexts.set(search.vector, query.text);
    },
  };
}

/** A document, and what messages call it. */
interface Named {
  readonly name: string;
  readonly document: Record<string, unknown>;
}

/** Whether there is no vector yet, or one that was made here of another text. */
function isToMake(texts: WeakMap<object, string>, vector: unknown, text: unknown): boolean {
  if (typeof vector !== "object" || vector === null) return vector === undefined || vector === null;
  return texts.has(vector) && texts.get(vector) !== text;
}
