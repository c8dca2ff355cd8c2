import { classScores, confusionMatrix as scored } from "../../../src/training/metrics/confusionMatrix.ts";
import type { RunFacts } from "../../../src/training/report/runReport.ts";
import type { LogEntry } from "../../../src/training/run/log.ts";
import type { Evaluation } from "../../../src/training/tasks/task.ts";

/** The log of a short run. */
export const LOG: readonly LogEntry[] = [
  { step: 10, epoch: 1, loss: 0.8, learning_rate: 5e-5, grad_norm: 2 },
  { step: 10, epoch: 1, eval_loss: 0.7, eval_accuracy: 0.5 },
  { step: 20, epoch: 2, loss: 0.4, learning_rate: 0, grad_norm: 1 },
  { step: 20, epoch: 2, eval_loss: 0.5, eval_accuracy: 1 },
];

/** What a run's report tells. */
export const RUN: RunFacts = {
  title: "finetune",
  about: { task: "text-classification", "training data": "a.jsonl, 12 examples" },
  settings: { learningRate: 5e-5, evalSteps: null, examples: "digest" },
  backend: { name: "plain", width: 64, fused: false, threads: 1, reason: "" },
  machine: "a machine, 2 threads",
  log: LOG,
  steps: 20,
  parameters: 1_234_567,
  tokensPerSecond: 1000,
  metrics: { eval_accuracy: 0.98765, eval_pearson: Number.NaN },
  evaluation: null,
};

/** A text that a page must not run. */
export const HOSTILE: string = `<script>alert("x & y")</script>`;

/** An evaluation of so many classes with hostile names, each as often taken for the next as for itself. */
export function evaluationOf(classes: number): Evaluation {
  const names = Array.from({ length: classes }, (_, i) => `${HOSTILE} \u202e${i}`);
  const references = names.flatMap((_, i) => [i, i]);
  const predictions = names.flatMap((_, i) => [i, (i + 1) % classes]);
  const confusionMatrix = scored({ predictions, references }, names);
  const mistake = {
    where: `${HOSTILE}: line 3`,
    input: `${HOSTILE}\u0007`,
    expected: "a",
    predicted: `b\u202e`,
    loss: 3,
  };
  return {
    ...{ metrics: { loss: 1 }, confusionMatrix, classes: classScores(confusionMatrix) },
    ...{
      examples: [{ input: "x".repeat(1000), expected: "a", predicted: "a" }],
      mistakeCount: 1234,
      mistakes: [mistake],
    },
  };
}
