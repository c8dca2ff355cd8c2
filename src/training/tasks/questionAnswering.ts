import { BertError, listed, quote } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import type { Located } from "../data/located.ts";
import {
  type QuestionFeature,
  type QuestionWindow,
  questionFeatures,
  questionWindows,
} from "../data/questionFeatures.ts";
import type { SquadExample } from "../data/squad.ts";
import { placedAnswer } from "../data/squadAnswer.ts";
import { isExact, squadMetrics, squadV2Metrics } from "../metrics/squadMetrics.ts";
import { crossEntropyOf, Mean } from "./logitScores.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { passes } from "./passes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

export interface QuestionAnsweringOptions {
  /** Most tokens of question and context. Default 384. */
  readonly maxLength?: number | undefined;
  /** Tokens that neighbouring windows share. Default 128. */
  readonly docStride?: number | undefined;
  /** Most tokens of a predicted answer. Default 30, as in run_squad.py. */
  readonly maxAnswerLength?: number | undefined;
  /** What is done with a question to learn from whose answer does not stand where it says. Default "skip". */
  readonly misplacedAnswers?: MisplacedAnswers | undefined;
}

/** "skip": such questions are left out, and counted. "refuse": the first is an error. */
export type MisplacedAnswers = "skip" | "refuse";

/**
 * Question answering: which span of a context answers, as Hugging Face's run_qa.py. A question to learn from whose
 * answer does not stand in the context, or not where it says (`placedAnswer`), is left out, as Google's run_squad.py
 * leaves it out; in evaluation it stays, as only the text of its answer counts there.
 *
 * @throws BertError ERR_INPUT, naming file and place: a question that leaves the context no room; with
 *   `misplacedAnswers` "refuse" an answer that stands elsewhere; or all of them do
 */
export function questionAnswering(
  tokenizer: BertTokenizer,
  allTrain: readonly Located<SquadExample>[],
  allEvaluation: readonly Located<SquadExample>[] | null,
  limit: number,
  {
    maxLength = Math.min(384, limit),
    docStride = Math.min(128, maxLength >> 2),
    maxAnswerLength = 30,
    misplacedAnswers = "skip",
  }: QuestionAnsweringOptions,
): PreparedTask {
  const options = { maxLength, docStride };
  const placed = allTrain.map(withPlaces);
  const misplaced = placed.filter(isMisplaced);
  if (misplaced.length > 0 && (misplacedAnswers === "refuse" || misplaced.length === placed.length)) {
    const { where, answers } = misplaced[0];
    const more = misplaced.length - 1;
    const others =
      more === 0
        ? ""
        : more === 1
          ? "; nor does that of 1 other question"
          : `; nor do those of ${more} other questions`;
    throw new BertError(
      "ERR_INPUT",
      `${where}: the answer ${quote(answers[0].text)} does not stand where it says${others}`,
    );
  }
  const train = placed.filter((example) => !isMisplaced(example));
  const evaluation = allEvaluation?.map(withPlaces) ?? null;
  const features = questionFeatures(tokenizer, train, options);
  const evalFeatures = evaluation && questionFeatures(tokenizer, evaluation, options);
  return {
    skippedExamples: misplaced.length,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: {
        startPositions: indices.map((i) => features[i].startPositions),
        endPositions: indices.map((i) => features[i].endPositions),
      },
      name: listed(indices.map((i) => train[features[i].example].where)),
    }),
    metricNames: evaluation ? ["loss", ...Object.keys(scoresOf(evaluation, new Map(evaluation.map(({ id }) => [id, ""]))))] : [], // biome-ignore format: one line
    settings: { ...options, ...(evaluation && { maxAnswerLength }) },
    evaluate:
      evaluation &&
      evalFeatures &&
      ((model, how) => {
        const windows = Array.from(questionWindows(tokenizer, evaluation, options));
        return evaluate(model, how, evaluation, evalFeatures, windows, maxAnswerLength);
      }),
    *contents() {
      for (const { inputIds, startPositions, endPositions } of [...features, ...(evalFeatures ?? [])]) {
        yield inputIds;
        yield [startPositions, endPositions];
      }
    },
  };
}

function withPlaces(example: Located<SquadExample>): Located<SquadExample> {
  const { context, answers } = example;
  return { ...example, answers: answers.map(({ text, start }) => placedAnswer(context, text, start)) };
}

/** Whether its first answer, the one that is learned, has no place. */
function isMisplaced({ answers }: SquadExample): boolean {
  return answers[0]?.start === null;
}

/** Whether a question has no answer, as in SQuAD 2.0. */
function mayBeEmpty(examples: readonly SquadExample[]): boolean {
  return examples.some(({ answers }) => answers.length === 0);
}

/** @param predictions by the questions' ids */
function scoresOf(
  references: readonly Located<SquadExample>[],
  predictions: ReadonlyMap<string, string>,
): Readonly<Record<string, number>> {
  const metrics = mayBeEmpty(references) ? squadV2Metrics : squadMetrics;
  return metrics({ predictions, references }) as unknown as Record<string, number>;
}

/** A span of tokens, or none, with the sum of its two logits. */
interface ScoredSpan {
  readonly text: string;
  readonly score: number;
}

/**
 * Of all windows of a question the best span answers, and the least score of [CLS] … [CLS] is that of no answer, as in
 * run_qa.py. The loss is that of windows, start and end in the mean; those of a misplaced answer have none.
 */
async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  examples: readonly Located<SquadExample>[],
  features: readonly QuestionFeature[],
  windows: readonly QuestionWindow[],
  maxAnswerLength: number,
): Promise<Evaluation> {
  const loss = new Mean();
  const best: (ScoredSpan | null)[] = examples.map(() => null);
  const none: number[] = examples.map(() => Number.POSITIVE_INFINITY);
  const own = examples.map(() => new Mean());
  const where = (i: number) => examples[i].where;
  const items = features.map((feature) => [feature]);
  for await (const { indices, output } of passes(items, { model, how })) {
    const { data: starts, shape } = output.startLogits!; // [B, T]
    const { data: ends } = output.endLogits!;
    const T = shape[1];
    for (const [b, i] of indices.entries()) {
      const { inputIds, example, startPositions, endPositions } = features[i];
      const count = inputIds.length;
      if (!isMisplaced(examples[example])) {
        const [ofStart, ofEnd] = [startPositions, endPositions];
        const term = crossEntropyOf(starts, b * T, count, ofStart) / 2 + crossEntropyOf(ends, b * T, count, ofEnd) / 2;
        loss.add(finite(term, where(example)));
        own[example].add(term);
      }
      const [start, end] = [starts.subarray(b * T, b * T + count), ends.subarray(b * T, b * T + count)];
      const found = bestSpan(windows[i], examples[example].context, start, end, maxAnswerLength);
      if (found && found.score > (best[example]?.score ?? Number.NEGATIVE_INFINITY)) best[example] = found;
      none[example] = Math.min(none[example], start[0] + end[0]);
    }
  }
  const hasImpossible = mayBeEmpty(examples);
  const answerOf = (i: number) => {
    const found = best[i];
    return found && !(hasImpossible && none[i] > found.score) ? found.text : "";
  };
  const answers = examples.map((_, i) => answerOf(i));
  const predictions = new Map(examples.map(({ id }, i) => [id, answers[i]]));
  const isWrong = (i: number) => !isExact(answers[i], examples[i], hasImpossible);
  const outcomes = {
    metrics: { loss: loss.value, ...scoresOf(examples, predictions) },
    losses: own.map(({ count, value }) => (count === 0 ? 0 : value)),
    where,
    isWrong,
    tell: (i: number) => ({
      input: examples[i].question,
      expected: examples[i].answers[0]?.text ?? "no answer",
      predicted: answers[i] || "no answer",
    }),
  };
  return evaluationOf(outcomes, how);
}

/**
 * The span i … j of the context, j < i + maxAnswerLength, with the largest sum of logits; as run_squad.py and
 * run_qa.py, which look for it among the 20 best beginnings and ends only.
 */
function bestSpan(
  { encoding }: QuestionWindow,
  context: string,
  start: Float32Array,
  end: Float32Array,
  maxAnswerLength: number,
): ScoredSpan | null {
  const { sequenceIds, offsets } = encoding;
  const first = sequenceIds.indexOf(1);
  const last = sequenceIds.lastIndexOf(1);
  let best = { score: Number.NEGATIVE_INFINITY, i: -1, j: -1 };
  for (let i = first; first >= 0 && i <= last; i++) {
    for (let j = i; j <= Math.min(last, i + maxAnswerLength - 1); j++) {
      const score = start[i] + end[j];
      if (score > best.score) best = { score, i, j };
    }
  }
  return best.i < 0 ? null : { score: best.score, text: context.slice(offsets[best.i][0], offsets[best.j][1]) };
}
