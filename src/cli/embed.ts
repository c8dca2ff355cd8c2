import type { FeatureTensor } from "../pipelines/index.ts";
import { type Answerer, answerSource, OUTPUT_OPTIONS } from "./answerTexts.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { csvVectors, ENDINGS, type Ending, endingOf, jsonLines, safetensorsVectors, shortest } from "./format.ts";
import { lineSource, TEXTS } from "./input.ts";
import { modelMark } from "./modelMark.ts";
import { MODEL_OPTIONS, openPipeline } from "./modelOptions.ts";
import { choice, count, flag, pipelineValues, text, UsageError, type ValuesOf } from "./option.ts";
import { streams } from "./streams.ts";

/** The pipeline's. */
const OPTIONS = {
  pooling: choice(
    ["mean", "cls", "max", "none"],
    "How the vectors of a line's tokens become one; none gives one for each token. Default mean.",
  ),
  layers: choice(
    ["last", "concat_last_4", "sum_last_4"],
    "Of which layers the vectors are: the last one's, those of the last four end to end, or their sum. Default last.",
  ),
  "truncate-dim": count("Only the first N numbers of each vector, cut before --normalize."),
  normalize: flag("Divide each vector by its length, so that dot products are cosine similarities."),
  truncation: flag("Cut lines that are too long for the model instead of stopping there."),
};

const TABLE = {
  ...OPTIONS,
  jsonl: flag("Each line is JSON: a string, or an object with a field text. So is a FILE.jsonl."),
  ...OUTPUT_OPTIONS,
  json: flag("Changes nothing: the output is JSON anyway."),
  output: text(
    "FILE",
    "Write to a file instead, by its name's ending: .jsonl, .csv, or .safetensors with one tensor embeddings. It appears when it is whole.",
    "file",
  ),
  ...MODEL_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|-]"],
  description: `Turns each line of a file, or of standard input, into a vector: a JSON array of numbers, one line out for each line in. A blank line gives null; empty cells in CSV, and NaN in safetensors, so that row n is line n.

With --output, work that is cut short goes on where it stopped when the same command is given again. What is done stays in FILE.partial. FILE.partial.json says how many lines that is, with a hash of these lines and of options and model; where one of them has changed, the command refuses to go on.`,
  options: TABLE,
  positional: "file",
  examples: [
    "printf 'The door is open.\\nHe read.\\n' | plainbert embed --normalize > vectors.jsonl",
    "printf 'A line.\\nAnother.\\n' > lines.txt && plainbert embed lines.txt | head -n 1",
    "plainbert embed lines.txt --pooling cls --output vectors.safetensors",
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one file at most");
    const [path = "-"] = positionals;
    if (positionals.length === 0 && streams.stdin.isTTY)
      throw new UsageError("expected a file, or - to type lines here");
    if (values.pooling === "none" && values.output !== undefined && endingOf(values.output, ENDINGS) !== "jsonl") {
      throw new UsageError("--pooling none gives a matrix for each line; --output must end in .jsonl");
    }
    await answerSource(lineSource(TEXTS, path, values.jsonl), values, () => load(values), ENDINGS);
  },
});

type Vectors = FeatureTensor<number[][] | number[][][]>;

async function load(values: ValuesOf<typeof TABLE>): Promise<Answerer<string, Vectors>> {
  const extract = await openPipeline("feature-extraction", values);
  const { pooling = "mean", ...options } = pipelineValues(OPTIONS, values);
  const { hiddenSize } = extract.model.config;
  const width = options.truncate_dim ?? (options.layers === "concat_last_4" ? 4 * hiddenSize : hiddenSize);
  const json = ({ tolist }: Vectors) => rounded(tolist()[0]);
  return {
    answer: (inputs) => extract(inputs, { ...options, pooling } as { pooling: "mean" }),
    json,
    format: (ending) => (ending === "jsonl" ? jsonLines(json) : ofVectors(ending, width)),
    work: ["embed", { ...options, pooling }, modelMark(extract.model)],
    dispose: extract.dispose,
  };
}

function ofVectors(ending: Exclude<Ending, "jsonl">, width: number) {
  const { entry, ...format } = (ending === "csv" ? csvVectors : safetensorsVectors)(width);
  return {
    ...format,
    entry: (result: Vectors | null, line: number) => entry(result === null ? null : result.data, line),
  };
}

function rounded(vector: number[] | number[][]): unknown {
  return vector.map((x) => (typeof x === "number" ? shortest(x) : rounded(x)));
}
