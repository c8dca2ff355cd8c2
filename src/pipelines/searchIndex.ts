import { BertError } from "../errors.ts";
import { loaded } from "../loaded.ts";
import { readSafetensors, type Safetensors } from "../safetensors/safetensorsReader.ts";
import { type CallOptions, expectCount, expectOptions, expectText, expectTexts, wrongArgument } from "./arguments.ts";
import type { FeatureExtraction } from "./featureExtraction.ts";
import type { Pipeline } from "./pipeline.ts";
import { type Pooling, TEXT_POOLINGS } from "./pooling.ts";
import { topK } from "./scores.ts";
import type { Answers, InputStream } from "./stream.ts";

/** Options of `buildIndex`. */
export interface BuildIndexOptions extends CallOptions {
  /** How the vectors of a text's tokens become one. Default "mean". */
  readonly pooling?: Exclude<Pooling, "none">;
  /** Cut texts that are too long for the model instead of refusing them. Default false. */
  readonly truncation?: boolean;
}

/** A text that was found. */
export interface SearchResult {
  readonly text: string;
  /** The text's place in `texts`. */
  readonly index: number;
  /** Cosine of the text's vector and the query's, −1 to 1. */
  readonly score: number;
}

type Extract = Pipeline<"feature-extraction"> | FeatureExtraction;

/** Names in the file. */
const [EMBEDDINGS, TEXTS, ENDS] = ["embeddings", "texts", "text_ends"];
const FORMAT = "plainbert search index";

/**
 * Texts with their vectors, to be searched by meaning: `buildIndex` makes one, `loadIndex` reads one that was saved.
 * Every text is compared with the query; 100,000 texts of 768 numbers are 77 million products.
 */
export class SearchIndex {
  readonly texts: readonly string[];
  /** [N, H], each row of length 1. */
  private readonly vectors: Float32Array;
  private readonly extract: Extract;
  private readonly pooling: Exclude<Pooling, "none">;

  /** Call `buildIndex` or `loadIndex`. */
  constructor(
    extract: Extract,
    texts: readonly string[],
    vectors: Float32Array,
    pooling: Exclude<Pooling, "none"> = "mean",
  ) {
    this.extract = extract;
    this.texts = texts;
    this.vectors = vectors;
    this.pooling = pooling;
  }

  /**
   * The k texts that are most like the query, best first; of equal ones the first comes first. An array of queries
   * gives an array of results, each the same, to the bit, as the query alone gives.
   *
   * @throws BertError ERR_INPUT a query that is empty, no string or too long for the model; k is no whole number from 1
   */
  search<Input extends string | readonly string[]>(
    query: Input,
    k?: number,
    options?: CallOptions,
  ): Answers<Input, string, SearchResult[]>;
  async search(input: string | readonly string[], k = 5, options: CallOptions = {}): Promise<unknown> {
    expectCount("search", "k", k);
    expectOptions("search", options, []);
    const isList = Array.isArray(input);
    const queries = isList ? expectTexts("search", input) : [expectText("search", "query", input)];
    const { data, dims } = await this.extract(
      queries.map(({ text }) => text),
      { ...options, pooling: this.pooling, normalize: true },
    );
    const H = dims[1];
    const results = queries.map((_, q) => this.nearest(data.subarray(q * H, (q + 1) * H), k));
    return isList ? results : results[0];
  }

  /** @param query [H], of length 1 */
  private nearest(query: Float32Array, k: number): SearchResult[] {
    const H = query.length;
    const scores = new Float64Array(this.texts.length);
    for (let n = 0, at = 0; n < scores.length; n++) {
      let cosine = 0;
      for (let h = 0; h < H; h++, at++) cosine += this.vectors[at] * query[h];
      scores[n] = cosine;
    }
    return topK(scores, k).map((index) => ({ text: this.texts[index], index, score: scores[index] }));
  }

  /**
   * Writes the index to a safetensors file, completely or not at all: the vectors as `embeddings` [N, H], the texts as
   * UTF-8 end to end in `texts`, and in `text_ends` [N] where each ends.
   *
   * @throws BertError ERR_FILE the path cannot be written
   */
  async save(path: string): Promise<void> {
    // Only here: a browser has no node: modules.
    const { saveSafetensors } = await loaded(() => import("../load/weightFiles.ts"));
    const encoded = this.texts.map((text) => new TextEncoder().encode(text));
    const ends = new BigInt64Array(encoded.length);
    let end = 0;
    for (const [n, { length }] of encoded.entries()) {
      end += length;
      ends[n] = BigInt(end);
    }
    const bytes = new Uint8Array(end);
    for (const [n, text] of encoded.entries()) bytes.set(text, Number(ends[n]) - text.length);
    const N = encoded.length;
    await saveSafetensors(
      path,
      [
        [EMBEDDINGS, { shape: [N, this.vectors.length / N], data: this.vectors }],
        [TEXTS, { shape: [end], data: bytes }],
        [ENDS, { shape: [N], data: ends }],
      ],
      [
        ["format", FORMAT],
        ["pooling", this.pooling],
      ],
    );
  }
}

/**
 * Computes the vectors of texts, to search them by meaning. A model that was trained for sentence embeddings finds
 * best.
 *
 * @param extract the pipeline "feature-extraction" of the model; the index uses it, so dispose of it afterwards
 * @param texts   an array, or a stream of any length
 * @throws BertError ERR_INPUT no text, or one that is empty, no string or too long for the model
 * @example
 * const extract = await pipeline("feature-extraction");
 * const index = await buildIndex(extract, ["The door is open.", "He read a letter."]);
 * const [best] = await index.search("Is the window shut?", 1);
 * await index.save("letters.safetensors");
 */
export async function buildIndex(
  extract: Extract,
  texts: readonly string[] | InputStream<string>,
  options: BuildIndexOptions = {},
): Promise<SearchIndex> {
  expectOptions("buildIndex", options, ["pooling", "truncation"]);
  const { pooling = "mean" } = options;
  if (!TEXT_POOLINGS.includes(pooling)) {
    throw wrongArgument("buildIndex", "pooling", `one of ${TEXT_POOLINGS.join(", ")}`, pooling);
  }
  const kept: string[] = [];
  const vectors: Float32Array[] = [];
  async function* read() {
    for await (const text of texts) {
      kept.push(text);
      yield text;
    }
  }
  for await (const { data } of extract(read(), { ...options, pooling, normalize: true })) vectors.push(data);
  if (kept.length === 0) throw wrongArgument("buildIndex", "texts", "at least one text", texts);
  const H = vectors[0].length;
  const all = new Float32Array(vectors.length * H);
  for (const [n, vector] of vectors.entries()) all.set(vector, n * H);
  return new SearchIndex(extract, kept, all, pooling);
}

/**
 * Reads an index that `save` has written; the model must be the one that it was made with.
 *
 * @throws BertError ERR_FILE the file is missing or not readable; ERR_CHECKPOINT it is no index, or one of vectors of
 *   another size
 */
export async function loadIndex(extract: Pipeline<"feature-extraction">, path: string): Promise<SearchIndex> {
  const { openFile } = await loaded(() => import("../disk/files.ts"));
  const source = await openFile(path);
  try {
    const bytes = new Uint8Array(source.size);
    await source.read(bytes, 0);
    const file = readSafetensors(bytes);
    const { pooling, vectors, texts } = contentsOf(path, file, extract.model.config.hiddenSize);
    return new SearchIndex(extract, texts, vectors, pooling);
  } finally {
    await source.close();
  }
}

function contentsOf(path: string, file: Safetensors, hiddenSize: number) {
  const refuse = (what: string): never => {
    throw new BertError("ERR_CHECKPOINT", `loadIndex: ${path} ${what}`);
  };
  const pooling = file.metadata.get("pooling") as Exclude<Pooling, "none">;
  const [embeddings, utf8, textEnds] = [EMBEDDINGS, TEXTS, ENDS].map((name) => file.tensors.get(name));
  if (file.metadata.get("format") !== FORMAT || !embeddings || utf8?.dtype !== "U8" || textEnds?.dtype !== "I64") {
    return refuse("must be a file that SearchIndex.save has written");
  }
  if (!TEXT_POOLINGS.includes(pooling)) return refuse(`must name its pooling, one of ${TEXT_POOLINGS.join(", ")}`);
  const [N, H] = embeddings.shape;
  if (H !== hiddenSize) return refuse(`must have vectors of the model's hidden size, ${hiddenSize}, has [${N},${H}]`);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const bytes = file.bytes(TEXTS);
  const ends = Array.from(file.toTypedArray(ENDS), Number);
  if (ends.length !== N || ends.at(-1) !== bytes.length) return refuse("must have as many texts as vectors");
  const texts = ends.map((end, n) => {
    const start = n === 0 ? 0 : ends[n - 1];
    if (start > end) return refuse(`must have texts in order, text ${n} ends before it begins`);
    try {
      return decoder.decode(bytes.subarray(start, end));
    } catch {
      return refuse(`must have texts in UTF-8, text ${n} is not`);
    }
  });
  return { pooling, vectors: file.toFloat32(EMBEDDINGS), texts };
}
