import { expectChoice } from "../../options.ts";
import type { GlueTask } from "../data/glue.ts";
import { accuracy, f1Score, matthewsCorrelation } from "./classification.ts";
import { pearsonCorrelation, spearmanCorrelation } from "./correlation.ts";
import type { Pairs } from "./pairs.ts";

/** A task's metrics by name, as in Hugging Face's run_glue.py; `combined_score` is their mean where there are two. */
export type GlueMetrics = Readonly<Record<string, number>>;

type Compute = (pairs: Pairs<number>) => Record<string, number>;

const accuracyAlone: Compute = (pairs) => ({ accuracy: accuracy(pairs) });
const accuracyAndF1: Compute = (pairs) => ({ accuracy: accuracy(pairs), f1: f1Score(pairs) });

/** Table 1 of Wang et al. 2018. */
const METRICS: Readonly<Record<GlueTask, Compute>> = {
  cola: (pairs) => ({ matthews_correlation: matthewsCorrelation(pairs) }),
  sst2: accuracyAlone,
  mrpc: accuracyAndF1,
  qqp: accuracyAndF1,
  stsb: (pairs) => ({ pearson: pearsonCorrelation(pairs), spearmanr: spearmanCorrelation(pairs) }),
  mnli: accuracyAlone,
  qnli: accuracyAlone,
  rte: accuracyAlone,
  wnli: accuracyAlone,
};

/**
 * The metrics that GLUE asks for: Matthews correlation for cola, accuracy and F1 of label 1 for mrpc and qqp, both
 * correlations for stsb, accuracy for the others.
 *
 * @param pairs indices of labels as `glueLabels` orders them, or for stsb the scores
 * @throws BertError ERR_INPUT an unknown task, no predictions, or not as many as references
 * @example
 * glueMetrics("mrpc", { predictions: [1, 0, 1, 1], references: [1, 0, 0, 1] });
 * // { accuracy: 0.75, f1: 0.8, combined_score: 0.775 }
 */
export function glueMetrics(task: GlueTask, pairs: Pairs<number>): GlueMetrics {
  expectChoice("glueMetrics", "task", task, Object.keys(METRICS));
  const metrics = METRICS[task](pairs);
  const values = Object.values(metrics);
  if (values.length === 1) return metrics;
  return { ...metrics, combined_score: values.reduce((sum, value) => sum + value, 0) / values.length };
}
