import type { LogEntry } from "./log.ts";

/** What the model made of an example, for the report. */
export interface PredictionExample {
  readonly input: string;
  readonly expected: string;
  readonly predicted: string;
}

/** An example that a model got wrong. */
export interface Mistake extends PredictionExample {
  /** Where it stands: `dev.jsonl: line 12`. */
  readonly where: string;
  /**
   * Its loss: how sure the model was of something else. CoSENTLoss has none of one pair; there it is the pair's rank
   * error, from 0 to 1: how far its place in the order of cosines is from its place in the order of scores.
   */
  readonly loss: number;
}

/** What came out of a run. */
export interface RunResult {
  /** The folder with the model. */
  readonly output: string;
  /** Updates made, those before an interruption included. */
  readonly globalStep: number;
  /** The metrics of the model in `output`: `eval_loss` and the task's; none without examples to evaluate with. */
  readonly metrics: Readonly<Record<string, number>>;
  /** The step of the best evaluation; null without one. */
  readonly bestStep: number | null;
  /** metrics.jsonl. */
  readonly log: readonly LogEntry[];
  /** What the model in `output` predicts, the first few examples. */
  readonly examples: readonly PredictionExample[];
}
