import { fileURLToPath } from "node:url";
import { isTrue } from "../hub/environment.ts";
import type { HubOptions, ProgressInfo } from "../hub/hubOptions.ts";
import { type LoadOptions, type Pipeline, type PipelineTask, pipeline } from "../pipelines/index.ts";
import { STORAGE_TYPES } from "../tensor/storage.ts";
import type { StorageType } from "../tensor/tensor.ts";
import { MAX_THREADS } from "../tensor/threads/threadCount.ts";
import { interruptible } from "./interrupt.ts";
import { choice, count, flag, type Option, text, texts, UsageError, type ValuesOf } from "./option.ts";
import { Progress } from "./progressBar.ts";

/** What the help calls a model wherever a command takes one: in `--model`, or as an argument. */
export const MODEL_NAME = "a folder, or an id on the hub, such as google-bert/bert-base-cased";

/**
 * How a model of the hub is found and fetched. The token comes from the environment alone, as others can see a command
 * line.
 */
export const HUB_OPTIONS: {
  readonly revision: Option<string>;
  readonly "cache-dir": Option<string>;
  readonly "local-files-only": Option<boolean>;
  readonly "force-download": Option<boolean>;
} = {
  revision: text("REV", "Of a model on the hub: a branch, a tag or a commit. Default main."),
  "cache-dir": text(
    "FOLDER",
    "Where models of the hub are kept. Default: HF_HUB_CACHE, HF_HOME/hub or ~/.cache/huggingface/hub, shared with Python.",
    "folder",
  ),
  "local-files-only": flag("Take what the cache has, and ask no hub."),
  "force-download": flag("Download every file again, in place of what the cache has."),
};

/** What computes. */
export const BACKEND_OPTIONS: {
  readonly backend: Option<"auto" | "simd" | "plain">;
  readonly threads: Option<number>;
} = {
  backend: choice(
    ["auto", "simd", "plain"],
    "What computes: simd is fast, plain gives the same bits on every machine. Default auto: simd where it can run.",
  ),
  threads: count(
    `How many threads compute, at most ${MAX_THREADS}. Their number changes no bit. Default: one for each core, at most 8.`,
    1,
    MAX_THREADS,
  ),
};

/** How a model computes that is not trained: training holds float32 alone. */
export const ENGINE_OPTIONS: typeof BACKEND_OPTIONS & { readonly dtype: Option<StorageType> } = {
  ...BACKEND_OPTIONS,
  dtype: choice(
    STORAGE_TYPES,
    "How matrices are held: float16 and bfloat16 take half of float32's memory, int8 a quarter, with larger errors. Default float32.",
  ),
};

function modelOption(otherwise: string): Option<string> {
  return text("NAME", modelSentence(otherwise), "folder");
}

function modelSentence(otherwise: string): string {
  return `The model: ${MODEL_NAME}; from there it is downloaded once. ${otherwise}`;
}

/** Which tokenizer: of commands that need no weights. */
export const TOKENIZER_OPTIONS: { readonly model: Option<string> } & typeof HUB_OPTIONS = {
  model: modelOption("Default: the small model that comes with plainbert."),
  ...HUB_OPTIONS,
};

/** Which model, and how it computes: the same for every command that has one. */
export const MODEL_OPTIONS: typeof TOKENIZER_OPTIONS & typeof ENGINE_OPTIONS = {
  ...TOKENIZER_OPTIONS,
  ...ENGINE_OPTIONS,
};

/** The same, for commands whose answers are made of vectors (`orEmbeddingModel`). */
export const EMBEDDING_MODEL_OPTIONS: typeof MODEL_OPTIONS = {
  ...MODEL_OPTIONS,
  model: modelOption("Default: the small embedding model that comes with plainbert."),
};

/** The same, for several models. */
export const EMBEDDING_MODELS_OPTIONS: Omit<typeof MODEL_OPTIONS, "model"> & { readonly model: Option<string[]> } = {
  ...MODEL_OPTIONS,
  model: texts(
    "NAME",
    modelSentence(
      "Given several times, it is several models. Default: the small embedding model that comes with plainbert.",
    ),
    "folder",
  ),
};

/** The same, for what the small models were not trained for (`expectModel`). */
export const NEEDED_MODEL_OPTIONS: typeof MODEL_OPTIONS = {
  ...MODEL_OPTIONS,
  model: modelOption("It must be given: the small models that come with plainbert were not trained for this."),
};

type ModelValues = ValuesOf<typeof MODEL_OPTIONS>;

/** What the values say, as `loadBert` takes it. */
export function engineOptions({ backend, threads, dtype }: ValuesOf<typeof ENGINE_OPTIONS>): LoadOptions {
  return { ...(backend && { backend }), ...(threads && { threads }), ...(dtype && { dtype }) };
}

/**
 * Work that may have to download a model: as the values say, with a bar on the terminal, until it is interrupted.
 *
 * @param work gets the options of `loadBert` that have to do with the hub
 */
export function downloading<T>(
  values: ValuesOf<typeof HUB_OPTIONS>,
  work: (options: HubOptions) => Promise<T>,
): Promise<T> {
  const bar = new Progress({ verb: "downloading", unit: "MB", total: null });
  let begun = false;
  const tell = (info: ProgressInfo) => {
    if (info.status === "download") begun = true;
    if (info.status !== "progress_total") return;
    if (begun) bar.to(info.loaded, info.loaded, info.total);
    else bar.have(info.loaded); // what the cache had
  };
  const { revision, "cache-dir": cache_dir } = values;
  const { "local-files-only": local_files_only, "force-download": force_download } = values;
  const options: HubOptions = {
    ...(revision !== undefined && { revision }),
    ...(cache_dir !== undefined && { cache_dir }),
    ...(local_files_only && { local_files_only }),
    ...(force_download && { force_download }),
    ...(!isTrue(process.env.HF_HUB_DISABLE_PROGRESS_BARS) && { progress_callback: tell }),
  };
  return interruptible((signal) => work({ ...options, signal }).finally(() => bar.end()));
}

/** Loads the pipeline of a task as these options say. */
export function openPipeline<Task extends PipelineTask>(task: Task, values: ModelValues): Promise<Pipeline<Task>> {
  return downloading(values, (hub) => pipeline(task, values.model, { ...hub, ...engineOptions(values) }));
}

/**
 * The same values, with the small embedding model where no model is named: for "feature-extraction", of which a command
 * makes vectors.
 */
export function orEmbeddingModel<Values extends ModelValues>(values: Values): Values {
  return { ...values, model: values.model ?? embeddingModel() };
}

/** The folder of the small embedding model: from the command's file, as it stands in the package. */
export function embeddingModel(): string {
  return fileURLToPath(new URL("../../weights/embeddings/", import.meta.url));
}

/** @throws UsageError no --model, where the small ones cannot answer */
export function expectModel({ model }: ModelValues): void {
  if (model !== undefined) return;
  throw new UsageError("expected --model NAME: the small models that come with plainbert were not trained for this");
}
