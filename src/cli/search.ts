import { stat } from "node:fs/promises";
import { orFileError } from "../disk/files.ts";
import { tokenLimit } from "../pipelines/answerAll.ts";
import { loadIndex, type SearchResult } from "../pipelines/index.ts";
import { isOfModules } from "../pipelines/searchIndex/vectorsOf.ts";
import { inGroups } from "./answerLines.ts";
import { type Answerer, answerSource, flatFormats, OUTPUT_OPTIONS } from "./answerTexts.ts";
import { type Command, defineCommand } from "./command.ts";
import { EMBEDDING_OPTIONS, embeddingLimits, tellTruncated } from "./embeddingOptions.ts";
import type { Flat } from "./format.ts";
import { INPUT_OPTIONS, sourceOf, TEXTS } from "./input.ts";
import { orMaybeText } from "./maybeText.ts";
import { modelMark } from "./modelMark.ts";
import { EMBEDDING_MODEL_OPTIONS, openPipeline, orEmbeddingModel } from "./modelOptions.ts";
import { count, flag, pipelineValues, UsageError } from "./option.ts";
import { columns, shown } from "./output.ts";

const INDEX_FIRST = "if it is a query: the index stands before it, as in plainbert search INDEX QUERY";

const TRUNCATION = {
  truncation: flag(
    "Cut queries that are too long for the model, as is done anyway unless the index has another --pooling than the model's own.",
  ),
  "no-truncation": EMBEDDING_OPTIONS["no-truncation"],
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… INDEX QUERY…", "[OPTION]… INDEX [--input FILE]"],
  description: `Finds the texts of an index that are most like a query, by the cosine of their vectors, −1 to 1. INDEX is a file that plainbert index has written; the model must be the one that it was made with, and another is refused.

Without QUERY, each line of the input is one, and gives a line of JSON: the texts with their ids, places, from 0, scores and metadata, the best first. A blank line gives null.`,
  options: {
    "top-k": count("How many texts. Default 5."),
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
    "plainbert search texts.safetensors --input queries.txt --output found.csv",
  ],
  async run({ values, positionals: [path, ...queries] }) {
    if (path === undefined) throw new UsageError("expected an index, a file that plainbert index has written");
    const { "top-k": topK = 5 } = values;
    const options = pipelineValues(TRUNCATION, values);
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
        const found = await index.search(queries, topK, { truncation });
        count += queries.length;
        return found;
      };
      return {
        answer: (inputs) => inGroups(inputs, search),
        table: resultTable,
        heading: shown,
        json: (results) => results,
        format: flatFormats((results) => results, FLAT),
        work: () => ["search", path, size, mtimeMs, topK, truncation, modelMark(model)],
        tell: () => tellTruncated({ count, truncated: index.truncatedQueries }, ["query", "queries"], limits),
        dispose: extract.dispose,
      };
    };
    await answerSource(sourceOf(TEXTS, queries, values), values, load, { others: [path] });
  },
});

const FLAT: Flat<SearchResult[]> = {
  columns: ["index", "score", "text", "id", "metadata"],
  rows: (results) =>
    results.map(({ index, score, text, id, metadata }) => {
      return [index, score, text, id, metadata === undefined ? "" : JSON.stringify(metadata)];
    }),
};

function resultTable(results: readonly SearchResult[]): string {
  return columns(
    results.map(({ text, score }) => [`  ${score.toFixed(4)}`, shown(text)]),
    [true, false],
  );
}
