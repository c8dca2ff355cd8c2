import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type FillMaskPrediction, loadBert, pipeline } from "../../src/pipelines/index.ts";
import { expectClose } from "../support/close.ts";
import { TOLERANCE } from "../tolerances.ts";
import { WEIGHTS } from "./support.ts";

/** Each pipeline on the fast backend: the answers of Hugging Face, and those of plain for all the other tests. */
describe.each(["plain", "simd"] as const)("%s", (backend) => {
  const tolerance = TOLERANCE[backend];

  test("answers what Hugging Face answers on the small model", async () => {
    const expected = JSON.parse(await readFile(`${WEIGHTS}/expected.json`, "utf8"));
    await using unmask = await pipeline("fill-mask", undefined, { backend });
    for (const { text, top5 } of expected.fill_mask) {
      const got = (await unmask(text)) as FillMaskPrediction[] | FillMaskPrediction[][];
      const perMask = (Array.isArray(got[0]) ? got : [got]) as FillMaskPrediction[][];
      for (const [m, want] of (top5 as FillMaskPrediction[][]).entries()) {
        expect(perMask[m].map(({ token }) => token)).toEqual(want.map(({ token }) => token));
        const scores = (list: FillMaskPrediction[]) => list.map(({ score }) => score);
        expectClose(text, scores(perMask[m]), scores(want), tolerance.fillMask);
        const shares = scores(perMask[m]).map((score, i) => score / want[i].score);
        expectClose(`${text}, as a share`, shares, Array(shares.length).fill(1), tolerance.fillMaskRelative);
      }
    }
    await using isNext = await pipeline("next-sentence-prediction", undefined, { backend });
    for (const { a, b, is_next } of expected.next_sentence) {
      const both = await isNext(a, b, { top_k: null });
      const { score } = both.find(({ label }) => label === "IsNext")!;
      expectClose(`${a} ${b}`, [score], [is_next], tolerance.nextSentence);
    }
  });

  test("a vector is that of plain", async () => {
    const texts = ["A text.", "She opened the door and went into the room, where it was dark.", "No"];
    await using extract = await pipeline("feature-extraction", undefined, { backend });
    await using definition = await pipeline("feature-extraction", undefined, { backend: "plain" });
    const got = await extract(texts, { pooling: "mean" });
    const want = await definition(texts, { pooling: "mean" });
    expectClose("mean", got.data, want.data, tolerance.features);
  });
});

test("memory of a forward pass is used again by the next", async () => {
  await using bert = await loadBert(undefined, { backend: "simd", architecture: "BertModel" });
  const batch = bert.tokenizer.encodeBatch(Array(64).fill("She opened the door and went into the room."));
  const bytesOf = ({ data }: { data: Float32Array }) => Buffer.from(data.buffer);
  const first = bytesOf((await bert.forward(batch)).lastHiddenState);
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 20; i++) {
    const { lastHiddenState } = await bert.forward(batch, { hiddenStates: i % 2 === 0 });
    expect(bytesOf(lastHiddenState).equals(first)).toBe(true);
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6); // 20 passes without reuse: 400 MB
});
