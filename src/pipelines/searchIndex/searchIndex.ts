import { loaded } from "../../loaded.ts";
import { expectPath } from "../../options.ts";
import { type CallOptions, expectCount, expectOptions, expectText, flagOf, wrongArgument } from "../arguments.ts";
import { expectEach } from "../faults.ts";
import { type Answers, type InputStream, isStream } from "../stream.ts";
import type { HybridFound } from "./hybrid.ts";
import { Rows, textAt } from "./indexRows.ts";
import { type Found, nearest } from "./nearest.ts";
import { expectId, expectRecord, type IndexedText, type TextRecord } from "./records.ts";
import { liveRows, type Segment, SegmentBuilder } from "./segment.ts";
import { type IndexPooling, type VectorSource, vectorsOf } from "./vectorsOf.ts";

/** What an index is made of: texts, or records with ids and metadata; an array, or a stream of any length. */
export type IndexInput<Metadata = unknown> =
  | readonly (string | TextRecord<Metadata>)[]
  | InputStream<string | TextRecord<Metadata>>;

/** Options of `add`. */
export interface AddOptions extends CallOptions {
  /**
   * Cut texts that are too long for the model instead of refusing them. Default: true with what
   * `pipeline("embeddings")` gives, as in sentence-transformers, and where `pooling` is "modules"; else false.
   */
  readonly truncation?: boolean;
}

/** Options of `search`. */
export interface SearchOptions<Metadata = unknown> extends CallOptions {
  /** As in `add`, of queries. */
  readonly truncation?: boolean;
  /**
   * Which texts may be found: those for which it returns true. It is asked about a text that is among the best so far,
   * and about no other.
   */
  readonly filter?: (text: IndexedText<Metadata>) => boolean;
  /**
   * Search by the words of the query too: by BM25 of the texts, whose words are read at the first such search. Default
   * false. A filter changes no score.
   */
  readonly hybrid?: boolean;
  /**
   * With `hybrid`: how much vectors count, from 0, words alone, to 1, vectors alone. Default 0.65. With 0, what has no
   * word of the query is not found.
   */
  readonly alpha?: number;
}

/** A text that was found. */
export interface SearchResult<Metadata = unknown> extends IndexedText<Metadata> {
  /**
   * Cosine of the text's vector and the query's, −1 to 1. With `hybrid` from 0 to 1, a weighted sum of cosine and BM25,
   * each brought to the range 0 to 1 by those of all texts of the index: docs/semantic-search.md has the formula. So it
   * ranks the texts of one search, and is no measure of how good a hit is: `cosine` is.
   */
  readonly score: number;
  /** With `hybrid`: the cosine. */
  readonly cosine?: number;
  /**
   * With `hybrid`: BM25 as Lucene has it, k1 = 1.2 and b = 0.75 (Robertson & Zaragoza 2009); 0: no word of the query is
   * in the text.
   */
  readonly bm25?: number;
}

/**
 * Texts with their vectors, to be searched by meaning: `buildIndex` makes one, `loadIndex` reads one that was saved.
 * Every text is compared with the query, so the best are found, always.
 *
 * A text of H numbers takes 4 H + 24 bytes, and those of the text and its metadata in UTF-8; an id of its own about
 * 140 more. Five million texts of 256 numbers, 100 bytes each, take 5.7 GB, none of it on JavaScript's heap; ids take
 * 0.7 GB there. From the first search with `hybrid` on, the words take about as much as the texts do.
 *
 * @typeParam Metadata what is kept beside the texts
 */
export class SearchIndex<Metadata = unknown> {
  /** How the vectors of a text's tokens become one; "modules": as the model's modules.json says. */
  readonly pooling: IndexPooling;
  /** How many of the texts that were added here were longer than the model takes, and were cut. */
  truncated = 0;
  /** How many of the queries so far were. */
  truncatedQueries = 0;
  /**
   * How many of the texts that were added here are mostly unknown to the model: more than half of their pieces,
   * punctuation left out, are [UNK]. Those of which it knows nothing are found by their words alone, with `hybrid`.
   */
  unknown = 0;
  /** How many of the queries so far are. */
  unknownQueries = 0;
  private readonly source: VectorSource;
  private readonly rows: Rows;

  /** @internal call `buildIndex` or `loadIndex` */
  constructor(source: VectorSource, rows: Rows = new Rows(source.size)) {
    this.source = source;
    this.pooling = source.pooling;
    this.rows = rows;
  }

  /** How many texts there are. */
  get size(): number {
    return this.rows.size;
  }

  /** Whether there is a text with this id. */
  has(id: string): boolean {
    return this.rows.find(id) !== null;
  }

  /** The text with this id; undefined if there is none. */
  get(id: string): IndexedText<Metadata> | undefined {
    const found = this.rows.find(id);
    return found ? textAt(...found) : undefined;
  }

  /** The texts that are there now, in the order in which they were added. */
  *[Symbol.iterator](): Generator<IndexedText<Metadata>, void, undefined> {
    for (const [segment, row] of liveRows(this.rows.segments)) yield textAt(segment, row);
  }

  /**
   * Adds texts: all of them, or none where there is an error. `search` finds them when this is done.
   *
   * @throws BertError ERR_INPUT texts that are no strings or too long for the model, an id that is there already,
   *   metadata that JSON cannot say, an unknown field; what the stream throws
   * @example
   * await index.add([{ id: "door", text: "The door is open.", metadata: { page: 3 } }]);
   */
  add(texts: IndexInput<Metadata>, options: AddOptions = {}): Promise<void> {
    return this.source.model.answer(() => this.addAs("add", texts, options));
  }

  /** Checks all texts of an array, before any is computed. */
  private async expectAll(where: string, texts: readonly unknown[], options: AddOptions): Promise<void> {
    const named = expectEach(texts, (text, n) => {
      const name = `texts[${n}]`;
      return { name, text: expectRecord(where, name, text).text };
    });
    await this.source.expectToFit(where, named, "document", options);
  }

  /** @internal `add`, for `buildIndex` too */
  async addAs(where: string, texts: IndexInput<Metadata>, options: AddOptions): Promise<void> {
    expectOptions(where, options, ["truncation"]);
    if (!Array.isArray(texts) && !isStream(texts)) throw wrongArgument(where, "texts", "an array or a stream", texts);
    if (options.truncation !== undefined) flagOf(where, "truncation", options.truncation);
    const builder = new SegmentBuilder();
    if (Array.isArray(texts)) await this.expectAll(where, texts, options);
    const open: ReturnType<typeof expectRecord>[] = []; // whose vectors have not come yet
    const ids = new Set<string>();
    const expectNewId = (id: string, n: number) => {
      if (!ids.has(id) && !this.has(id)) return ids.add(id);
      throw wrongArgument(where, `texts[${n}].id`, "an id of its own, as each is there once", id);
    };
    async function* read() {
      let n = 0;
      for await (const text of texts) {
        const record = expectRecord(where, `texts[${n}]`, text);
        if (record.id !== null) expectNewId(record.id, n);
        n++;
        open.push(record);
        yield record.text;
      }
    }
    let first = 0; // of a queue whose beginning is cut off now and then
    let [cut, notKnown] = [0, 0];
    for await (const { data, truncated, unknown } of this.source.vectors(read(), "document", options)) {
      cut += truncated;
      notKnown += unknown;
      builder.add({ ...open[first++], vector: data });
      if (first < 1024) continue;
      open.splice(0, first);
      first = 0;
    }
    this.rows.append(where, builder.finish());
    this.truncated += cut;
    this.unknown += notKnown;
  }

  /**
   * Removes texts; their ids may then be used again. The `index` of others stays.
   *
   * @param ids one id, or several
   * @throws BertError ERR_INPUT there is no text with one of them: then none is removed
   */
  remove(ids: string | readonly string[]): void {
    const list = typeof ids === "string" ? [expectId("remove", "id", ids)] : ids;
    if (!Array.isArray(list)) throw wrongArgument("remove", "ids", "an id or an array of them", ids);
    for (const [i, id] of list.entries()) expectId("remove", `ids[${i}]`, id);
    this.rows.remove("remove", list);
  }

  /**
   * The k texts that are most like the query, best first; of equal ones the first comes first. An array of queries
   * gives an array of results, each the same, to the bit, as the query alone gives, in less time: their scores are one
   * matrix product. What is added or removed meanwhile does not count.
   *
   * A blank text, and one of whose words the model knows none, means nothing to it: as a query it finds nothing, and as
   * a text of the index it is not found. With `hybrid` its words count alone, and a text without a word of the query is
   * not found.
   *
   * @throws BertError ERR_INPUT queries that are no strings or too long for the model; k is no whole number from
   *   1; alpha is no number from 0 to 1, or stands without `hybrid`; a filter that returns neither true nor false. What
   *   the filter throws
   * @example
   * await index.search("Is the window shut?", 3, { filter: ({ metadata }) => metadata?.page === 3 });
   * await index.search("error E1027", 3, { hybrid: true });
   */
  search<Input extends string | readonly string[]>(
    query: Input,
    k?: number,
    options?: SearchOptions<Metadata>,
  ): Answers<Input, string, SearchResult<Metadata>[]>;
  search(
    input: string | readonly string[],
    k = 5,
    options: SearchOptions<Metadata> = {},
  ): Promise<SearchResult<Metadata>[] | SearchResult<Metadata>[][]> {
    return this.source.model.answer(() => this.found(input, k, options));
  }

  private async found(
    input: string | readonly string[],
    k: number,
    options: SearchOptions<Metadata>,
  ): Promise<SearchResult<Metadata>[] | SearchResult<Metadata>[][]> {
    const where = "search";
    expectCount(where, "k", k);
    expectOptions(where, options, ["truncation", "filter", "hybrid", "alpha"]);
    const { filter, signal } = options;
    const alpha = alphaOf(where, options);
    if (filter !== undefined && typeof filter !== "function")
      throw wrongArgument(where, "filter", "a function", filter);
    const isList = Array.isArray(input);
    const queries = isList
      ? expectEach(input, (query, i) => expectText(where, `texts[${i}]`, query))
      : [expectText(where, "query", input)];
    if (options.truncation !== undefined) flagOf(where, "truncation", options.truncation);
    const { segments } = this.rows; // as they are now
    await this.source.expectToFit(where, queries, "query", options);
    const texts = queries.map(({ text }) => text);
    const { data: vectors, truncated, unknown } = await vectorsOf(this.source, texts, "query", options);
    this.truncatedQueries += truncated;
    this.unknownQueries += unknown;
    const { kernels } = this.source.model;
    const { H } = this.rows;
    const accepts = (segment: Segment, row: number) => filter === undefined || accepted(filter(textAt(segment, row)));
    const wanted = { k, signal, accepts };
    const search = async () => {
      if (alpha === null) return nearest(segments, vectors, H, kernels, wanted);
      const { hybridNearest } = await loaded(() => import("./hybrid.ts"));
      return hybridNearest(segments, { texts, vectors, alpha }, H, kernels, wanted);
    };
    const results = (await search()).map((rows) => rows.map((found) => resultOf<Metadata>(found)));
    return isList ? results : results[0];
  }

  /**
   * Writes the index to a safetensors file, completely or not at all; what is added or removed meanwhile is not in it.
   *
   * @throws BertError ERR_INPUT no path; ERR_FILE it cannot be written
   */
  async save(path: string): Promise<void> {
    expectPath("save", "path", path);
    // As they are now; the model may be disposed of meanwhile.
    const { segments, next, H } = this.rows;
    const { pooling, fingerprint: model, name } = this.source;
    const header = { pooling, model, name };
    const { saveIndex } = await loaded(() => import("./indexFile.ts"));
    await saveIndex(path, { segments, next, H }, header);
  }
}

/** Where recall@10 of four tasks is at least that of vectors and of words: docs/semantic-search.md has them. */
const ALPHA = 0.65;

/** The weight of vectors in a search by words too; null: it is by vectors alone. */
function alphaOf(where: string, { hybrid, alpha }: Pick<SearchOptions, "hybrid" | "alpha">): number | null {
  if (!flagOf(where, "hybrid", hybrid)) {
    if (alpha !== undefined) throw wrongArgument(where, "alpha", "left out without hybrid: true", alpha);
    return null;
  }
  if (alpha === undefined) return ALPHA;
  if (typeof alpha === "number" && alpha >= 0 && alpha <= 1) return alpha;
  throw wrongArgument(where, "alpha", "a number from 0 to 1", alpha);
}

function resultOf<Metadata>(found: Found | HybridFound): SearchResult<Metadata> {
  const { segment, row, score } = found;
  const both = "bm25" in found && { cosine: withoutRounding(found.cosine), bm25: found.bm25 };
  return { ...textAt<Metadata>(segment, row), score: withoutRounding(score), ...both };
}

/** A cosine that was made as a dot product. */
function withoutRounding(product: number): number {
  return Math.min(1, Math.max(-1, product));
}

/** @throws BertError ERR_INPUT the filter has returned neither true nor false: a promise would always count as true */
function accepted(answer: unknown): boolean {
  if (typeof answer === "boolean") return answer;
  throw wrongArgument("search", "filter", "a function that returns true or false", answer);
}
