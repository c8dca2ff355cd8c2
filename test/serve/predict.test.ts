import { describe, expect, test } from "vitest";
import { pipeline } from "../../src/pipelines/index.ts";
import { head } from "../cli/run.ts";
import { post } from "./document.ts";
import { createRequestHandler } from "./documentedHandler.ts";
import { load, TEXTS } from "./support.ts";

describe("/predict", () => {
  test.each(["nli", "multi_label", "regression"])("%s: every label's score, as text-classification", async (name) => {
    const bert = await load(head(name));
    const classify = await pipeline("text-classification", bert);
    const own = createRequestHandler(bert);
    const swapped = (all: { label: string; score: number }[]) => all.map(({ label, score }) => ({ score, label }));
    const all = { top_k: null };
    const one = await post(own, "/predict", { inputs: TEXTS[0] });
    expect(one.body).toEqual(swapped(await classify(TEXTS[0], all)));
    const pair = await post(own, "/predict", { inputs: [TEXTS[0], TEXTS[1]] });
    expect(pair.body).toEqual(swapped(await classify({ text: TEXTS[0], text_pair: TEXTS[1] }, all)));
    const batch = await post(own, "/predict", { inputs: [[TEXTS[2]], [TEXTS[0], TEXTS[1]]], raw_scores: true });
    expect(batch.body).toEqual([
      swapped(await classify(TEXTS[2], { ...all, function_to_apply: "none" })),
      swapped(await classify({ text: TEXTS[0], text_pair: TEXTS[1] }, { ...all, function_to_apply: "none" })),
    ]);
  });

  test("a list of one is a text; three strings are nothing", async () => {
    const own = createRequestHandler(await load(head("nli")));
    const one = await post(own, "/predict", { inputs: [TEXTS[0]] }, { wrong: true }); // the document does not know it, the server does
    expect(one.body).toEqual((await post(own, "/predict", { inputs: TEXTS[0] })).body);
    for (const inputs of [TEXTS, [], [[]], [["a", "b", "c"]], 1])
      expect((await post(own, "/predict", { inputs }, { wrong: true })).status).toBe(422);
  });
});

test("/rerank: the scores of text-ranking, the best first, with texts if asked", async () => {
  const bert = await load(head("one_label"));
  const rank = await pipeline("text-ranking", bert);
  const own = createRequestHandler(bert);
  const request = { query: "Who was rich?", texts: TEXTS };
  expect((await post(own, "/rerank", request)).body).toEqual(await rank(request.query, TEXTS));
  const { body } = await post(own, "/rerank", { ...request, return_text: true, raw_scores: true });
  expect(body).toEqual(await rank(request.query, TEXTS, { return_documents: true, activation: "none" }));
  expect(body.map(({ text }: { text: string }) => text).sort()).toEqual([...TEXTS].sort());
});
