import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ticks } from "../../../src/training/report/chart.ts";
import { curvesSvg } from "../../../src/training/report/curves.ts";
import { reportHtml } from "../../../src/training/report/html.ts";
import type { LogEntry } from "../../../src/training/run/log.ts";

const LOG: readonly LogEntry[] = [
  { step: 10, epoch: 1, loss: 0.8, learning_rate: 5e-5, grad_norm: 2 },
  { step: 10, epoch: 1, eval_loss: 0.7, eval_accuracy: 0.5 },
  { step: 20, epoch: 2, loss: 0.4, learning_rate: 0, grad_norm: 1 },
  { step: 20, epoch: 2, eval_loss: 0.5, eval_accuracy: 1 },
];

/** The names of a document's open elements must close in order; returns how many elements there are. */
function elementsOf(xml: string): number {
  const open: string[] = [];
  let count = 0;
  for (const [, closing, name, selfClosing] of xml.matchAll(/<(\/?)([\w:]+)(?:\s[^<>]*?)?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!selfClosing) open.push(name);
    if (!closing) count++;
  }
  expect(open).toEqual([]);
  expect(xml.replaceAll(/<[^<>]*>/g, "")).not.toMatch(/[<>]|&(?!(amp|lt|gt|quot|#39);)/);
  return count;
}

/** The points of a line, as they are drawn. */
const linesOf = (svg: string) =>
  [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) =>
    points.split(" ").map((p) => p.split(",").map(Number)),
  );

describe("ticks", () => {
  test.each([
    [0.13, 0.92, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [0, 30, 6, [0, 5, 10, 15, 20, 25, 30]],
    [-3, 4, 5, [-4, -2, 0, 2, 4]],
    [7, 7, 5, [0, 2, 4, 6, 8]],
    [0, 0, 5, [0, 1]],
  ])("from %d to %d", (least, most, count, expected) => {
    const got = ticks(least, most, count);
    expect(got.length).toBe(expected.length);
    for (const [i, tick] of got.entries()) expect(tick).toBeCloseTo(expected[i], 12);
  });

  test("hold both ends between them, evenly, and are few", () => {
    const value = fc.double({ min: -1e9, max: 1e9, noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [least, most] = [Math.min(a, b), Math.max(a, b)];
        fc.pre(most - least > 1e-100 + 1e-6 * Math.abs(most));
        const got = ticks(least, most, 5);
        expect(got.length).toBeLessThanOrEqual(8);
        const step = got[1] - got[0];
        expect(got[0]).toBeLessThanOrEqual(least + 1e-9 * step);
        expect(got.at(-1)).toBeGreaterThanOrEqual(most - 1e-9 * step);
      }),
    );
  });
});

describe("curves", () => {
  test("each metric is a line in its chart, at its place", () => {
    const svg = curvesSvg(LOG);
    elementsOf(svg);
    for (const title of ["Loss", "Scores", "Learning rate", "Norm of the gradient"])
      expect(svg).toContain(`>${title}</text>`);
    for (const name of ["loss", "eval_loss", "eval_accuracy", "learning_rate", "grad_norm"])
      expect(svg).toContain(`>${name}</text>`);
    expect(svg.match(/>updates<\/text>/g)).toHaveLength(4);
    const [loss, evalLoss, accuracy] = linesOf(svg);
    // Axes from 76 to 520 across for 0 to 20 updates; upwards from 216 to 34. Loss has ticks from 0.4 to 0.8.
    expect(loss).toEqual([[298, 34], [520, 216]]); // biome-ignore format: one line
    expect(evalLoss).toEqual([[298, 79.5], [520, 170.5]]); // biome-ignore format: one line
    expect(accuracy).toEqual([[298, 216], [520, 34]]); // biome-ignore format: one line
  });

  test("what is no number is left out; SQuAD's F1 is in percent", () => {
    const svg = curvesSvg([{ step: 1, epoch: 1, eval_loss: Number.NaN, eval_exact_match: 50, eval_f1: 60 }]);
    expect(svg).not.toContain("eval_loss");
    expect(svg).toContain(">SQuAD</text>");
    expect(svg).not.toContain(">Scores</text>");
    expect(svg).not.toContain("NaN");
    expect(elementsOf(curvesSvg([]))).toBeGreaterThan(0);
  });

  test("a million updates make no large picture", () => {
    const log = Array.from({ length: 200_000 }, (_, i) => ({ step: 5 * (i + 1), epoch: 1, loss: 1 / (i + 1) }));
    const svg = curvesSvg(log);
    expect(svg.length).toBeLessThan(30_000);
    expect(linesOf(svg)[0].at(-1)?.[0]).toBe(520);
  });
});

test("the report is one page that loads nothing, and shows texts as they are", () => {
  const html = reportHtml({
    title: "finetune",
    options: { learningRate: 5e-5, evalSteps: null, examples: "digest" },
    backend: { name: "plain", width: 64, fused: false, threads: 1, reason: "" },
    machine: "a machine, 2 threads",
    log: LOG,
    steps: 20,
    parameters: 1_234_567,
    tokensPerSecond: 1000,
    metrics: { eval_accuracy: 0.98765, eval_pearson: Number.NaN },
    examples: [{ input: `<script>alert("x & y")</script>`, expected: "a", predicted: "b" }],
  });
  expect(html).not.toMatch(/<script|<link|<img|url\(|\bhttps?:(?!\/\/www\.w3\.org\/2000\/svg")/);
  expect(html).toContain('&lt;script&gt;alert(&quot;x &amp; y&quot;)&lt;/script&gt;<td>a<td class="wrong">b');
  for (const text of ["1,234,567", "0.9877", "undefined", "0.00005", "1,000 tokens per second"]) {
    expect(html).toContain(text);
  }
  expect(html).not.toContain("digest");
  expect(html).not.toContain("evalSteps");
});
