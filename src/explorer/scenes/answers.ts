import type { ExplorerGap, ExplorerResult } from "../explorerResult.ts";
import type { Scene, Shape } from "../scene.ts";
import { labelOf } from "./label.ts";
import { signed } from "./signed.ts";

/** Pixels of an answer, of the heading above, of a bar's thickness, and of the columns of numbers. */
const [ROW, HEADING, BAR, COLUMN] = [38, 24, 5, 70];

/** Answers that others are compared with. */
export interface Compared {
  readonly gap: ExplorerGap;
  /** What they are, for the legend: "the answer before". */
  readonly name: string;
}

/** An answer's row: what it is, its numbers, its bar, and the bar that it is compared with. */
interface AnswerRow {
  readonly text: string;
  readonly logit: number;
  readonly probability: number;
  readonly tap: string;
  readonly at: readonly number[];
  /** The probability that it is compared with; null: there is none. */
  readonly before: number | null;
  readonly change: string;
}

/**
 * The likeliest pieces in the place of a gap, or those that are asked for with their places among all, as bars of their
 * probability.
 *
 * @param compared the answers that arrows go by; null: none
 * @param width    pixels that there are
 */
export function gapAnswers(gap: ExplorerGap, compared: Compared | null = null, width = 320): Scene {
  const { position, output, row, answers, areAsked, truth, entropy } = gap;
  const rows = answers.map(({ id, piece, logit, probability, rank }): AnswerRow => {
    const before = compared?.gap.answers.find((answer) => answer.id === id)?.probability ?? null;
    const isKnown = before !== null || !(areAsked || compared?.gap.areAsked);
    const change = compared && isKnown ? changeOf(probability, before) : "";
    return {
      text: `${piece}${id === truth?.id ? " ✓" : ""}${areAsked ? ` #${rank}` : ""}`,
      logit,
      probability,
      tap: output,
      at: [row, id],
      before,
      change,
    };
  });
  return {
    ...{ title: `What fits at position ${position}`, width, height: HEADING + rows.length * ROW },
    legend: [
      ...(areAsked ? ["# is the place in the whole vocabulary."] : []),
      `A full bar is a probability of 1. Entropy ${entropy.toFixed(2)} nats.`,
      ...(truth
        ? [`✓ is what is hidden: “${truth.piece}”, place ${truth.rank}, ${(100 * truth.probability).toFixed(2)} %.`]
        : []),
      ...(compared ? [`Arrows, in percentage points, and thin bars: against ${compared.name}.`] : []),
      ...(rows.some(({ change }) => change === NEW) ? ["“new” was not among those answers."] : []),
    ],
    shapes: [...heading(width), ...rows.flatMap((answer, n) => answerShapes(answer, n, width))],
  };
}

const NEW = "new";

/** How a probability has changed, in percentage points; "new" where it was not among the answers. */
function changeOf(probability: number, before: number | null): string {
  if (before === null) return NEW;
  const points = 100 * (probability - before);
  if (Math.abs(points) < 0.05) return "=";
  return `${points > 0 ? "▲" : "▼"} ${Math.abs(points).toFixed(1)}`;
}

/** The probability that the second text follows the first, by the softmax of the two logits. */
export function followsOf(logits: readonly [follows: number, doesNot: number]): number {
  return 1 / (1 + Math.exp(logits[1] - logits[0]));
}

/** Whether the second text follows the first. */
export function nextSentence({ nextSentence: next }: ExplorerResult, width = 320): Scene | null {
  if (!next) return null;
  const { output, logits } = next;
  const follows = followsOf(logits);
  const likeliest = follows >= 0.5 ? 0 : 1;
  const rows = ["It follows", "It does not"].map((text, n): AnswerRow => {
    const probability = n === 0 ? follows : 1 - follows;
    return { text, logit: logits[n], probability, tap: output, at: [0, n], before: null, change: "" };
  });
  return {
    ...{ title: "Does text B follow A?", width, height: HEADING + rows.length * ROW },
    legend: ["A full bar is a probability of 1.", "Of the two logits the first, index 0, says that it follows."],
    shapes: [...heading(width), ...rows.flatMap((answer, n) => answerShapes(answer, n, width, likeliest))],
  };
}

function heading(width: number): Shape[] {
  return ["probability", "logit"].map((text, n) => ({
    ...{ kind: "text", x: width - n * (COLUMN + 14), y: 14, text, align: "right", tone: "quiet" },
  }));
}

function answerShapes(answer: AnswerRow, n: number, width: number, likeliest = 0): Shape[] {
  const { text, logit, probability, tap, at, before, change } = answer;
  const y = HEADING + n * ROW;
  const right = width - COLUMN - 14;
  const room = right - COLUMN - (change === "" ? 0 : 50);
  const words: Shape[] = [
    {
      kind: "text",
      x: 0,
      y: y + 18,
      text: labelOf(text, room),
      align: "left",
      tone: n === likeliest ? "strong" : "plain",
    },
    { kind: "text", x: width, y: y + 18, text: `${(100 * probability).toFixed(2)} %`, align: "right", tone: "plain" },
    { kind: "text", x: right, y: y + 18, text: signed(logit, 2), align: "right", tone: "quiet" },
    { kind: "text", x: right - 50, y: y + 18, text: change, align: "right", tone: "quiet" },
  ];
  const bar = { x: 0, y: y + 25, width: width * probability, height: BAR };
  const thin = { x: 0, y: y + 25 + BAR + 1, width: width * (before ?? 0), height: 2 };
  return [
    ...words.filter((shape) => shape.kind !== "text" || shape.text !== ""),
    { kind: "rule", ...bar, width, tone: "faint" },
    { kind: "bar", ...bar, value: logit, ref: { tap, at } },
    ...(before === null ? [] : [{ kind: "rule", ...thin, tone: "quiet" } as const]),
  ];
}
