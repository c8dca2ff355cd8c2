import { BertError } from "../../errors.ts";
import type { BackendName } from "../../tensor/chooseBackend.ts";
import type { AdamWOptions } from "../adamw.ts";
import type { LogEntry, RunProgress } from "./log.ts";

/** What every run has: options are named, and unless stated otherwise have the defaults, of Hugging Face's TrainingArguments. */
export interface RunOptions {
  /** The folder of the run: it gets the model, `checkpoint-STEP` folders, metrics.jsonl and curves.svg. */
  readonly output: string;
  /**
   * Go on from the last checkpoint in `output`, if there is one, to the same bits as a run that was never interrupted. Default
   * false: `output` must be empty or not there.
   */
  readonly resume?: boolean;
  /** The largest learning rate. */
  readonly learningRate?: number;
  /** Updates; each reads `gradientAccumulationSteps` batches. */
  readonly maxSteps?: number;
  /** Sequences in a batch (`per_device_train_batch_size`). */
  readonly batchSize?: number;
  /** Batches of an update. Default 1. */
  readonly gradientAccumulationSteps?: number;
  /** Updates in which the learning rate rises. Default: `warmupRatio` of all. */
  readonly warmupSteps?: number;
  /** The share of updates in which the learning rate rises. */
  readonly warmupRatio?: number;
  /**
   * "adamw": PyTorch's AdamW, ε = 1e-8. "bert": the same without bias correction and with ε = 1e-6, as Google's BERT was trained.
   */
  readonly optimizer?: "adamw" | "bert";
  readonly weightDecay?: number;
  /** β₁. Default 0.9. */
  readonly adamBeta1?: number;
  /** β₂. Default 0.999. */
  readonly adamBeta2?: number;
  /** ε. Default: that of `optimizer`. */
  readonly adamEpsilon?: number;
  /** The global norm that gradients are clipped to. Default 1. */
  readonly maxGradNorm?: number;
  /** Each layer's learning rate is so many times that of the layer above. Default 1. */
  readonly layerwiseDecay?: number;
  /** The embeddings keep their values. Default false. */
  readonly freezeEmbeddings?: boolean;
  /** So many of the lowest layers, and the embeddings, keep their values. Default 0. */
  readonly freezeLayers?: number;
  /** Of initial weights, order of examples, masks and dropout: a whole number from 0 to 2³² − 1. Default 42. */
  readonly seed?: number;
  /** Updates between two lines of metrics.jsonl. Default 10 (500 in Python, where lines go to the terminal). */
  readonly loggingSteps?: number;
  /** Updates between two evaluations. There is one at the end too. */
  readonly evalSteps?: number;
  /** Sequences in a batch of evaluation. Default: `batchSize`. */
  readonly evalBatchSize?: number;
  /** Updates between two checkpoints. There is one at the end, and one at each evaluation that is the best so far. Default 500. */
  readonly saveSteps?: number;
  /** How many checkpoints are kept, the last ones; the best is kept beside them. Default 2 (all in Python). */
  readonly saveTotalLimit?: number;
  /** Whether the model of the best evaluation, not of the last step, is the result. Default false. */
  readonly loadBestModelAtEnd?: boolean;
  /** The metric that says which evaluation is the best, with or without "eval_". Default "loss". */
  readonly metricForBestModel?: string;
  /** Whether more of it is better. Default: unless its name ends with "loss" or is "perplexity". */
  readonly greaterIsBetter?: boolean;
  /** Stop after so many evaluations without a better one. Default: never. */
  readonly earlyStoppingPatience?: number;
  /** Write report.html at the end: one page with options, machine, curves, metrics and predictions. Default false. */
  readonly report?: boolean;
  /** What computes. `plain` gives the same bits on every machine. Default "auto". */
  readonly backend?: BackendName;
  /** How many threads compute; the number changes no bit. */
  readonly threads?: number;
  /** Is told of each entry of metrics.jsonl. */
  readonly onLog?: (entry: LogEntry) => void;
  /** Is told of each update, and of the evaluations. */
  readonly onProgress?: (progress: RunProgress) => void;
  /** Stops the run after the update that is under way, with a checkpoint. */
  readonly signal?: AbortSignal;
}

type Given = RunOptions & { readonly [name: string]: unknown };

/** Options with the defaults that all runs share; those of a kind of run come from `defaults`. */
export type ResolvedRunOptions = Required<
  Omit<RunOptions, "signal" | "threads" | "maxSteps" | "warmupSteps" | "evalSteps" | "earlyStoppingPatience">
> &
  Pick<RunOptions, "signal" | "threads" | "maxSteps" | "warmupSteps" | "evalSteps" | "earlyStoppingPatience">;

type KindDefaults = Pick<
  ResolvedRunOptions,
  "learningRate" | "batchSize" | "optimizer" | "weightDecay" | "warmupRatio"
>;

/** What each number must be. */
const NUMBERS: Readonly<Record<string, readonly [least: number, most: number, whole: boolean]>> = {
  learningRate: [0, Number.MAX_VALUE, false],
  maxSteps: [1, 2 ** 32 - 1, true],
  numTrainEpochs: [Number.MIN_VALUE, 2 ** 32 - 1, false],
  batchSize: [1, 2 ** 31, true],
  gradientAccumulationSteps: [1, 2 ** 31, true],
  warmupSteps: [0, 2 ** 32 - 1, true],
  warmupRatio: [0, 1, false],
  weightDecay: [0, Number.MAX_VALUE, false],
  adamBeta1: [0, 1, false],
  adamBeta2: [0, 1, false],
  adamEpsilon: [0, Number.MAX_VALUE, false],
  maxGradNorm: [Number.MIN_VALUE, Number.POSITIVE_INFINITY, false],
  layerwiseDecay: [0, 1, false],
  freezeLayers: [0, 2 ** 31, true],
  seed: [0, 2 ** 32 - 1, true],
  loggingSteps: [1, 2 ** 31, true],
  evalSteps: [1, 2 ** 31, true],
  evalBatchSize: [1, 2 ** 31, true],
  saveSteps: [1, 2 ** 31, true],
  saveTotalLimit: [1, 2 ** 31, true],
  earlyStoppingPatience: [1, 2 ** 31, true],
  maxLength: [3, 2 ** 31, true],
};

/**
 * Checks options and fills in defaults.
 *
 * @throws BertError ERR_INPUT a number out of range, or no output
 */
export function resolveRunOptions(where: string, options: RunOptions, kind: KindDefaults): ResolvedRunOptions {
  for (const [name, [least, most, whole]] of Object.entries(NUMBERS)) {
    const value = (options as Given)[name];
    if (value === undefined) continue;
    const fits = typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value));
    if (fits) continue;
    const kindOf = whole ? "a whole number" : "a number";
    throw new BertError(
      "ERR_INPUT",
      `${where}: ${name} must be ${kindOf} from ${least} to ${most}, got ${String(value)}`,
    );
  }
  if (typeof options.output !== "string" || options.output === "") {
    throw new BertError("ERR_INPUT", `${where}: output must be a folder, got ${JSON.stringify(options.output)}`);
  }
  const optimizer = options.optimizer ?? kind.optimizer;
  if (optimizer !== "adamw" && optimizer !== "bert") {
    throw new BertError("ERR_INPUT", `${where}: optimizer must be "adamw" or "bert", got ${JSON.stringify(optimizer)}`);
  }
  const metric = (options.metricForBestModel ?? "loss").replace(/^eval_/, "");
  const batchSize = options.batchSize ?? kind.batchSize;
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as RunOptions;
  return {
    resume: false,
    gradientAccumulationSteps: 1,
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: optimizer === "bert" ? 1e-6 : 1e-8,
    maxGradNorm: 1,
    layerwiseDecay: 1,
    freezeEmbeddings: false,
    freezeLayers: 0,
    seed: 42,
    loggingSteps: 10,
    evalBatchSize: batchSize,
    saveSteps: 500,
    saveTotalLimit: 2,
    loadBestModelAtEnd: false,
    greaterIsBetter: !metric.endsWith("loss") && metric !== "perplexity",
    report: false,
    backend: "auto",
    onLog: () => {},
    onProgress: () => {},
    ...kind,
    ...given,
    metricForBestModel: metric,
  };
}

/** The optimiser's options. */
export function adamwOptions(o: ResolvedRunOptions): Required<AdamWOptions> {
  return {
    beta1: o.adamBeta1,
    beta2: o.adamBeta2,
    epsilon: o.adamEpsilon,
    weightDecay: o.weightDecay,
    biasCorrection: o.optimizer === "adamw",
    maxGradNorm: o.maxGradNorm,
    layerwiseDecay: o.layerwiseDecay,
  };
}

/** Which parameters keep their values. */
export function freezer({ freezeEmbeddings, freezeLayers }: ResolvedRunOptions): (name: string) => boolean {
  return (name) => {
    if (name.startsWith("bert.embeddings.")) return freezeEmbeddings || freezeLayers > 0;
    const layer = /^bert\.encoder\.layer\.(\d+)\./.exec(name);
    return layer !== null && Number(layer[1]) < freezeLayers;
  };
}

/** Of the options, those that the result depends on: a run that goes on must have them again. */
const OF_THE_RESULT = [
  ...["learningRate", "batchSize", "gradientAccumulationSteps", "optimizer", "weightDecay", "adamBeta1", "adamBeta2"],
  ...["adamEpsilon", "maxGradNorm", "layerwiseDecay", "freezeEmbeddings", "freezeLayers", "seed", "loggingSteps"],
  ...["loadBestModelAtEnd", "metricForBestModel", "greaterIsBetter", "earlyStoppingPatience"],
] as const;

/** What of a run decides its result. */
export type Identity = Readonly<Record<string, string | number | boolean | null>>;

export function identityOf(options: ResolvedRunOptions): Identity {
  const all = options as unknown as Readonly<Record<string, string | number | boolean | undefined>>;
  return Object.fromEntries(OF_THE_RESULT.map((name) => [name, all[name] ?? null]));
}
