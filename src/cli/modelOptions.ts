import { type Pipeline, type PipelineTask, pipeline } from "../pipelines/index.ts";
import { choice, count, type Option, text, UsageError, type ValuesOf } from "./option.ts";

/** Which tokenizer: of commands that need no weights. */
export const TOKENIZER_OPTIONS: { readonly model: Option<string> } = {
  model: text(
    "DIR",
    "A folder with config.json, model.safetensors and vocab.txt or tokenizer.json. Default: the small model that comes with plainbert.",
    "folder",
  ),
};

/** Which model, and how it computes: the same for every command that has one. */
export const MODEL_OPTIONS: {
  readonly model: Option<string>;
  readonly backend: Option<"auto" | "simd" | "plain">;
  readonly threads: Option<number>;
} = {
  ...TOKENIZER_OPTIONS,
  backend: choice(
    ["auto", "simd", "plain"],
    "What computes: simd is fast, plain gives the same bits on every machine. Default auto: simd where it can run.",
  ),
  threads: count("How many threads compute. Their number changes no bit. Default: one for each core, at most 8."),
};

type ModelValues = ValuesOf<typeof MODEL_OPTIONS>;

/** What the values say, as `loadBert` takes it. */
export function loadOptions({ backend, threads }: ModelValues): {
  backend?: "auto" | "simd" | "plain";
  threads?: number;
} {
  return { ...(backend && { backend }), ...(threads && { threads }) };
}

/** Loads the pipeline of a task as these options say. */
export function openPipeline<Task extends PipelineTask>(task: Task, values: ModelValues): Promise<Pipeline<Task>> {
  return pipeline(task, values.model, loadOptions(values));
}

/** @throws UsageError no --model, where the small one cannot answer */
export function expectModel({ model }: ModelValues): void {
  if (model !== undefined) return;
  throw new UsageError("expected --model DIR: the small model that comes with plainbert was not trained for this");
}
