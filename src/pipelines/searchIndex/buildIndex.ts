import { loaded } from "../../loaded.ts";
import { expectKnownOptions, expectPath } from "../../options.ts";
import { type CallOptions, expectOptions, wrongArgument } from "../arguments.ts";
import type { Pooling } from "../pooling.ts";
import { type IndexInput, SearchIndex } from "./searchIndex.ts";
import { type Extract, newVectorSource } from "./vectorsOf.ts";

/** Options of `buildIndex`. */
export interface BuildIndexOptions extends CallOptions {
  /**
   * With what `pipeline("feature-extraction")` gives: how the vectors of a text's tokens become one. Default "mean".
   * The model of `pipeline("embeddings")` says it itself.
   */
  readonly pooling?: Exclude<Pooling, "none">;
  /**
   * Cut texts that are too long for the model instead of refusing them. Default: true with what
   * `pipeline("embeddings")` gives, as in sentence-transformers, else false.
   */
  readonly truncation?: boolean;
}

/**
 * Computes the vectors of texts, to search them by meaning.
 *
 * @param extract the pipeline "embeddings" of the model, whose prompts for documents and queries are used, or
 *   "feature-extraction"; the index uses it, so dispose of it afterwards
 * @param texts   texts, or records `{ id, text, metadata }`, of which `text` alone is needed: an array, or a stream of
 *   any length, or none: what `add` adds is found too
 * @throws BertError ERR_INPUT texts that are no strings or too long for the model; an id that stands twice, metadata
 *   that JSON cannot say, an unknown field
 * @example
 * const embed = await pipeline("embeddings");
 * const index = await buildIndex(embed, ["The door is open.", "He read a letter."]);
 * const [best] = await index.search("Is the window shut?", 1);
 * await index.save("letters.safetensors");
 */
export function buildIndex<Metadata = unknown>(
  extract: Extract,
  texts: IndexInput<Metadata>,
  options: BuildIndexOptions = {},
): Promise<SearchIndex<Metadata>> {
  return withModelOf("buildIndex", extract, async () => {
    expectOptions("buildIndex", options, ["pooling", "truncation"]);
    const { pooling, ...rest } = options;
    const index = new SearchIndex<Metadata>(newVectorSource("buildIndex", extract, pooling));
    await index.addAs("buildIndex", texts, rest);
    return index;
  });
}

/**
 * Reads an index that `save` has written. The model must be the one that it was made with, though not its `dtype` or
 * backend. The file says how vectors are made of it, whichever of the two pipelines the model comes with; the pipeline
 * says what is done with texts that are too long. One of plainbert 0.2, which does not say what it was made with, is
 * taken if the model gives some of its texts their vectors.
 *
 * @throws BertError ERR_INPUT no path; ERR_FILE the file is missing or not readable; ERR_CHECKPOINT it is no index, is
 *   damaged, or was made with another model
 */
export function loadIndex<Metadata = unknown>(extract: Extract, path: string): Promise<SearchIndex<Metadata>>;
export function loadIndex<Metadata>(
  extract: Extract,
  path: string,
  options: unknown = {},
): Promise<SearchIndex<Metadata>> {
  return withModelOf("loadIndex", extract, async () => {
    expectPath("loadIndex", "path", path);
    expectKnownOptions("loadIndex", options, {}); // such as pooling, which the file says itself
    const { readIndex } = await loaded(() => import("./readIndex.ts"));
    const { rows, source } = await readIndex(path, extract);
    return new SearchIndex<Metadata>(source, rows);
  });
}

/** A call for which the `dispose` of the pipeline's model waits. */
function withModelOf<Answer>(where: string, extract: Extract, call: () => Promise<Answer>): Promise<Answer> {
  if (extract?.task === "feature-extraction" || extract?.task === "embeddings") return extract.model.answer(call);
  return Promise.reject(wrongArgument(where, "extract", 'what pipeline("embeddings") gives', extract));
}
