/** Answers with and without what is taken away, beside each other. */
import type { Effect, EffectAnswer } from "../effects/outputAnswers.ts";
import type { Measure } from "../effects/subjects.ts";
import type { Scene, Shape } from "../scene.ts";
import { written } from "./effectScale.ts";
import { labelOf } from "./label.ts";
import { signed } from "./signed.ts";

/** Pixels of an answer, of the heading above, of the bars' thickness, and of a column of numbers. */
const [ROW, HEADING, BAR, COLUMN] = [40, 24, 5, 84];

/** The first answers of either side are shown. */
const TOP = 5;

/** An answer with and without. */
export interface AnswerPair {
  readonly id: number;
  readonly name: string;
  readonly before: EffectAnswer | null;
  readonly after: EffectAnswer | null;
}

/** All answers that are known of either side, those of the changed model first. */
export function answerPairs(untouched: Effect, changed: Effect): AnswerPair[] {
  const [before, after] = [untouched, changed].map(({ answers }) => new Map(answers.map((one) => [one.id, one])));
  const all = new Map([...changed.answers, ...untouched.answers].map((one) => [one.id, one.name]));
  return [...all].map(([id, name]) => ({ id, name, before: before.get(id) ?? null, after: after.get(id) ?? null }));
}

const isShown = ({ before, after }: AnswerPair): boolean =>
  Math.min(before?.rank ?? Number.POSITIVE_INFINITY, after?.rank ?? Number.POSITIVE_INFINITY) <= TOP;

/** The score of an answer, as it is written. */
export function scoreText(answer: EffectAnswer | null): string {
  if (!answer) return "–";
  const { probability, score } = answer;
  return probability === null ? signed(score, 4) : `${(100 * probability).toFixed(2)} %`;
}

/** The change of an answer's score; null: it is not known. */
export const pairChange = ({ before, after }: AnswerPair): number | null =>
  before && after ? after.score - before.score : null;

/**
 * The answers beside each other.
 *
 * @param measure what the numbers of the last column are
 * @param width   pixels that there are
 */
export function effectAnswers(untouched: Effect, changed: Effect, title: string, measure: Measure, width = 520): Scene {
  const all = answerPairs(untouched, changed);
  const first = all.filter(isShown);
  const pairs = first.length > 0 ? first : all; // of pieces that are asked for no one may be among the first
  const isShare = untouched.answers.some(({ probability }) => probability !== null);
  return {
    ...{ title, width, height: HEADING + pairs.length * ROW },
    legend: [
      ...(isShare ? ["A full bar is a probability of 1: thick as it is now, thin of the untouched model."] : []),
      ...(measure.where === "" ? [] : [`The answers are those${measure.where}.`]),
      measure.legend,
      ...(pairs.length < all.length ? [`${pairs.length} of ${all.length} answers are shown; Numbers has all.`] : []),
    ],
    shapes: [
      ...["untouched", "now", measure.name].map(
        (text, n): Shape => ({ kind: "text", x: columnAt(n, width), y: 14, text, align: "right", tone: "quiet" }),
      ),
      ...pairs.flatMap((pair, n) => pairShapes(pair, HEADING + n * ROW, width)),
    ],
  };
}

/** Where the n-th column of numbers ends. */
const columnAt = (n: number, width: number): number => width - (2 - n) * COLUMN;

function pairShapes(pair: AnswerPair, y: number, width: number): Shape[] {
  const { name, before, after } = pair;
  const room = columnAt(0, width) - 64;
  const bar = { x: 0, y: y + 25, height: BAR };
  const share = ({ probability, score }: EffectAnswer): number => probability ?? Math.min(1, Math.max(0, score));
  const texts = [scoreText(before), scoreText(after), written(pairChange(pair))];
  return [
    {
      kind: "text",
      x: 0,
      y: y + 18,
      text: labelOf(name, room),
      align: "left",
      tone: after?.rank === 1 ? "strong" : "plain",
    },
    ...texts.map(
      (text, n): Shape => ({
        ...{ kind: "text", x: columnAt(n, width), y: y + 18, text, align: "right", tone: n === 1 ? "plain" : "quiet" },
      }),
    ),
    { kind: "rule", ...bar, width, tone: "faint" },
    ...(after ? [{ kind: "bar", ...bar, width: width * share(after), ...after.numbers[0] } as const] : []),
    ...(before
      ? [{ kind: "rule", ...bar, y: bar.y + BAR + 1, height: 2, width: width * share(before), tone: "quiet" } as const]
      : []),
  ];
}
