import { expect, test } from "vitest";
import { parseConfig } from "../../src/model/config.ts";
import { dropoutSites } from "../../src/model/dropoutSites.ts";

const CLASSIFIER = { architectures: ["BertForSequenceClassification"] };

test("every place has a mask of its own and the probability that the config says", () => {
  const json = { ...CLASSIFIER, num_hidden_layers: 12, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.2 };
  const { embeddings, layers, classifier } = dropoutSites(parseConfig(JSON.stringify(json)), { seed: 1, step: 2 });
  const all = [
    embeddings,
    ...layers.flatMap((layer) => [layer.probs, layer.attentionOutput, layer.output]),
    classifier,
  ];
  expect(all.map((mask) => mask?.site)).toEqual(Array.from({ length: 38 }, (_, site) => site));
  for (const [site, mask] of all.entries()) {
    const probability = site % 3 === 1 && site < 37 ? 0.2 : 0.1;
    expect(mask).toEqual({ probability, seed: 1, step: 2, site });
  }
});

test("classifier_dropout comes before hidden_dropout_prob; 0 is none", () => {
  const of = (json: object) =>
    dropoutSites(parseConfig(JSON.stringify({ ...CLASSIFIER, ...json })), { seed: 1, step: 2 });
  expect(of({ classifier_dropout: 0.3 }).classifier?.probability).toBe(0.3);
  expect(of({ classifier_dropout: 0 }).classifier).toBeNull();
  expect(of({ hidden_dropout_prob: 0 }).embeddings).toBeNull();
  expect(dropoutSites(parseConfig("{}"), null).embeddings).toBeNull();
});
