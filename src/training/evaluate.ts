import { loadBert } from "../load/loadBert.ts";
import { modelTokenizer, noTokenizer, readModelTexts, withModelFiles } from "../load/readModel.ts";
import { expectKnownOptions } from "../options.ts";
import { datasetOf } from "./data/dataset.ts";
import type { FinetuneTask } from "./data/readExamples.ts";
import { EVALUATE_OPTIONS, type EvaluateOptions, type EvaluationResult } from "./evaluateOptions.ts";
import { expectNumbers } from "./run/resolvedOptions.ts";
import { fitting, taskOf } from "./tasks/modelTask.ts";
import { prepare } from "./tasks/prepare.ts";
import { TASK_MODELS } from "./tasks/taskModels.ts";

/** What a model of the hub is found by, and what more `loadBert` takes. */
const HUB = ["revision", "token", "cache_dir", "local_files_only", "assets", "progress_callback", "signal"] as const;
const LOADING = [...HUB, "backend", "threads", "dtype"] as const;

/** What the numbers depend on, beside model and examples. */
const SETTINGS = ["maxLength", "problemType", "glueTask", "docStride", "maxAnswerLength", "dtype"] as const;
const MASK_SETTINGS = [...SETTINGS, "mlmProbability", "doWholeWordMask", "seed"] as const;

/** Says what a model is worth; documented where it is exported, in index.ts. */
export async function evaluate<T extends FinetuneTask>(given: EvaluateOptions<T>): Promise<EvaluationResult> {
  expectKnownOptions("evaluate", given, EVALUATE_OPTIONS);
  expectNumbers("evaluate", given);
  const { config, tokenizer } = await withModelFiles(given.model, picked(given, HUB), false, async (folder) => {
    const texts = await readModelTexts(folder, "evaluate");
    const found = modelTokenizer(texts, "evaluate");
    if (!found) throw noTokenizer(folder, "evaluate");
    return { config: texts.config, tokenizer: found };
  });
  const task = taskOf(config.architecture, given.task);
  const examples = await datasetOf<FinetuneTask>("evaluate: dataset", task, given.dataset, given);
  const limit = Math.min(config.maxPositionEmbeddings, tokenizer.modelMaxLength);
  const maxLength = task === "question-answering" ? Math.min(384, limit) : limit;
  const options = picked(given, Object.keys(given) as (keyof EvaluateOptions)[]);
  const how = { seed: 42, batchSize: 8, maxLength, ...options, ...fitting(task, config, examples, given), task };
  const prepared = prepare("evaluate", tokenizer, limit, { none: null, dataset: how.dataset }, how);
  const bert = await loadBert(given.model, { ...picked(given, LOADING), architecture: TASK_MODELS[task] });
  const start = performance.now();
  try {
    const { examples: _, metrics, ...evaluation } = await prepared.evaluate!(bert, how);
    return {
      ...{ model: given.model ?? null, task, file: typeof given.dataset === "string" ? given.dataset : null },
      examples: examples.length,
      metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [`eval_${name}`, value])),
      ...evaluation,
      settings: picked(
        { ...how, problemType: prepared.problemType ?? undefined },
        task === "fill-mask" ? MASK_SETTINGS : SETTINGS,
      ),
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
