import { describe, expect, test } from "vitest";
import { type Bert, loadBert, loadTokenizer } from "../../src/pipelines/index.ts";
import { reference, referenceInputs } from "../support/reference.ts";

describe("loadBert", () => {
  test("the bundled model, with its tokenizer", async () => {
    await using bert = await loadBert();
    expect(bert.config.architecture).toBe("BertForPreTraining");
    expect(bert.backend.name).toBe("plain");
    const { inputIds } = bert.tokenizer.encode("[MASK]");
    expect(inputIds).toEqual([bert.tokenizer.clsTokenId, bert.tokenizer.maskTokenId, bert.tokenizer.sepTokenId]);
  });

  test("a folder without a vocabulary computes; only its tokenizer is missing", async () => {
    await using bert: Bert = await loadBert(reference("tiny"));
    const { predictionLogits } = await bert.forward(referenceInputs("tiny/inputs.json"));
    expect(predictionLogits?.shape).toEqual([3, 17, 211]);
    expect(() => bert.tokenizer).toThrow(
      expect.objectContaining({
        code: "ERR_VOCABULARY",
        message: "bert.tokenizer: the model's folder must have vocab.txt or tokenizer.json",
      }),
    );
  });

  test("another architecture than config.json's", async () => {
    await using bert = await loadBert(reference("tiny"), { architecture: "BertForMaskedLM" });
    const output = await bert.forward([{ inputIds: [1, 2] }]);
    expect(Object.keys(output)).toEqual(["lastHiddenState", "logits"]);
    await expect(
      loadBert(reference("tiny"), { architecture: "BertForEverything" as "BertModel" }),
    ).rejects.toMatchObject({
      code: "ERR_INPUT",
      message: expect.stringMatching(/^loadBert: architecture must be one of BertModel, .*, got "BertForEverything"$/),
    });
    await expect(loadBert(reference("tiny"), { architecture: "BertForQuestionAnswering" })).rejects.toThrow(
      "qa_outputs.weight: missing, must be [2,36]",
    );
  });
});

describe("loadTokenizer", () => {
  test("is the model's own", async () => {
    const text = "She opened the [MASK].";
    await using bert = await loadBert();
    expect((await loadTokenizer()).encode(text).inputIds).toEqual(bert.tokenizer.encode(text).inputIds);
  });

  test("needs a vocabulary", async () => {
    await expect(loadTokenizer(reference("tiny"))).rejects.toMatchObject({
      code: "ERR_VOCABULARY",
      message: expect.stringMatching(/^loadTokenizer: .*tiny must have vocab\.txt or tokenizer\.json$/),
    });
  });
});
