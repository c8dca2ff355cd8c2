import { BertError } from "../errors.ts";
import { isCrossEncoder, scoreActivation } from "../load/crossEncoder.ts";
import { type Bert, loadBert } from "../load/loadBert.ts";
import { modelTokenizer, noTokenizer, readModelTexts, withModelFiles } from "../load/readModel.ts";
import type { SentenceModules } from "../load/sentenceModules.ts";
import { sentenceSize } from "../load/sentenceVector.ts";
import { expectKnownOptions, expectSignal } from "../options.ts";
import { datasetOf } from "./data/dataset.ts";
import { type FinetuneTask, TASK_MODELS } from "./data/taskModels.ts";
import { EVALUATE_OPTIONS, type EvaluateOptions, type EvaluationResult } from "./evaluateOptions.ts";
import { expectValues } from "./run/resolvedOptions.ts";
import { expectTaskOptions } from "./taskOptions.ts";
import { fitting, taskOf } from "./tasks/modelTask.ts";
import { limitOf, prepare } from "./tasks/prepare.ts";
import type { EvaluationOptions, PreparedTask } from "./tasks/task.ts";

/** What a model of the hub is found by, and what more `loadBert` takes. */
const HUB = [
  "revision",
  "token",
  "cache_dir",
  "local_files_only",
  "force_download",
  "assets",
  "progress_callback",
  "signal",
] as const;
const LOADING = [...HUB, "backend", "threads", "dtype"] as const;

/** What the numbers depend on, beside model and examples. */
const SETTINGS = [
  "maxLength",
  "problemType",
  "glueTask",
  "docStride",
  "maxAnswerLength",
  "atK",
  "truncateDim",
  "dtype",
] as const;
const MASK_SETTINGS = [...SETTINGS, "mlmProbability", "doWholeWordMask", "seed"] as const;

/** Says what a model is worth; documented where it is exported, in index.ts. */
export async function evaluate<T extends FinetuneTask>(given: EvaluateOptions<T>): Promise<EvaluationResult> {
  expectKnownOptions("evaluate", given, EVALUATE_OPTIONS);
  expectValues("evaluate", given);
  expectSignal("evaluate", given.signal);
  const model = await withModelFiles(given.model, picked(given, HUB), false, async (folder, root) => {
    const texts = await readModelTexts(folder, "evaluate");
    const tokenizer = modelTokenizer(texts, "evaluate");
    if (!tokenizer) throw noTokenizer(folder, "evaluate");
    const isRanker = await isCrossEncoder(texts.configText, root);
    return { config: texts.config, tokenizer, isRanker };
  });
  const task = taskOf(model, given.task, given.model);
  expectTaskOptions("evaluate", task, given, ["problemType", "columns"]);
  const dataset = await datasetOf("evaluate", "dataset", given.dataset, { ...given, task });
  const load = () => loadBert(given.model, { ...picked(given, LOADING), architecture: TASK_MODELS[task] });
  const early = task === "sentence-embedding" ? await load() : null; // its folder says how vectors are made
  try {
    const sentence = early ? modulesOf(early, given.truncateDim) : undefined;
    const limit = limitOf(model);
    // Of vectors of texts the folder says which lengths there are.
    const maxLength = task === "question-answering" ? Math.min(384, limit) : sentence ? undefined : limit;
    const options = picked(given, Object.keys(given) as (keyof EvaluateOptions)[]);
    const how = { seed: 42, batchSize: 8, maxLength, ...options, ...fitting(task, model.config, dataset, given), task };
    const prepared = prepare("evaluate", { ...model, ...(sentence && { sentence }) }, null, how.dataset, how);
    return await evaluated(given, early ?? (await load()), { prepared, how, count: dataset.examples.length });
  } finally {
    await early?.dispose();
  }
}

/** @throws BertError ERR_INPUT a vector has fewer numbers than `truncateDim` */
function modulesOf({ sentenceModules, config }: Bert, truncateDim: number | undefined): SentenceModules {
  if (truncateDim === undefined) return sentenceModules;
  const D = sentenceSize(sentenceModules, config.hiddenSize);
  if (truncateDim <= D) return { ...sentenceModules, truncateDim };
  throw new BertError("ERR_INPUT", `evaluate: truncateDim must be at most ${D}, what a vector has, got ${truncateDim}`);
}

/** How a model is evaluated, and with what. */
interface Prepared {
  readonly prepared: PreparedTask;
  readonly how: EvaluationOptions & { readonly task: FinetuneTask; readonly [setting: string]: unknown };
  /** How many examples there are. */
  readonly count: number;
}

/** @param bert is disposed of */
async function evaluated<T extends FinetuneTask>(
  given: EvaluateOptions<T>,
  bert: Bert,
  { prepared, how, count }: Prepared,
): Promise<EvaluationResult> {
  const { task } = how;
  const start = performance.now();
  try {
    const {
      examples: _,
      metrics,
      ...evaluation
    } = await prepared.evaluate!(bert, {
      ...how,
      ...(task === "text-ranking" && { scoreActivation: scoreActivation(bert.configText, bert.sentence) }),
    });
    return {
      ...{ model: given.model ?? null, task, file: typeof given.dataset === "string" ? given.dataset : null },
      examples: count,
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value])),
      ...evaluation,
      settings: {
        ...picked<Readonly<Record<string, unknown>>, string>(
          { ...how, problemType: prepared.problemType ?? (prepared.tellsErrors ? "regression" : undefined) },
          task === "fill-mask" ? MASK_SETTINGS : SETTINGS,
        ),
        ...(prepared.identity && { ...prepared.identity, batchSize: how.batchSize }),
      } as EvaluationResult["settings"],
      backend: bert.backend,
      seconds: (performance.now() - start) / 1000,
    };
  } finally {
    await bert.dispose();
  }
}

/** The members of an object that are named and there. */
function picked<T, K extends keyof T>(object: T, names: readonly K[]): { [name in K]?: Exclude<T[name], undefined> } {
  const given = names.filter((name) => object[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, object[name]])) as ReturnType<typeof picked<T, K>>;
}
