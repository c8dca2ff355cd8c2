import { createHash } from "node:crypto";
import { tokenLimit } from "../pipelines/answerAll.ts";
import type { EmbeddingOptions, FeatureTensor, Pipeline, QuantizedFeatures, Truncated } from "../pipelines/index.ts";
import { POOLINGS } from "../pipelines/pooling.ts";
import { PRECISIONS } from "../pipelines/quantize.ts";
import { embeddingSize } from "../pipelines/textEmbeddings.ts";
import { shortest } from "../tensor/shortest.ts";
import { type Answerer, answerSource, OUTPUT_OPTIONS } from "./answerTexts.ts";
import { type Command, defineCommand, expectCount } from "./command.ts";
import { EMBEDDING_OPTIONS, embeddingLimits, linesCounted, tellCounts } from "./embeddingOptions.ts";
import {
  csvVectors,
  ENDINGS,
  type Ending,
  endingOf,
  type Format,
  jsonLines,
  safetensorsVectors,
  type VectorType,
} from "./format.ts";
import { lineSource, TEXTS_OR_BLANKS } from "./input.ts";
import { modelMark, sentenceMark } from "./modelMark.ts";
import { EMBEDDING_MODEL_OPTIONS, openPipeline, orEmbeddingModel } from "./modelOptions.ts";
import { choice, count, flag, pipelineValues, text, UsageError, type ValuesOf } from "./option.ts";
import { readRanges } from "./ranges.ts";
import { streams } from "./streams.ts";

/** The pipeline's. */
const OPTIONS = {
  ...EMBEDDING_OPTIONS,
  pooling: choice(
    POOLINGS,
    "The encoder's own vectors, whatever the model's folder says about sentences. How those of a line's tokens become one: their mean; the first, cls or first_token; the last, eos or last_token; the largest number in each place, max; their sum by the root of their number, mean_sqrt_len. none gives one for each token. Default with --layers: mean.",
  ),
  layers: choice(
    ["last", "concat_last_4", "sum_last_4"],
    "The encoder's own vectors too, and of which layers: the last one's, those of the last four end to end, or their sum. Default with --pooling: last.",
  ),
  "truncate-dim": count("Only the first N numbers of each vector, cut before --normalize."),
  normalize: flag("Divide each vector by its length, so that dot products are cosine similarities."),
  quantize: flag("Write vectors in fewer bits, as --precision says."),
  precision: choice(
    PRECISIONS,
    "With --quantize: signs, eight in a byte, binary or ubinary, the same as a number without sign; or one of 256 steps of a range, int8 or uint8, which needs --ranges. Default binary.",
  ),
  truncation: flag("Cut lines that are too long for the model; without --pooling and --layers they are cut anyway."),
};

const TABLE = {
  ...OPTIONS,
  ranges: text(
    "FILE",
    "For int8 and uint8: a .safetensors that embed has written by the same options. The least and the largest number in each place of its vectors are the ranges, or, where it is quantized, its own ranges.",
    "file",
  ),
  jsonl: flag("Each line is JSON: a string, or an object with a field text. So is a FILE.jsonl."),
  ...OUTPUT_OPTIONS,
  json: flag("Changes nothing: the output is JSON anyway."),
  output: text(
    "FILE",
    "Write to a file instead, by its name's ending: .jsonl, .csv, or .safetensors with a tensor embeddings, and one ranges if int8 or uint8. It appears when it is whole.",
    "file",
  ),
  ...EMBEDDING_MODEL_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["[OPTION]… [FILE|-]"],
  description: `Turns each line of a file, or of standard input, into a vector, as the model's folder says: a JSON array of numbers, one line out for each line in, so that row n is line n. A blank line gives the vector of the empty text, as in Python. A blank line between lines of JSON gives null; empty cells in CSV, and NaN in safetensors, or 0 where it is quantized.

With --output, work that is cut short goes on where it stopped when the same command is given again. What is done stays in FILE.partial. FILE.partial.json says how many lines that is, with a hash of these lines and of options and model; where one of them has changed, the command refuses to go on.`,
  options: TABLE,
  positional: "file",
  examples: [
    "printf 'The door is open.\\nHe read.\\n' | plainbert embed --normalize > vectors.jsonl",
    "printf 'A line.\\nAnother.\\n' > lines.txt && plainbert embed lines.txt | head -n 1",
    "plainbert embed lines.txt --pooling cls --output vectors.safetensors",
    "plainbert embed lines.txt --pooling cls --quantize --precision int8 --ranges vectors.safetensors --output small.safetensors",
  ],
  async run({ values, positionals }) {
    expectCount(positionals, 0, 1, "one file at most, or texts on standard input");
    const [path = "-"] = positionals;
    if (positionals.length === 0 && streams.stdin.isTTY)
      throw new UsageError("expected a file, or - to type lines here");
    expectQuantization(values);
    expectOptionsOf(values);
    if (values.pooling === "none" && values.output !== undefined && endingOf(values.output, ENDINGS) !== "jsonl") {
      throw new UsageError("--pooling none gives a matrix for each line; --output must end in .jsonl");
    }
    const source = lineSource(TEXTS_OR_BLANKS, path, values.jsonl);
    await answerSource(source, values, () => load(values), { endings: ENDINGS, others: [values.ranges] });
  },
});

/** @throws UsageError options that do not fit together */
function expectQuantization({ quantize, precision, ranges, pooling }: ValuesOf<typeof TABLE>): void {
  if (!quantize && precision !== undefined) throw new UsageError("--precision goes with --quantize");
  if (quantize && pooling === "none") throw new UsageError("--quantize needs another --pooling than none");
  const steps = quantize && (precision === "int8" || precision === "uint8");
  if (steps && ranges === undefined) throw new UsageError(`--precision ${precision} needs --ranges FILE`);
  if (!steps && ranges !== undefined) throw new UsageError("--ranges goes with --precision int8 or uint8");
}

/** @throws UsageError an option of the folder's vectors beside one of the encoder's own */
function expectOptionsOf(values: ValuesOf<typeof TABLE>): void {
  const own = values.pooling !== undefined ? "--pooling" : "--layers";
  for (const name of ["prompt", "prompt-name", "no-truncation"] as const) {
    if (isOfEncoder(values) && values[name] !== undefined && values[name] !== false)
      throw new UsageError(`--${name} does not go with ${own}`);
  }
}

type Vectors = (FeatureTensor<number[][] | number[][][]> | QuantizedFeatures) & Truncated;

/** Whether the encoder's own vectors are asked for. */
function isOfEncoder({ pooling, layers }: Pick<ValuesOf<typeof TABLE>, "pooling" | "layers">): boolean {
  return pooling !== undefined || layers !== undefined;
}

async function load(values: ValuesOf<typeof TABLE>): Promise<Answerer<string, Vectors>> {
  return isOfEncoder(values)
    ? answererOf(values, await openPipeline("feature-extraction", orEmbeddingModel(values)), featuresOf)
    : answererOf(values, await openPipeline("embeddings", values), embeddingsOf);
}

/** How lines become vectors. */
interface Calls {
  /** Numbers of a vector. */
  readonly size: number;
  /** What is called with the values' options, for a mark. */
  readonly options: object;
  /** The most tokens of a line. */
  readonly limits: ReturnType<typeof embeddingLimits>;
  answer(inputs: AsyncGenerator<string>, ranges: Float32Array | undefined): AsyncIterable<Vectors>;
}

function featuresOf(values: ValuesOf<typeof TABLE>, extract: Pipeline<"feature-extraction">): Calls {
  const { pooling = "mean", ...given } = pipelineValues(OPTIONS, values);
  const { hiddenSize } = extract.model.config;
  const size = given.truncate_dim ?? (given.layers === "concat_last_4" ? 4 * hiddenSize : hiddenSize);
  const options = { ...given, pooling };
  return {
    size,
    options,
    limits: { limit: tokenLimit(extract.model) },
    answer: (inputs, ranges) => extract(inputs, { ...options, ...(ranges && { ranges }) } as { pooling: "mean" }),
  };
}

function embeddingsOf(values: ValuesOf<typeof TABLE>, embed: Pipeline<"embeddings">): Calls {
  const { quantize, precision = "binary", pooling: _, layers: __, ...given } = pipelineValues(OPTIONS, values);
  const options: EmbeddingOptions = { ...given, ...(quantize && { precision }) };
  return {
    size: given.truncate_dim ?? embeddingSize(embed.model),
    options,
    limits: embeddingLimits(embed.model),
    answer: (inputs, ranges) => embed(inputs, { ...options, ...(ranges && { ranges }) }),
  };
}

async function answererOf<Task extends "embeddings" | "feature-extraction">(
  values: ValuesOf<typeof TABLE>,
  pipeline: Pipeline<Task>,
  callsOf: (values: ValuesOf<typeof TABLE>, pipeline: Pipeline<Task>) => Calls,
): Promise<Answerer<string, Vectors>> {
  try {
    const { size, options, limits, answer } = callsOf(values, pipeline);
    const ranges = values.ranges === undefined ? undefined : await readRanges(values.ranges, size);
    const json = (vectors: Vectors) => rounded(vectors.tolist()[0]);
    const { quantize, precision = "binary" } = values;
    const signs = quantize && precision.endsWith("binary");
    const dtype = !quantize ? "F32" : precision.startsWith("u") ? "U8" : "I8";
    const mark = ranges && createHash("sha256").update(ranges).digest("hex");
    const counts = { count: 0, truncated: 0, unknown: 0 };
    return {
      async *answer(inputs) {
        for await (const vectors of answer(inputs, ranges)) {
          yield vectors;
          counts.count++; // here the line is written
          counts.truncated += vectors.truncated;
          counts.unknown += vectors.unknown;
        }
      },
      json,
      format: (ending) =>
        ending === "jsonl" ? jsonLines(json) : ofVectors(ending, signs ? size / 8 : size, { dtype, ranges }),
      work: () => ["embed", { ...options, ranges: mark }, modelMark(pipeline.model), sentenceMark(pipeline.model)],
      tell: (isCutShort) => tellCounts(counts, linesCounted(isCutShort), limits),
      dispose: pipeline.dispose,
    };
  } catch (error) {
    await pipeline.dispose();
    throw error;
  }
}

function ofVectors(ending: Exclude<Ending, "jsonl">, width: number, type: VectorType): Format<Vectors> {
  const { entry, ...format } = ending === "csv" ? csvVectors(width) : safetensorsVectors(width, type);
  return {
    ...format,
    entry: (result: Vectors | null, line: number) => entry(result === null ? null : result.data, line),
  };
}

function rounded(vector: number[] | number[][]): unknown {
  return vector.map((x) => (typeof x === "number" ? shortest(x) : rounded(x)));
}
