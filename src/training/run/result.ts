import type { LogEntry } from "./log.ts";

/** What an example was taken for, for people to read. */
export interface PredictionExample {
  readonly input: string;
  readonly expected: string;
  readonly predicted: string;
}

/** What came out of a run. */
export interface RunResult {
  /** The folder with the model. */
  readonly output: string;
  /** Updates made, those before an interruption included. */
  readonly globalStep: number;
  /** Of the model in `output`: `eval_loss` and the task's metrics, without examples to evaluate with nothing. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The step of the best evaluation; null without one. */
  readonly bestStep: number | null;
  /** metrics.jsonl. */
  readonly log: readonly LogEntry[];
  /** What the model in `output` predicts, the first few examples. */
  readonly examples: readonly PredictionExample[];
}
