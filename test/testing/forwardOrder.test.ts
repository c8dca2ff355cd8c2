import { expect, test } from "vitest";
import { ARCHITECTURES } from "../../src/model/architectures.ts";
import { loadBert } from "../../src/pipelines/index.ts";
import { byForwardOrder } from "../../src/testing/forwardOrder.ts";
import { head } from "../cli/run.ts";
import { DISTILBERT, DISTILBERT_FOLDERS, distilbertPath } from "../support/distilbert.ts";

/** By heart, as far as a sort can tell. */
const shuffled = (names: readonly string[]) => [...names].sort((a, b) => (a.length * 7) % 5 - (b.length * 7) % 5 || (a < b ? 1 : -1)); // biome-ignore format: one line

const FOLDERS: Readonly<Record<string, string>> = {
  BertForMaskedLM: "mlm",
  BertForQuestionAnswering: "qa",
  BertForTokenClassification: "ner",
  BertForSequenceClassification: "nli",
  BertForMultipleChoice: "multiple_choice",
};

test.each(ARCHITECTURES)("%s: the steps in the order in which they are computed", async (architecture) => {
  const folder = FOLDERS[architecture];
  const distil = DISTILBERT_FOLDERS.find((name) => DISTILBERT[name] === architecture);
  const path = distil ? distilbertPath(distil) : folder && head(folder);
  await using bert = await loadBert(path, { backend: "plain", architecture });
  const computed: string[] = [];
  bert.forwardSync([{ inputIds: [2, 5, 3] }], { tap: (name) => computed.push(name) });
  expect(computed.length).toBeGreaterThan(30);
  expect(shuffled(computed).sort(byForwardOrder)).toEqual(computed);
});

test("weights: of a layer before the next, weight before bias; 10 after 9; what is not BERT's last", () => {
  const order = [
    "bert.embeddings.word_embeddings.weight",
    "bert.embeddings.position_embeddings.weight",
    "bert.embeddings.token_type_embeddings.weight",
    "bert.embeddings.LayerNorm.weight",
    "bert.embeddings.LayerNorm.bias",
    "bert.encoder.layer.9.attention.self.query.weight",
    "bert.encoder.layer.9.attention.self.value.bias",
    "bert.encoder.layer.9.attention.output.LayerNorm.bias",
    "bert.encoder.layer.9.intermediate.dense.weight",
    "bert.encoder.layer.9.output.dense.weight",
    "bert.encoder.layer.10.attention.self.query.weight",
    "bert.pooler.dense.weight",
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.LayerNorm.weight",
    "classifier.weight",
    "adapter.weight",
    "zebra.weight",
  ];
  expect(shuffled(order)).not.toEqual(order);
  expect(shuffled(order).sort(byForwardOrder)).toEqual(order);
});
