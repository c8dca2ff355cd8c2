import { describe, expect, test } from "vitest";
import type { BertConfig } from "../../src/model/config.ts";
import { BertModel } from "../../src/runtime/bertModel.ts";
import { plainTraining } from "../../src/tensor/kernels/training.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { createGradients, type Gradients, type TrainedModel, zeroGradients } from "../../src/training/gradients.ts";
import { type LossOptions, lossAndGradients } from "../../src/training/lossAndGradients.ts";
import type { Labels } from "../../src/training/packLabels.ts";
import { deviation } from "../support/close.ts";
import { labelledBatch, loadTrained } from "../support/training.ts";

const { batch, labels } = labelledBatch("tiny");
const NONE: LossOptions = { dropout: null };
const DROPOUT: Partial<BertConfig> = { hiddenDropoutProb: 0.2, attentionProbsDropoutProb: 0.3 };

function run(model: TrainedModel, options: LossOptions, frozen?: (name: string) => boolean) {
  const gradients = createGradients(model, frozen);
  return { ...lossAndGradients(model, gradients, batch, labels, options), gradients };
}

/** Largest difference as a share of the largest element, over all tensors that both have. */
function difference(a: Gradients, b: Gradients): number {
  const shares = Array.from(b.byName, ([name, { data }]) => {
    const want = (a.byName.get(name) as Tensor).data;
    return deviation(data, want).max / want.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-3);
  });
  return Math.max(...shares);
}

test("the loss is that of the logits that the model gives when it is asked", async () => {
  const model = await loadTrained("tiny");
  const { loss, parts } = run(model, NONE);
  const output = new BertModel(model.config, model.params, plainTraining).forwardSync(batch);
  const [logits, V] = [output.predictionLogits!, model.config.vocabSize];
  const tokens = (labels.labels as number[][]).flatMap((row, b) =>
    row.flatMap((label, t) =>
      label === -100 ? [] : [{ label, row: logits.data.subarray((b * 17 + t) * V).slice(0, V) }],
    ),
  );
  const total = tokens.reduce((sum, { label, row }) => {
    return sum - Math.log(Math.exp(row[label]) / row.reduce((all, z) => all + Math.exp(z), 0));
  }, 0);
  expect(parts.maskedLm?.count).toBe(6);
  expect(Math.abs((parts.maskedLm?.loss ?? 0) - total / 6)).toBeLessThan(1e-12);
  expect(parts.maskedLm?.correct).toBe(tokens.filter(({ label, row }) => row[label] === Math.max(...row)).length);
  expect(loss).toBe((parts.maskedLm?.loss ?? 0) + (parts.nextSentence?.loss ?? 0));
});

test("gradients are added up, times scale, and can be set to zero", async () => {
  const model = await loadTrained("tiny");
  const once = run(model, NONE).gradients;
  const twice = createGradients(model);
  for (let i = 0; i < 2; i++) lossAndGradients(model, twice, batch, labels, { ...NONE, scale: 0.5 });
  expect(difference(once, twice)).toBeLessThan(1e-7);
  zeroGradients(twice);
  expect([...twice.byName.values()].every(({ data }) => data.every((g) => g === 0))).toBe(true);
});

test("a sequence's gradient does not depend on its neighbours: those of a batch are the mean of those alone", async () => {
  const folder = "tiny/heads/sequence-classification";
  const model = await loadTrained(folder);
  const all = labelledBatch(folder);
  const [together, alone] = [createGradients(model), createGradients(model)];
  lossAndGradients(model, together, all.batch, all.labels, NONE);
  all.batch.forEach((sequence, b) => {
    const label = (all.labels.labels as number[])[b];
    lossAndGradients(model, alone, [sequence], { labels: [label] }, { ...NONE, scale: 1 / 3 });
  });
  expect(difference(together, alone)).toBeLessThan(3e-7);
});

describe("frozen parameters", () => {
  const layers = (name: string) => /embeddings|layer\.0/.test(name);
  test.each([
    ["embeddings", (name: string) => name.startsWith("bert.embeddings.")],
    ["embeddings and a layer", layers],
    ["all but the heads", (name: string) => name.startsWith("bert.")],
    ["all but biases", (name: string) => !name.endsWith("bias")],
    ["the upper layer and the heads", (name: string) => !layers(name)],
    ["all", () => true],
  ])("%s: the others get the same bits", async (_, frozen) => {
    const model = await loadTrained("tiny", DROPOUT);
    const options: LossOptions = { dropout: { seed: 1, step: 2 } };
    const whole = run(model, options);
    const part = run(model, options, frozen);
    expect(part.loss).toBe(whole.loss);
    const names = [...whole.gradients.byName.keys()].filter((name) => !frozen(name));
    expect([...part.gradients.byName.keys()]).toEqual(names);
    for (const name of names) {
      const tied = name.includes("word_embeddings") && frozen("bert.embeddings.LayerNorm.weight");
      if (!tied) expect(part.gradients.byName.get(name), name).toEqual(whole.gradients.byName.get(name));
    }
  });
});

describe("dropout", () => {
  test("the same seed and step give the same bits, another step another loss", async () => {
    const model = await loadTrained("tiny", DROPOUT);
    const first = run(model, { dropout: { seed: 1, step: 2 } });
    const again = run(model, { dropout: { seed: 1, step: 2 } });
    expect(again.loss).toBe(first.loss);
    expect(again.gradients.byName).toEqual(first.gradients.byName);
    const losses = [{ seed: 1, step: 3 }, { seed: 2, step: 2 }, null].map((dropout) => run(model, { dropout }).loss);
    expect(new Set([first.loss, ...losses]).size).toBe(4);
  });

  test.each(["hiddenDropoutProb", "attentionProbsDropoutProb"] as const)("%s alone", async (name) => {
    const model = await loadTrained("tiny", { [name]: 0.3 });
    expect(run(model, { dropout: { seed: 1, step: 2 } }).loss).not.toBe(run(model, NONE).loss);
  });

  test.each(["tiny/heads/sequence-classification", "tiny/heads/token-classification"])(
    "%s drops before the classifier",
    async (folder) => {
      const model = await loadTrained(folder, { classifierDropout: 0.5 });
      const { batch, labels } = labelledBatch(folder);
      const lossOf = (dropout: LossOptions["dropout"]) =>
        lossAndGradients(model, createGradients(model), batch, labels, { dropout }).loss;
      expect(lossOf({ seed: 1, step: 2 })).not.toBe(lossOf(null));
    },
  );

  /** Along the gradient itself the loss must fall by its squared length; a wrong mask in backward breaks that. */
  test.each(["tiny", "tiny/heads/sequence-classification", "tiny/heads/token-classification"])(
    "%s: the gradient is that of the dropped-out loss, by finite differences",
    async (folder) => {
      const model = await loadTrained(folder, { ...DROPOUT, classifierDropout: 0.5 });
      const { batch, labels } = labelledBatch(folder);
      const options: LossOptions = { dropout: { seed: 5, step: 1 } };
      const gradients = createGradients(model);
      lossAndGradients(model, gradients, batch, labels, options);
      const before = new Map(Array.from(model.params.byName, ([name, { data }]) => [name, data.slice()]));
      const norm = Math.sqrt(
        [...gradients.byName.values()].reduce((sum, { data }) => data.reduce((s, g) => s + g * g, sum), 0),
      );
      const step = 1e-3 / norm;
      let slope = 0; // Σ g · the step that was stored
      const lossAt = (sign: number) => {
        for (const [name, { data }] of model.params.byName) {
          const g = gradients.byName.get(name)!.data;
          const start = before.get(name)!;
          data.forEach((_, i) => {
            data[i] = start[i] + sign * step * g[i];
            slope += sign * g[i] * (data[i] - start[i]);
          });
        }
        return lossAndGradients(model, createGradients(model), batch, labels, options).loss;
      };
      const change = lossAt(1) - lossAt(-1);
      expect(Math.abs(change / slope - 1)).toBeLessThan(2e-3);
    },
  );
});

describe("labels that do not fit", () => {
  test.each<[string, string, Labels, string]>([
    ["tiny", "none", {}, "labels must have 3 entries, got none"],
    ["tiny", "no next sentence", { labels: labels.labels! }, "nextSentenceLabel must have 3 entries, got none"],
    [
      "tiny",
      "all ignored",
      { ...labels, labels: batch.map(() => Array(17).fill(-100)) },
      "labels must have at least one that is not -100, got none",
    ],
    [
      "tiny",
      "an id beyond the vocabulary",
      { ...labels, labels: batch.map(() => Array(17).fill(211)) },
      "labels[0][0] must be a whole number from 0 to 210, got 211",
    ],
    [
      "tiny/heads/sequence-classification",
      "a class too many",
      { labels: [0, 4, 1] },
      "labels[1] must be a whole number from 0 to 3, got 4",
    ],
    [
      "tiny/heads/sequence-multilabel",
      "too few",
      { labels: [[1, 0, 0], [], []] },
      "labels[0] must be 4 finite numbers, got [1, 0, 0]",
    ],
    ["tiny/heads/sequence-regression", "NaN", { labels: [0, NaN, 1] }, "labels[1] must be 1 finite numbers, got NaN"],
    [
      "tiny/heads/multiple-choice",
      "no divisor",
      { labels: [0, 1] },
      "labels must be one for each question of 3 sequences, got 2",
    ],
    [
      "tiny/heads/question-answering",
      "all beyond the text",
      { startPositions: [99, 99, 99], endPositions: [0, 0, 0] },
      "startPositions must have at least one within its sequence, got none",
    ],
    [
      "tiny/heads/question-answering",
      "no number",
      { startPositions: [0.5, 0, 0], endPositions: [0, 0, 0] },
      "startPositions[0] must be a whole number, got 0.5",
    ],
  ])("%s: %s", async (folder, _, wrong, message) => {
    const model = await loadTrained(folder);
    expect(() => lossAndGradients(model, createGradients(model), batch, wrong, NONE)).toThrow(
      expect.objectContaining({ code: "ERR_INPUT", message: `lossAndGradients: ${message}` }),
    );
  });

  test("a model without a head", async () => {
    const model = await loadTrained("tiny", { architecture: "BertModel" });
    expect(() => lossAndGradients(model, createGradients(model), batch, labels, NONE)).toThrow("got BertModel");
  });
});

test("a span that is no part of its sequence is not counted", async () => {
  const folder = "tiny/heads/question-answering";
  const model = await loadTrained(folder);
  const { batch } = labelledBatch(folder);
  const lossOf = (startPositions: number[], endPositions: number[], sequences = batch) =>
    lossAndGradients(model, createGradients(model), sequences, { startPositions, endPositions }, NONE);
  const { parts, loss } = lossOf([3, 1, 2], [7, 4, 2]); // the third text has 2 tokens
  expect([parts.start?.count, parts.end?.count]).toEqual([2, 2]);
  expect(loss).toBe(lossOf([3, 1], [7, 4], batch.slice(0, 2)).loss);
});
