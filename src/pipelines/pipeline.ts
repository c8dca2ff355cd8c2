import { shown } from "../errors.ts";
import type { ModelFiles } from "../load/givenFiles.ts";
import { type Bert, LOAD_OPTIONS, type LoadOptions, loadBertFor } from "../load/loadBert.ts";
import type { Architecture } from "../model/architectures.ts";
import { expectKnownOptions, hint } from "../options.ts";
import { has, isA } from "../realm.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import { wrongArgument } from "./arguments.ts";
import { faultOf } from "./faults.ts";
import { type FeatureExtraction, featureExtraction } from "./featureExtraction.ts";
import { type FillMask, fillMask } from "./fillMask.ts";
import { type MultipleChoice, multipleChoice } from "./multipleChoice.ts";
import { type NextSentence, nextSentence } from "./nextSentence.ts";
import { type PseudoLogLikelihood, pseudoLogLikelihood } from "./pseudoLogLikelihood.ts";
import { type QuestionAnswering, questionAnswering } from "./questionAnswering.ts";
import { type SentenceSimilarity, sentenceSimilarity } from "./sentenceSimilarity.ts";
import { isStream } from "./stream.ts";
import { type TextClassification, textClassification } from "./textClassification.ts";
import { type Embeddings, embeddings } from "./textEmbeddings.ts";
import { type TextRanking, textRanking } from "./textRanking.ts";
import { type TokenClassification, tokenClassification } from "./tokenClassification.ts";
import { type ZeroShotClassification, zeroShotClassification } from "./zeroShotClassification.ts";

/** What each task's pipeline is called with, and answers. */
export interface PipelineTasks {
  readonly "fill-mask": FillMask;
  readonly "next-sentence-prediction": NextSentence;
  readonly "feature-extraction": FeatureExtraction;
  readonly embeddings: Embeddings;
  readonly "text-classification": TextClassification;
  /** The same as "text-classification". */
  readonly "sentiment-analysis": TextClassification;
  readonly "token-classification": TokenClassification;
  /** The same as "token-classification". */
  readonly ner: TokenClassification;
  readonly "question-answering": QuestionAnswering;
  readonly "zero-shot-classification": ZeroShotClassification;
  readonly "sentence-similarity": SentenceSimilarity;
  readonly "text-ranking": TextRanking;
  readonly "multiple-choice": MultipleChoice;
  readonly "pseudo-log-likelihood": PseudoLogLikelihood;
}
/** The name of a task. */
export type PipelineTask = keyof PipelineTasks;

/** How the model is loaded; which heads are needed follows from the task. */
export type PipelineOptions = Omit<LoadOptions, "architecture">;

const { architecture: _, ...PIPELINE_OPTIONS } = LOAD_OPTIONS;

/** A function that answers, with the model that it asks. */
export type Pipeline<Task extends PipelineTask> = PipelineTasks[Task] & {
  readonly task: Task;
  readonly model: Bert;
  readonly tokenizer: BertTokenizer;
  /**
   * Frees the model, if the pipeline has loaded it, after the calls under way, as `Bert.dispose` does; one that was
   * handed in stays its owner's.
   */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Which class a task loads its model as, and whether it is that whatever config.json names, and what makes it. */
type TaskEntry<Task extends PipelineTask> = readonly [
  Architecture,
  "always" | "unless named",
  (bert: Bert) => PipelineTasks[Task],
];

/**
 * The tasks of a classifier take the class that config.json names, if it is one of these, as `classifier.weight` is a
 * matrix of several classes that mean different things.
 */
const TASKS: { readonly [Task in PipelineTask]: TaskEntry<Task> } = {
  "fill-mask": ["BertForMaskedLM", "always", fillMask],
  "next-sentence-prediction": ["BertForNextSentencePrediction", "always", nextSentence],
  "feature-extraction": ["BertModel", "always", featureExtraction],
  embeddings: ["BertModel", "always", embeddings],
  "text-classification": ["BertForSequenceClassification", "unless named", textClassification],
  "sentiment-analysis": ["BertForSequenceClassification", "unless named", textClassification],
  "token-classification": ["BertForTokenClassification", "unless named", tokenClassification],
  ner: ["BertForTokenClassification", "unless named", tokenClassification],
  "question-answering": ["BertForQuestionAnswering", "unless named", questionAnswering],
  "zero-shot-classification": ["BertForSequenceClassification", "unless named", zeroShotClassification],
  "sentence-similarity": ["BertModel", "always", sentenceSimilarity],
  "text-ranking": ["BertForSequenceClassification", "unless named", textRanking],
  "multiple-choice": ["BertForMultipleChoice", "unless named", multipleChoice],
  "pseudo-log-likelihood": ["BertForMaskedLM", "always", pseudoLogLikelihood],
};

/** The tasks that the small embedding model answers where no model is named. */
const EMBEDDING_TASKS: readonly PipelineTask[] = ["embeddings", "sentence-similarity"];

/**
 * Text in, answers out.
 *
 * Every task loads what it needs from a checkpoint that has it, whatever class config.json names: that of a
 * BertForPreTraining serves all of them. To answer several tasks with one copy of the weights, load the model with
 * `loadBert` and hand it to each. Calls that wait, of all of them, are computed together.
 *
 * @param task  what the pipeline does
 * @param model a folder as Hugging Face's libraries save a model, or its files, a model's id on the hub, or a loaded
 *   model; left out, a small one that comes with the package: for "embeddings" and "sentence-similarity" the one that
 *   was trained to make vectors
 * @throws BertError ERR_INPUT an unknown task, or a loaded model without the head it needs; as `loadBert`
 * @example
 * const unmask = await pipeline("fill-mask");
 * await unmask("The [MASK] is open.", { targets: ["door", "window"] });
 * await unmask.dispose();
 */
export async function pipeline<Task extends PipelineTask>(
  task: Task,
  model?: string | ModelFiles | Bert,
  options: PipelineOptions = {},
): Promise<Pipeline<Task>> {
  if (!Object.hasOwn(TASKS, task)) {
    const names = Object.keys(TASKS);
    throw faultOf("pipeline", "task", `one of ${names.join(", ")}`, `got ${shown(task)}`, hint(task, names));
  }
  const given = isBert(model);
  if (model !== undefined && typeof model !== "string" && !given && !isA(model, "Map")) {
    const must = "a folder, a model's id on the hub, a Map of its files or a model from loadBert";
    throw wrongArgument("pipeline", "model", must, model);
  }
  expectKnownOptions("pipeline", options, PIPELINE_OPTIONS);
  const [architecture, when, create] = TASKS[task];
  if (given && Object.keys(options).length > 0) {
    throw wrongArgument("pipeline", "options", "left out for a model that is already loaded", options);
  }
  if (model === undefined && when === "unless named") {
    throw wrongArgument("pipeline", "model", `given for ${task}, which the small ones have no head for`, model);
  }
  const forced = when === "always" ? { architecture } : {};
  const bundled = EMBEDDING_TASKS.includes(task) ? "embeddings" : "pretrained";
  const bert = given ? model : await loadBertFor(model, { ...options, ...forced }, architecture, bundled);
  const dispose = async () => {
    if (!given) await bert.dispose();
  };
  try {
    const { tokenizer } = bert;
    const answer = answering(bert, create(bert));
    const made = Object.assign(answer, { task, model: bert, tokenizer, dispose, [Symbol.asyncDispose]: dispose });
    options.progress_callback?.({ status: "ready", task, model: typeof model === "string" ? model : "" });
    return made;
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** The same calls, for which the model's `dispose` waits; not for a stream, which may have no end. */
function answering<Calls extends PipelineTasks[PipelineTask]>(bert: Bert, calls: Calls): Calls {
  const held = (answer: (...args: unknown[]) => unknown) =>
    Object.assign(
      (...args: unknown[]) => (isStream(args[0]) ? answer(...args) : bert.answer(async () => answer(...args))),
      Object.fromEntries(Object.entries(answer).map(([name, call]): [string, unknown] => [name, held(call)])),
    );
  return held(calls as (...args: unknown[]) => unknown) as unknown as Calls;
}

/**
 * Whether a value is a loaded model. One of another copy of this module, as bundlers make them, is of another class.
 */
function isBert(value: unknown): value is Bert {
  return has(value, "forward") && has(value, "hasTokenizer");
}
