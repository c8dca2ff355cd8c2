import { expectEqualTexts } from "../harness/agreement.ts";
import { type Case, type CaseGroup, simpleCase } from "../harness/case.ts";
import { timed } from "../harness/interleave.ts";
import type { Planned } from "../harness/schedule.ts";
import { BASE, type BenchModel, SMALL } from "../onnx/modelFolder.ts";
import { type PlainbertText, plainbertText, type TextEngine, transformersText } from "../sides/text.ts";
import { concurrentCases, concurrentIds } from "./concurrent.ts";
import { encoderFlops, FILL_MASK_TEXT, firstSentences, inBatches, lengths } from "./inputs.ts";
import { searchIndexCases } from "./searchIndex.ts";

const SENTENCES = 128;

/** The case that shows that many callers of the large model can be measured. */
const ONE_OF_BASE = "concurrent-fill-mask-base-8";

/** Text to answer, tokenizer and all, with BERT-base's sizes. */
export const baseTextGroup: CaseGroup = {
  planned: [
    { id: "fill-mask", seconds: 8 },
    { id: "encode-sentences", seconds: 40, notQuick: true },
    ...concurrentPlan("base", 17),
  ],
  async open({ backend, threads, tokenizer, config }) {
    const { ours, others, dispose } = await openText(BASE, backend, threads);
    const engines = [ours, ...others];
    const texts = firstSentences(SENTENCES);
    const part = firstSentences(SENTENCES / 4);
    const flops = encoderFlops(lengths(tokenizer.encodeBatch(texts).map(({ inputIds }) => inputIds)), config);
    const fillMask: Case = simpleCase(
      { id: "fill-mask", title: "fill-mask end to end, 12 tokens", unit: "ms" },
      engines.map(({ name, library, fillMask }) => timed(name, library, () => fillMask(FILL_MASK_TEXT))),
    );
    const encodeSentences: Case = simpleCase(
      { id: "encode-sentences", title: `${SENTENCES} sentences to vectors, end to end`, unit: "ms", flops },
      engines.map(({ name, library, embed }) =>
        timed(name, library, () => inBatches(texts, embed), { run: () => inBatches(part, embed), share: 1 / 4 }),
      ),
    );
    return { cases: [fillMask, encodeSentences, ...concurrentCases("base", BASE, ours, others)], dispose };
  },
};

/** The same with the model that comes with the package. */
export const smallTextGroup: CaseGroup = {
  planned: [
    ...concurrentPlan("small", 6),
    { id: "index-build", seconds: 50, notQuick: true },
    { id: "index-search", seconds: 8 },
    { id: "index-queries", seconds: 4 },
  ],
  async open({ backend, threads }) {
    const { ours, others, dispose } = await openText(SMALL, backend, threads);
    return {
      cases: [...concurrentCases("small", SMALL, ours, others), ...(await searchIndexCases(ours, others))],
      dispose,
    };
  },
};

function concurrentPlan(size: string, seconds: number): Planned[] {
  return concurrentIds(size).map((id) => ({ id, seconds, notQuick: size === "base" && id !== ONE_OF_BASE }));
}

/** Both libraries with a model, whose answers were compared. */
async function openText(
  model: BenchModel,
  backend: string,
  threads: number,
): Promise<{ ours: PlainbertText; others: TextEngine[]; dispose: () => Promise<void> }> {
  const ours = await plainbertText(model, backend, threads);
  const others = [await transformersText(model, "plain", threads), await transformersText(model, "fused", threads)];
  await expectEqualTexts([ours, ...others]);
  const dispose = async () => {
    for (const engine of [ours, ...others]) await engine.dispose();
  };
  return { ours, others, dispose };
}
