import { stat } from "node:fs/promises";
import { orFileError } from "../disk/files.ts";
import { quote } from "../errors.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { loadIndex, type SearchResult } from "../pipelines/index.ts";
import { isOfModules } from "../pipelines/searchIndex/vectorsOf.ts";
import { inGroups } from "./answerLines.ts";
import { type Answerer, answerSource, flatFormats, OUTPUT_OPTIONS } from "./answerTexts.ts";
import { type Command, defineCommand } from "./command.ts";
import { EMBEDDING_OPTIONS, embeddingLimits, tellCounts } from "./embeddingOptions.ts";
import type { Flat } from "./format.ts";
import { INPUT_OPTIONS, isBlank, sourceOf, TEXTS } from "./input.ts";
import { orMaybeText } from "./maybeText.ts";
import { modelMark } from "./modelMark.ts";
import { EMBEDDING_MODEL_OPTIONS, openPipeline, orEmbeddingModel } from "./modelOptions.ts";
import { count, flag, NUMBER, type Option, pipelineValues, UsageError } from "./option.ts";
import { columns, shown } from "./output.ts";

const INDEX_FIRST = "if it is a query: the index stands before it, as in plainbert search INDEX QUERY";

const TRUNCATION = {
  truncation: flag(
    "Cut queries that are too long for the model, as is done anyway unless the index has another --pooling than the model's own.",
  ),
  "no-truncation": EMBEDDING_OPTIONS["no-truncation"],
};

/** A number from 0 to 1. */
const ALPHA: Option<number> = {
  placeholder: "X",
  description: "With --hybrid: how much vectors count, from 0, words alone, to 1, vectors alone. Default 0.65.",
  parse(given) {
    const value = given.at(-1)!;
    if (NUMBER.test(value) && Number(value) >= 0 && Number(value) <= 1) return Number(value);
    throw new UsageError(`--alpha must be a number from 0 to 1, got ${quote(value)}`);
  },
};

const SCORES = {
  hybrid: flag(
    "Search by the words of the query too, by BM25. Scores are then from 0 to 1 and rank the texts of one search: the best may have 0.65 and yet be far from the query. --json has cosine and bm25 too.",
  ),
  alpha: ALPHA,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… INDEX QUERY…", "[OPTION]… INDEX [--input FILE]"],
  description: `Finds the texts of an index that are most like a query, by the cosine of their vectors, −1 to 1, or by vectors and words together. INDEX is a file that plainbert index has written; the model must be the one that it was made with, and another is refused.

Without QUERY, each line of the input is one, and gives a line of JSON: the texts with their ids, scores and metadata, the best first, and their index, which counts the lines that are not blank, from 0. A blank line gives null.

A query of which the model knows no word, as one in another script, finds nothing but, with --hybrid, texts that have its words.`,
  options: {
    "top-k": count("How many texts. Default 5."),
    ...SCORES,
    ...TRUNCATION,
    ...INPUT_OPTIONS,
    ...OUTPUT_OPTIONS,
    ...EMBEDDING_MODEL_OPTIONS,
  },
  libraryNames: {
    "index.save": "plainbert index",
    "make it anew, or load that model": "name that model by --model, or make the index anew",
    "make it anew: await buildIndex(extract, texts)": "name another by --model, or make it anew with plainbert index",
  },
  positional: "file",
  examples: [
    'plainbert search texts.safetensors "Is the window shut?"',
    'plainbert search texts.safetensors --json --top-k 1 "Is the window shut?"',
    'plainbert search texts.safetensors --hybrid "Donwell Abbey"',
    "plainbert search texts.safetensors --input queries.txt --output found.csv",
  ],
  async run({ values, positionals: [path, ...queries] }) {
    if (path === undefined)
      throw new UsageError("expected an index, a file that plainbert index has written, and a query");
    if (queries.some(isBlank)) throw new UsageError("expected a query, got a blank one");
    const { "top-k": topK = 5 } = values;
    if (values.alpha !== undefined && !values.hybrid) throw new UsageError("--alpha goes with --hybrid");
    const options = pipelineValues(TRUNCATION, values);
    const scores = pipelineValues(SCORES, values);
    const load = async (): Promise<Answerer<string, SearchResult[]>> => {
      // Whether it is still the same index
      const { size, mtimeMs } = await orMaybeText(path, INDEX_FIRST, orFileError("search", path, stat(path)));
      const extract = await openPipeline("feature-extraction", orEmbeddingModel(values));
      const index = await loadIndex(extract, path).catch((error) =>
        extract.dispose().then(() => Promise.reject(error)),
      );
      const { model } = extract;
      const { truncation = isOfModules(model, index.pooling) } = options; // as the lines of the index were cut
      const limits = index.pooling === "modules" ? embeddingLimits(model, "query") : { limit: tokenLimit(model) };
      let count = 0;
      const search = async (queries: readonly string[]) => {
        const found = await index.search(queries, topK, { truncation, ...scores });
        count += queries.length;
        return found;
      };
      return {
        answer: (inputs) => inGroups(inputs, search),
        table: resultTable,
        heading: shown,
        json: (results) => results,
        format: flatFormats((results) => results, flat(values.hybrid)),
        work: () => ["search", path, size, mtimeMs, topK, truncation, scores, modelMark(model)],
        tell() {
          const { truncatedQueries: truncated, unknownQueries: unknown } = index;
          tellCounts({ count, truncated, unknown }, ["query", "queries"], limits);
        },
        dispose: extract.dispose,
      };
    };
    await answerSource(sourceOf(TEXTS, queries, values), values, load, { others: [path] });
  },
});

/** With what `--hybrid` adds behind the other columns. */
function flat(isHybrid: boolean): Flat<SearchResult[]> {
  return {
    columns: ["index", "score", "text", "id", "metadata", ...(isHybrid ? ["cosine", "bm25"] : [])],
    rows: (results) =>
      results.map(({ index, score, text, id, metadata, cosine, bm25 }) => {
        const json = metadata === undefined ? "" : JSON.stringify(metadata);
        return [index, score, text, id, json, ...(isHybrid ? [cosine as number, bm25 as number] : [])];
      }),
  };
}

function resultTable(results: readonly SearchResult[]): string {
  if (results.length === 0) return "  nothing found\n";
  return columns(
    results.map(({ text, score }) => [`  ${score.toFixed(4)}`, shown(text)]),
    [true, false],
  );
}
