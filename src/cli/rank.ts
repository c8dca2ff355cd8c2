import type { RankedDocument } from "../pipelines/index.ts";
import { oneByOne } from "./answerLines.ts";
import { type Command, expectCount } from "./command.ts";
import { fieldsOf, type InputForm, type Source } from "./input.ts";
import { linesOf } from "./lines.ts";
import { choice, count, flag } from "./option.ts";
import { columns, shown } from "./output.ts";
import { taskCommand } from "./taskCommand.ts";

interface Query {
  readonly query: string;
  readonly documents: readonly string[];
}

const QUERY: InputForm<Query> = {
  fromArguments([query, ...documents]) {
    expectCount([query, ...documents], 2, Number.POSITIVE_INFINITY, "a query and documents");
    return [{ query, documents }];
  },
  fromJson: (value, where) => fieldsOf(value, where, ["query", "documents"]),
};

export const command: Command = taskCommand({
  task: "text-ranking",
  synopsis: ["--model DIR [OPTION]… QUERY [DOCUMENT…]", "--model DIR [OPTION]… [--input FILE]"],
  description: `Ranks documents by how well they answer a query, the best first, with a model that reads both together (a cross-encoder). Without DOCUMENT, each line of standard input is one.

Without QUERY, each line of the input is a JSON object { "query", "documents" }, and gives a line of JSON: the places of the documents, from 0, with their scores, the best first.`,
  options: {
    "top-k": count("How many documents. Default all."),
    activation: choice(
      ["default", "sigmoid", "none"],
      "How the model's number becomes a score. Default: as the model's files say.",
    ),
    stride: count("Read a document that is too long in windows that share so many tokens; the best counts.", 0),
    "no-truncation": flag("Refuse what is too long for the model instead of cutting it."),
  },
  examples: [
    'plainbert rank --model reranker "Who was rich?" "Emma was rich." "She was poor."',
    `printf 'Emma was rich.\\nShe was poor.\\n' | plainbert rank --model reranker --top-k 1 "Who was rich?"`,
    `echo '{"query":"Who?","documents":["She.","He."]}' | plainbert rank --model reranker`,
  ],
  isOfSentences: true,
  needsModel: true,
  form: QUERY,
  source: (positionals) =>
    positionals.length === 1 && positionals[0] !== "-" ? amongStandardInput(positionals[0]) : undefined,
  answer: (rank, inputs, options) =>
    oneByOne(inputs, ({ query, documents }) => rank(query, documents, options) as Promise<RankedDocument[]>),
  heading: ({ query }) => shown(query),
  table: (ranked, { documents }) =>
    columns(
      ranked.map(({ index, score }) => [`  ${score.toFixed(4)}`, shown(documents[index])]),
      [true, false],
    ),
  columns: ["index", "score"],
  rows: (ranked) => ranked.map(({ index, score }) => [index, score]),
});

/** One query, and all lines of standard input as its documents; blank ones are none. */
function amongStandardInput(query: string): Source<Query> {
  async function* lines() {
    const documents: string[] = [];
    for await (const group of linesOf("-")) documents.push(...group.filter((line) => line.trim() !== ""));
    yield { number: 1, text: query, input: { query, documents } };
  }
  return { lines: lines(), given: true, count: 1, place: () => "", path: "-", size: null };
}
