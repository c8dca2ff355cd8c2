import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { TOUR_PAGES } from "../../scripts/readingExcerpts.ts";
import { explorerLink, pageOfTap, STEPS, titleOfStep } from "../../scripts/site/tour.ts";
import { readLink } from "../../src/explorer/link.ts";
import { equationOf } from "../../src/explorer/page/stepper/equations.ts";
import { stepsOf } from "../../src/explorer/steps/modelSteps.ts";
import { loadBert } from "../../src/index.ts";
import { small } from "../explorer/models.ts";

/** The tour's pages and the explorer's steps lead to each other. */
const pages = TOUR_PAGES.filter((path) => /^\d/.test(basename(path)));
await using bert = await loadBert(undefined, { backend: "plain" });
const taps = bert.taps.map(({ name }) => name);

test("every numbered page has a step, and links to the part of docs/explorer.md that has it", () => {
  expect(STEPS.map(({ page }) => `${page}.md`)).toEqual(pages.map((path) => basename(path)));
  for (const path of pages) {
    const last = readFileSync(path, "utf8").trimEnd().split("\n").at(-1);
    expect(last).toContain("[in the explorer](../explorer.md#from-the-tour)");
  }
});

test("docs/explorer.md has the steps that the links lead to", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "explorer.md"), "utf8");
  const [, section] = /^## From the tour\n(.*?)^## /ms.exec(text) as RegExpExecArray;
  const rows = Array.from(section.matchAll(/^\| \[(.*?)\]\(reading\/(.*?)\.md\) \| (?:`(.*?)`|.*?) \|$/gm));
  expect(rows.map(([, , page, tap]) => ({ page, tap: tap ?? null }))).toEqual(
    STEPS.map(({ page, tap }) => ({ page, tap })),
  );
});

describe("steps", () => {
  test("are taps of the small model, in links that the explorer understands", () => {
    for (const { page, tap } of STEPS) {
      if (tap === null) continue;
      expect(taps).toContain(tap);
      const { state, problems, others } = readLink(explorerLink(page));
      expect(problems).toEqual([]);
      expect(state).toMatchObject({ more: "stepper", tap });
      expect([...others]).toEqual([]);
    }
    expect(explorerLink("01-tokens")).toBe("");
    expect(readLink(explorerLink("08-next-sentence")).state.pair).not.toBe("");
    expect(readLink(explorerLink("03-attention")).state.layer).toBe(1);
  });

  test("every tap has the page that explains it", () => {
    expect(taps.filter((tap) => pageOfTap(tap) === null)).toEqual([]);
    for (const { page, tap, explains } of STEPS) if (explains && tap) expect(pageOfTap(tap)).toBe(page);
    expect(pageOfTap("bert.encoder.layer.2.attention.self.value")).toBe("03-attention");
    expect(pageOfTap("bert.encoder.layer.2.attention.output.dense")).toBe("03-attention"); // W_O is in its equation
    expect(pageOfTap("bert.encoder.layer.2.output.dense")).toBe("05-feed-forward");
    expect(pageOfTap("bert.encoder.layer.2.output.LayerNorm")).toBe("06-the-stack");
    expect(pageOfTap("no.tap")).toBeNull();
  });

  test("the page that explains a tap is the one that the stepper names", async () => {
    const { model } = await small();
    for (const step of stepsOf(model))
      for (const name of step.names) expect(pageOfTap(name), name).toBe(equationOf(step).page);
  });
});

test.each(pages)("%s is called by its heading", (path) => {
  const heading = readFileSync(path, "utf8").split("\n")[0].replace("# ", "");
  expect(titleOfStep(basename(path, ".md")).toLowerCase()).toBe(heading.replaceAll("-", " ").toLowerCase());
});
