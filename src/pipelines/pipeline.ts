import type { Architecture } from "../model/config.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { wrongArgument } from "./arguments.ts";
import { type FeatureExtraction, featureExtraction } from "./featureExtraction.ts";
import { type FillMask, fillMask } from "./fillMask.ts";
import { Bert, type LoadOptions, loadBert } from "./load.ts";
import { type NextSentence, nextSentence } from "./nextSentence.ts";

/** What each task's pipeline is called with, and answers. */
export interface PipelineTasks {
  readonly "fill-mask": FillMask;
  readonly "next-sentence-prediction": NextSentence;
  readonly "feature-extraction": FeatureExtraction;
}
export type PipelineTask = keyof PipelineTasks;

/** How the model is loaded; which heads are needed follows from the task. */
export type PipelineOptions = Omit<LoadOptions, "architecture">;

/** A function that answers, with the model that it asks. */
export type Pipeline<Task extends PipelineTask> = PipelineTasks[Task] & {
  readonly task: Task;
  readonly model: Bert;
  readonly tokenizer: BertTokenizer;
  /** Frees the model, if the pipeline has loaded it; one that was handed in stays its owner's. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const TASKS: { readonly [Task in PipelineTask]: readonly [Architecture, (bert: Bert) => PipelineTasks[Task]] } = {
  "fill-mask": ["BertForMaskedLM", fillMask],
  "next-sentence-prediction": ["BertForNextSentencePrediction", nextSentence],
  "feature-extraction": ["BertModel", featureExtraction],
};

/**
 * Text in, answers out.
 *
 * Every task loads what it needs from a checkpoint that has it, whatever class config.json names: that of a
 * BertForPreTraining serves all of them. To answer several tasks with one copy of the weights, load the model with
 * `loadBert` and hand it to each.
 *
 * @param task  what is asked
 * @param model a folder as Hugging Face's libraries save a model, or a loaded model; left out, the small one that comes
 *   with the package
 * @throws BertError ERR_INPUT an unknown task, or a loaded model without the head it needs; as `loadBert`
 * @example
 * const unmask = await pipeline("fill-mask");
 * await unmask("The [MASK] is open.", { targets: ["door", "window"] });
 * await unmask.dispose();
 */
export async function pipeline<Task extends PipelineTask>(
  task: Task,
  model?: string | Bert,
  options: PipelineOptions = {},
): Promise<Pipeline<Task>> {
  if (!Object.hasOwn(TASKS, task)) {
    throw wrongArgument("pipeline", "task", `one of ${Object.keys(TASKS).join(", ")}`, task);
  }
  if (model !== undefined && typeof model !== "string" && !(model instanceof Bert)) {
    throw wrongArgument("pipeline", "model", "a folder or a model from loadBert", model);
  }
  if (typeof options !== "object" || options === null) throw wrongArgument("pipeline", "options", "an object", options);
  const [architecture, create] = TASKS[task];
  const given = model instanceof Bert;
  if (given && Object.keys(options).length > 0) {
    throw wrongArgument("pipeline", "options", "left out for a model that is already loaded", options);
  }
  const bert = given ? model : await loadBert(model, { ...options, architecture });
  const dispose = async () => {
    if (!given) await bert.dispose();
  };
  try {
    const { tokenizer } = bert;
    return Object.assign(create(bert), { task, model: bert, tokenizer, dispose, [Symbol.asyncDispose]: dispose });
  } catch (error) {
    await dispose();
    throw error;
  }
}
