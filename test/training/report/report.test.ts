import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EvaluationResult } from "../../../src/training/index.ts";
import { ticks } from "../../../src/training/report/chart.ts";
import { curvesSvg } from "../../../src/training/report/curves.ts";
import { evaluationReport } from "../../../src/training/report/evaluationReport.ts";
import { runReport } from "../../../src/training/report/runReport.ts";
import { evaluationOf, HOSTILE, LOG, RUN } from "./hostile.ts";

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
    [1 - 2 ** -53, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]], // what a rounding tells apart is one value
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
  test("a metric whose values differ by a rounding", () => {
    const log = [0.8999999999999999, 0.9].map((eval_map, i) => ({ step: i + 1, epoch: i + 1, eval_map }));
    expect(curvesSvg(log)).toContain(">0.8</text>");
  });

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
describe("the report", () => {
  test("says task, data, settings, figures and machine", () => {
    const html = runReport(RUN);
    for (const text of [
      "text-classification",
      "a.jsonl, 12 examples",
      "1,234,567",
      "0.9877",
      "undefined",
      "0.00005",
      "1,000 tokens per second",
      "a machine, 2 threads",
    ]) {
      // biome-ignore format: one line
      expect(html).toContain(text);
    }
    expect(html).not.toContain("digest");
    expect(html).not.toContain("evalSteps");
    expect(html.match(/<svg /g)?.length).toBe(4);
    for (const title of ["Classes", "Confusion matrix", "Mistakes"]) expect(html).not.toContain(`<h2>${title}`);
  });

  test("is one page that loads nothing and runs nothing, and shows texts as they are", () => {
    const html = runReport({ ...RUN, about: { model: HOSTILE }, evaluation: evaluationOf(3) });
    expect(html).not.toMatch(/<script|<link|<img|<iframe|url\(|@import|\bon\w+=|\bhttps?:/);
    for (const control of ["\u202e", "\u0007"]) expect(html).not.toContain(control);
    const escaped = "&lt;script&gt;alert(&quot;x &amp; y&quot;)&lt;/script&gt;";
    for (const text of [
      `<dd dir="auto">${escaped}`,
      `<bdi>${escaped} \\u{202e}0</bdi>`,
      `${escaped}\\u{7}`,
      `<dd dir="auto" class="wrong">b\\u{202e}`,
      `${escaped}: line 3`,
    ]) {
      // biome-ignore format: one line
      expect(html).toContain(text);
    }
    expect(html).toContain("The 1 worst of 1,234 mistakes");
    expect(html).toContain(`${"x".repeat(400)}…`);
    expect(html).not.toContain("x".repeat(401));
    expect(html).toContain("prefers-color-scheme: dark");
  });

  test("of 200 classes it shows those most often confused, and says what it leaves out", () => {
    const html = runReport({ ...RUN, evaluation: evaluationOf(200) });
    expect(html.length).toBeLessThan(100_000);
    expect(html).toContain("The 20 of 200 classes that were most often taken for others");
    expect(html).toContain("The 30 of 200 with the smallest F1");
    expect(html.match(/<th scope="col"[^>]*class="tall"/g)?.length).toBe(21);
    // 400 examples: 20 classes with 2 each, and all others together.
    const cells = [...html.matchAll(/<td(?: [^>]*)?>(\d+)(?=<td|\n<tr|\n<\/tbody)/g)].map(([, count]) => Number(count));
    expect(cells.slice(-21 * 21).reduce((a, b) => a + b, 0)).toBe(400);
  });

  test("of an evaluation alone it has neither curves nor a run's figures", () => {
    const result: EvaluationResult = {
      ...{ model: null, task: "token-classification", file: "eng.testb", examples: 1, metrics: { eval_f1: 0.5 } },
      ...{ classes: [], confusionMatrix: null, mistakeCount: 0, mistakes: [], settings: { seed: 42 }, seconds: 1.25 },
      backend: RUN.backend,
    };
    const html = evaluationReport(result, "a machine");
    for (const text of ["the small model that comes with plainbert", "eng.testb, 1 example", "0.5", "a machine"])
      expect(html).toContain(text);
    expect(html).not.toMatch(/<svg|updates|<h2>(Curves|Classes|Confusion|Mistakes|Predictions)/);
  });
});
