import { readText } from "../disk/files.ts";
import { parseJson } from "../json.ts";
import { type PretrainPhase, pretrain } from "../training/index.ts";
import { type Command, defineCommand, expectCount, missing } from "./command.ts";
import { HUB_OPTIONS, MODEL_NAME } from "./modelOptions.ts";
import { count, libraryValues, type Option, text, UsageError, type ValuesOf } from "./option.ts";
import { OUTPUT_OPTIONS, RUN_OPTIONS, runTraining } from "./trainingRun.ts";

/** The options of a run without those that differ from phase to phase. */
const {
  "batch-size": _,
  "gradient-accumulation-steps": __,
  ...OPTIONS
} = {
  ...RUN_OPTIONS,
  "max-eval-examples": count("How many of --eval-examples are read. Default 1000."),
};

/** A new model's sizes, by their names in config.json. */
const SIZES = {
  layers: ["num_hidden_layers", count("Layers of a new model. Default 12.")],
  hidden: ["hidden_size", count("Its hidden size. Default 768.")],
  heads: ["num_attention_heads", count("Its attention heads. Default 12.")],
  intermediate: [
    "intermediate_size",
    count("The inner size of its feed-forward networks. Default 4 times the hidden size."),
  ],
} as const;

const TABLE = {
  ...OUTPUT_OPTIONS,
  "max-steps": counts("Updates; for several folders one number for each, with commas between."),
  "batch-size": counts("Sequences in a batch; one number, or one for each folder. Default 32."),
  "gradient-accumulation-steps": counts("Batches of an update; the same. Default 1."),
  layers: SIZES.layers[1],
  hidden: SIZES.hidden[1],
  heads: SIZES.heads[1],
  intermediate: SIZES.intermediate[1],
  config: text("FILE", "A config.json with the sizes of a new model.", "file"),
  model: text("NAME", `A model to go on from, in place of a new one: ${MODEL_NAME}.`, "folder"),
  "eval-examples": text("FOLDER", "Examples to evaluate with.", "folder"),
  ...OPTIONS,
  ...HUB_OPTIONS,
};

export const command: Command = defineCommand({
  synopsis: ["EXAMPLES… --max-steps N,… --output FOLDER [OPTION]…"],
  description: `Pretrains a model on masked words and next sentences. EXAMPLES are folders that make-examples has made, each a phase: the paper trains 90 % of the steps on sequences of 128 tokens, then 10 % on 512. The learning rate has one schedule over all phases. A run that was stopped or killed can be resumed, to the same bits.

Defaults beside those below are the paper's: a learning rate of 1e-4 with warm-up in one update of a hundred, a weight decay of 0.01, the optimizer bert. With examples to evaluate with, there is an evaluation at each checkpoint.`,
  options: TABLE,
  libraryNames: {
    phases: "--max-steps, --batch-size and --gradient-accumulation-steps",
    "phases[].examples": "EXAMPLES",
    "phases[].steps": "--max-steps",
    "phases[].batchSize": "--batch-size",
    "phases[].gradientAccumulationSteps": "--gradient-accumulation-steps",
  },
  positional: "file",
  examples: [
    "printf 'One line.\\nAnother.\\n\\nA new text.\\nIts end.\\n' | plainbert make-examples - --output few-examples && plainbert pretrain few-examples --max-steps 2 --layers 1 --hidden 16 --heads 1 --output small-bert",
  ],
  async run({ values, positionals }) {
    const { output, model, "eval-examples": evalExamples } = values;
    if (positionals.length === 0 || output === undefined)
      throw missing({ "a folder of examples or more": positionals[0], "--output FOLDER": output });
    expectCount(positionals, 1, 100, "a folder of examples or more");
    const phases = phasesOf(positionals, values);
    const config = await configOf(values);
    await runTraining(command, values, (how) =>
      pretrain({
        ...how,
        ...libraryValues(OPTIONS, values),
        ...(model === undefined ? config && { config } : { model }),
        ...(evalExamples !== undefined && { evalExamples }),
        ...{ phases, output, resume: values.resume },
      }),
    );
  },
});

type Values = ValuesOf<typeof TABLE>;

/** Whole numbers with commas between. */
function counts(description: string): Option<number[]> {
  const one = count(description);
  return {
    placeholder: "N,…",
    description,
    parse: (given, name) => given.flatMap((value) => value.split(",")).map((value) => one.parse([value], name)),
  };
}

function phasesOf(folders: readonly string[], values: Values): PretrainPhase[] {
  const steps = values["max-steps"];
  if (steps?.length !== folders.length) {
    throw new UsageError(
      `expected --max-steps with a number for each of ${folders.length} folders, got ${steps?.length ?? 0}`,
    );
  }
  const of = (name: "batch-size" | "gradient-accumulation-steps", i: number, otherwise: number): number => {
    const list = values[name] ?? [otherwise];
    if (list.length !== 1 && list.length !== folders.length) {
      throw new UsageError(
        `expected --${name} with one number, or one for each of ${folders.length} folders, got ${list.length}`,
      );
    }
    return list[i] ?? list[0];
  };
  return folders.map((examples, i) => ({
    examples,
    steps: steps[i],
    batchSize: of("batch-size", i, 32),
    gradientAccumulationSteps: of("gradient-accumulation-steps", i, 1),
  }));
}

/** The config of a new model; undefined: BERT-base's. */
async function configOf(values: Values): Promise<Record<string, unknown> | undefined> {
  const names = Object.keys(SIZES) as (keyof typeof SIZES)[];
  const given = names.filter((name) => values[name] !== undefined);
  if (values.config !== undefined && given.length > 0)
    throw new UsageError(`expected --config or --${given[0]}, got both`);
  if (values.model !== undefined && (values.config !== undefined || given.length > 0))
    throw new UsageError(`expected --model or --${given[0] ?? "config"}, got both`);
  if (values.config !== undefined)
    return { ...parseJson(await readText(values.config), values.config, "ERR_INPUT").asObject() };
  if (given.length === 0) return undefined;
  const sizes = Object.fromEntries(given.map((name) => [SIZES[name][0], values[name]]));
  return { ...(values.hidden !== undefined && { intermediate_size: 4 * values.hidden }), ...sizes };
}
