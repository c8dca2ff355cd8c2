/**
 * Training: `finetune` and `pretrain`, the metrics that say what a model is worth, the readers of training data, and
 * the examples of pretraining. Runs need Node, Deno or Bun, as they write files; the rest runs in a page too.
 *
 * @module
 */
import { loaded } from "../loaded.ts";
import type { FinetuneTask, ReadExamplesOptions, TaskExamples } from "./data/readExamples.ts";
import type { EvaluateOptions, EvaluationResult } from "./evaluateOptions.ts";
import type { FinetuneOptions, FinetuneResult } from "./finetuneOptions.ts";
import type { PretrainOptions } from "./pretrainOptions.ts";
import type { RunResult } from "./run/result.ts";

export { type ConllOptions, readConll, type TaggedSentence } from "./data/conll.ts";
export type { DataRow } from "./data/dataRow.ts";
export { type DelimitedOptions, readDelimited } from "./data/delimited.ts";
export { type GlueTask, glueLabels, readGlue } from "./data/glue.ts";
export { readJsonLines } from "./data/jsonLines.ts";
export { collect, linesOf, type ReadOptions, type TextLines } from "./data/numberedLines.ts";
export type { RankingExample, RankingLists, RankingPair } from "./data/rankingExamples.ts";
export type { FinetuneTask, ReadExamplesOptions, TaskExamples } from "./data/readExamples.ts";
export { type ChoiceExample, readMultipleChoice } from "./data/readMultipleChoice.ts";
export type { SentenceColumns } from "./data/sentenceColumns.ts";
export type { PairExample, ScoredExample, SentenceExample, SentenceText } from "./data/sentenceExamples.ts";
export { readSquad, type SquadExample } from "./data/squad.ts";
export type { SquadAnswer } from "./data/squadAnswer.ts";
export { type Label, type RankingColumns, readTexts, type TextColumns, type TextExample } from "./data/textExamples.ts";
export type { DistillationOptions } from "./distillation/distillationOptions.ts";
export type { EvaluateOptions, EvaluationResult } from "./evaluateOptions.ts";
export type { FinetuneOptions, FinetuneResult } from "./finetuneOptions.ts";
export { accuracy, type ClassLabel, type F1Options, f1Score, matthewsCorrelation } from "./metrics/classification.ts";
export type { ClassScores, ConfusionMatrix } from "./metrics/confusionMatrix.ts";
export { pearsonCorrelation, spearmanCorrelation } from "./metrics/correlation.ts";
export {
  type EntityMetrics,
  type EntityScores,
  type EntitySpan,
  entitiesOf,
  entityMetrics,
} from "./metrics/entityMetrics.ts";
export { type GlueMetrics, glueMetrics } from "./metrics/glueMetrics.ts";
export type { Pairs } from "./metrics/pairs.ts";
export { perplexity } from "./metrics/perplexity.ts";
export { type RankingMetrics, type RankingOptions, rankingMetrics } from "./metrics/ranking.ts";
export { averagePrecision, type RelevanceMetrics, relevanceMetrics } from "./metrics/relevance.ts";
export {
  type SquadMetrics,
  type SquadPairs,
  type SquadReference,
  type SquadV2Metrics,
  type SquadV2Pairs,
  squadMetrics,
  squadV2Metrics,
} from "./metrics/squadMetrics.ts";
export {
  type Document,
  type DocumentOptions,
  type ExampleShard,
  type ExampleTotals,
  type MakeExamplesOptions,
  makeExamples,
  openExamples,
  type PretrainingExample,
  type PretrainingExamples,
  readDocuments,
} from "./pretraining/index.ts";
export type { PretrainOptions, PretrainPhase } from "./pretrainOptions.ts";
export { evaluationReport } from "./report/evaluationReport.ts";
export type { LogEntry, RunProgress } from "./run/log.ts";
export type { Mistake, PredictionExample, RunResult } from "./run/result.ts";
export type { RunOptions } from "./run/runOptions.ts";
export type { VectorLossOptions } from "./sentence/lossSettings.ts";
export type { VectorLossName } from "./sentence/vectorLosses.ts";
export type { MisplacedAnswers } from "./tasks/questionAnswering.ts";
export type { ClassWeights } from "./tasks/weighting.ts";

/**
 * Trains a model for a task: sequence classification (one label, several, or a number), token classification, question
 * answering, multiple choice, reranking, next-sentence prediction, masked language modelling on texts of one's own, or
 * vectors of texts (sentence embedding), of a teacher too. Names and defaults of options are those of Hugging Face's
 * Trainer.
 *
 * `output` becomes a folder as Hugging Face's libraries save one, of sentence embedding as sentence-transformers does,
 * for `pipeline` and for Python alike, with the run's metrics.jsonl, curves.svg and last checkpoints in it. A run that
 * was killed at any moment goes on with `resume: true`, to the same bits as if it had not been interrupted.
 *
 * @throws BertError ERR_INPUT an option, or data that do not fit the task; ERR_FILE a file that cannot be read or
 *   written, `output` not empty or written by another process; ERR_CHECKPOINT with `resume`, a checkpoint that
 *   was damaged or changed; ERR_TRAINING a loss that is not finite or explodes, naming step, batch and tensor;
 *   ERR_ABORTED `signal` fired, and a checkpoint was written; as `loadBert`
 * @example
 * const { metrics } = await finetune({
 *   model: "google-bert/bert-base-cased",
 *   task: "text-classification",
 *   trainDataset: "train.jsonl",
 *   evalDataset: "dev.jsonl",
 *   output: "my-classifier",
 * });
 * const classify = await pipeline("text-classification", "my-classifier");
 */
export async function finetune<T extends FinetuneTask>(options: FinetuneOptions<T>): Promise<FinetuneResult> {
  const module = await loaded(() => import("./finetune.ts")); // only here: a browser has no node: modules
  return module.finetune(options);
}

/**
 * Says what a model is worth on examples: the metrics that `finetune` computes while it trains, by the same code and
 * under the same names; how well each class was recognized, which were confused, and the worst mistakes.
 *
 * The task follows from the model's config.json, an encoder alone having that of sentence embedding; a model with the
 * heads of pretraining may need `task`, and so does a reranker whose files do not say that it is one. The labels of the
 * examples are names of the model's id2label, in any capitals if none is then left over, or their indices; where
 * id2label is LABEL_0, LABEL_1, …, `labels` or `glueTask` names them.
 *
 * @throws BertError ERR_INPUT an option, a model of another task, or examples that do not fit it, such as a label that
 *   it does not have; ERR_FILE a file that cannot be read; ERR_TRAINING an output that is not finite, naming the
 *   example; as `loadBert`
 * @example
 * const { metrics, mistakes } = await evaluate({ model: "my-classifier", dataset: "test.jsonl" });
 * console.log(metrics.eval_accuracy);
 * for (const { where, input, expected, predicted } of mistakes) console.log(where, input, expected, predicted);
 */
export async function evaluate<T extends FinetuneTask>(options: EvaluateOptions<T>): Promise<EvaluationResult> {
  const module = await loaded(() => import("./evaluate.ts")); // only when it is called: it loads models
  return module.evaluate(options);
}

/**
 * Pretrains a model on masked language modelling and next-sentence prediction (Devlin et al. 2019, §3.1), from initial
 * weights or from another model's, on examples that `makeExamples` or `plainbert make-examples` has made. The model is
 * a BertForPreTraining.
 *
 * @throws BertError as `finetune`; ERR_CHECKPOINT a folder of examples that is none; ERR_VOCABULARY a model whose
 *   vocabulary is not that of the examples
 * @example
 * await pretrain({
 *   config: { num_hidden_layers: 4, hidden_size: 256, num_attention_heads: 4, intermediate_size: 1024 },
 *   phases: [{ examples: "examples-128", steps: 9000 }, { examples: "examples-512", steps: 1000 }],
 *   output: "my-bert",
 * });
 */
export async function pretrain(options: PretrainOptions): Promise<RunResult> {
  const module = await loaded(() => import("./pretrain.ts"));
  return module.pretrain(options);
}

/**
 * The examples of a task in a file, by the ending of its name; docs/fine-tuning.md lists which.
 *
 * @throws BertError ERR_FILE it cannot be read; ERR_INPUT, naming file and line, a record that is not as it must be, or
 *   no examples
 */
export async function readExamples<T extends FinetuneTask>(
  task: T,
  file: string,
  options: ReadExamplesOptions = {},
): Promise<TaskExamples[T][]> {
  const module = await loaded(() => import("./data/readExamples.ts"));
  return module.readExamples(task, file, options);
}
