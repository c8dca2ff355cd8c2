import type { Json } from "../../json.ts";
import type { LossPart } from "../headLosses.ts";
import type { TrainStepResult } from "../trainStep.ts";
import type { LogEntry } from "./log.ts";

/** Sums over the updates since the last line of metrics.jsonl. */
export interface Counted {
  updates: number;
  loss: number;
  /** For each part of the loss: the sum, over how many, and how many of them were right. */
  readonly parts: { [part in LossPart]?: { loss: number; count: number; correct: number } };
}

export function nothingCounted(): Counted {
  return { updates: 0, loss: 0, parts: {} };
}

const PARTS: readonly LossPart[] = [
  ...(["maskedLm", "nextSentence", "classification", "regression", "start", "end"] as const),
  ...(["vectors", "similarities"] as const),
];

/** Sums that a checkpoint holds. @throws BertError they are none */
export function readCounted(json: Json): Counted {
  const parts = json.get("parts");
  for (const [name, part] of parts.entries()) {
    if (!PARTS.includes(name as LossPart)) throw part.fault(`must be one of ${PARTS.join(", ")}`);
  }
  const read = PARTS.flatMap((name) =>
    parts.get(name).or([], (part) => {
      const [count, correct] = ["count", "correct"].map((field) => part.get(field).asInteger());
      return [[name, { loss: part.get("loss").asNumber(), count, correct }] as const];
    }),
  );
  return {
    updates: json.get("updates").asInteger(),
    loss: json.get("loss").asNumber(),
    parts: Object.fromEntries(read),
  };
}

/** Adds an update. */
export function count(counted: Counted, { loss, parts }: TrainStepResult): void {
  counted.updates++;
  counted.loss += loss;
  for (const batch of parts) {
    for (const [name, part] of Object.entries(batch) as [LossPart, NonNullable<(typeof batch)[LossPart]>][]) {
      if (part.count === 0) continue;
      counted.parts[name] ??= { loss: 0, count: 0, correct: 0 };
      const sum = counted.parts[name];
      sum.loss += part.loss * part.count;
      sum.count += part.count;
      sum.correct += part.correct ?? 0;
    }
  }
}

/** Names as in Google's run_pretraining.py. */
const NAMES: { readonly [part in LossPart]?: string } = { maskedLm: "masked_lm", nextSentence: "next_sentence" };

/** Parts that nothing can be right in. */
const ERRORS: { readonly [part in LossPart]?: string } = { vectors: "vector", similarities: "similarity" };

/** The means, as a line of metrics.jsonl. */
export function entryOf(
  { updates, loss, parts }: Counted,
  { step, epoch }: { step: number; epoch: number },
  { learningRate, gradientNorm }: TrainStepResult,
  tokensPerSecond: number,
): LogEntry {
  const named = Object.entries(NAMES).flatMap(([part, name]) => {
    const sum = parts[part as LossPart];
    return sum
      ? [[`${name}_loss`, sum.loss / sum.count] as const, [`${name}_accuracy`, sum.correct / sum.count] as const]
      : [];
  });
  const errors = Object.entries(ERRORS).flatMap(([part, name]) => {
    const sum = parts[part as LossPart];
    return sum ? [[`${name}_loss`, sum.loss / sum.count] as const] : [];
  });
  return {
    step,
    epoch,
    loss: loss / updates,
    learning_rate: learningRate,
    grad_norm: gradientNorm,
    ...Object.fromEntries([...named, ...errors]),
    tokens_per_second: tokensPerSecond,
  };
}
