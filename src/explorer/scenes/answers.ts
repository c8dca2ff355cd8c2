import type { ExplorerGap, ExplorerResult } from "../result.ts";
import type { Scene, Shape } from "../scene.ts";

/** Pixels of a row, and of the longest bar. */
const [ROW, BAR] = [28, 220];

/** The likeliest pieces in the place of a gap, as bars of their probability. */
export function gapAnswers({ position, output, row, answers, entropy }: ExplorerGap): Scene {
  const shapes = answers.flatMap(({ id, piece, logit, probability }, n): Shape[] => {
    const y = n * ROW;
    return [
      { kind: "text", x: 104, y: y + 19, text: piece, align: "right", tone: n === 0 ? "strong" : "plain" },
      {
        kind: "bar",
        x: 114,
        y: y + 6,
        width: BAR * probability,
        height: 16,
        value: logit,
        ref: { tap: output, at: [row, id] },
      },
      {
        kind: "text",
        x: 122 + BAR * probability,
        y: y + 19,
        text: `${(100 * probability).toFixed(2)} %`,
        align: "left",
        tone: "quiet",
      },
    ];
  });
  return {
    title: `What fits at position ${position}`,
    width: 114 + BAR + 80,
    height: answers.length * ROW + 4,
    legend: [`A full bar is a probability of 1. Entropy ${entropy.toFixed(2)} nats.`],
    shapes,
  };
}

/** Whether the second text follows the first. */
export function nextSentence({ nextSentence: next }: ExplorerResult): Scene | null {
  if (!next) return null;
  const { output, logits } = next;
  const follows = 1 / (1 + Math.exp(logits[1] - logits[0]));
  const rows = [["follows", follows], ["does not", 1 - follows]] as const; // biome-ignore format: one line
  const shapes = rows.flatMap(([text, probability], n): Shape[] => [
    { kind: "text", x: 104, y: n * ROW + 19, text, align: "right", tone: n === 0 ? "strong" : "plain" },
    {
      kind: "bar",
      x: 114,
      y: n * ROW + 6,
      width: BAR * probability,
      height: 16,
      value: logits[n],
      ref: { tap: output, at: [0, n] },
    },
    {
      kind: "text",
      x: 122 + BAR * probability,
      y: n * ROW + 19,
      text: `${(100 * probability).toFixed(2)} %`,
      align: "left",
      tone: "quiet",
    },
  ]);
  return {
    ...{ title: "Does the second text follow the first?", width: 114 + BAR + 80, height: 2 * ROW + 4 },
    ...{ legend: ["Index 0 means that it follows."], shapes },
  };
}
