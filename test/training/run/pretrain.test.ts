import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pipeline } from "../../../src/index.ts";
import { openExamples, type PretrainOptions, pretrain } from "../../../src/training/index.ts";
import { TINY_VOCABULARY, temporaryFolder, writeTinyModel } from "../../support/tinyModel.ts";
import { writeExamples } from "./pretrainingExamples.ts";

let place: ReturnType<typeof temporaryFolder>;
const CONFIG = {
  ...{
    num_hidden_layers: 1,
    hidden_size: 16,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 32,
  },
};

beforeAll(async () => {
  place = temporaryFolder();
  await writeExamples(join(place.path, "short"), TINY_VOCABULARY, 16);
  await writeExamples(join(place.path, "long"), TINY_VOCABULARY, 32);
  await writeExamples(join(place.path, "other"), [...TINY_VOCABULARY, "more"], 16);
});
afterAll(() => place[Symbol.dispose]());

const options = (output: string, more: Partial<PretrainOptions> = {}): PretrainOptions => ({
  ...{ output: join(place.path, output), config: CONFIG, backend: "plain", batchSize: 4, learningRate: 0.01 },
  phases: [
    { examples: join(place.path, "short"), steps: 9 },
    { examples: join(place.path, "long"), steps: 6, batchSize: 2, gradientAccumulationSteps: 2 },
  ],
  ...{ saveSteps: 4, loggingSteps: 5 },
  ...more,
});
const weights = (output: string) => readFileSync(join(place.path, output, "model.safetensors"));

test("learns masked words and next sentences, in phases; log and evaluation say how well", async () => {
  const phases = [{ examples: join(place.path, "short"), steps: 150 }];
  const more = { phases, evalExamples: join(place.path, "short"), batchSize: 16, loggingSteps: 25, saveSteps: 500 };
  const { log, metrics, globalStep } = await pretrain(options("learned", more));
  expect(globalStep).toBe(150);
  const training = log.filter((entry) => "loss" in entry);
  const [first, last] = [training[0], training[training.length - 1]];
  for (const entry of training) expect(entry.loss).toBeCloseTo(entry.masked_lm_loss + entry.next_sentence_loss, 1);
  expect(last.masked_lm_loss).toBeLessThan(0.7 * first.masked_lm_loss);
  expect(last.masked_lm_accuracy).toBeGreaterThan(first.masked_lm_accuracy);
  expect(metrics.eval_masked_lm_accuracy).toBeGreaterThan(0.5);
  expect(metrics.eval_loss).toBeCloseTo(metrics.eval_masked_lm_loss + metrics.eval_next_sentence_loss, 12);
  expect(metrics.eval_perplexity).toBeCloseTo(Math.exp(metrics.eval_masked_lm_loss), 6);

  // The same figures from the pipeline, which knows nothing of this code.
  const unmask = await pipeline("fill-mask", join(place.path, "learned"), { backend: "plain" });
  const examples = await openExamples([join(place.path, "short", "examples-0.safetensors"), join(place.path, "short", "examples-1.safetensors")]); // biome-ignore format: one line
  let [right, count] = [0, 0];
  for (let i = 0; i < examples.length; i++) {
    const example = await examples.example(i);
    const { logits } = await unmask.model.forward([example], {
      maskedLmPositions: [example.maskedLmPositions],
    });
    const { data, shape } = logits as { data: Float32Array; shape: readonly number[] };
    for (const [m, id] of example.maskedLmIds.entries()) {
      const row = Array.from(data.subarray(m * shape[1], (m + 1) * shape[1]));
      right += row.indexOf(Math.max(...row)) === id ? 1 : 0;
      count++;
    }
  }
  await examples.close();
  await unmask.model.dispose();
  expect(metrics.eval_masked_lm_accuracy).toBe(right / count);
});

test("stopped in either phase, it goes on to the same bits; the seed decides them", async () => {
  await pretrain(options("whole"));
  for (const stop of [3, 9, 11]) {
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => {
      if (step === stop) controller.abort();
    };
    const output = `stopped-${stop}`;
    await expect(pretrain(options(output, { signal: controller.signal, onProgress }))).rejects.toThrow(`pretrain: stopped at step ${stop} of 15`); // biome-ignore format: one line
    await pretrain(options(output, { resume: true }));
    expect(weights(output).equals(weights("whole"))).toBe(true);
  }
  await pretrain(options("again"));
  await pretrain(options("seed", { seed: 43 }));
  expect(weights("again").equals(weights("whole"))).toBe(true);
  expect(weights("seed").equals(weights("whole"))).toBe(false);
});

test("goes on from another model, with its sizes", async () => {
  const start = join(place.path, "start");
  mkdirSync(start);
  await writeTinyModel(start);
  const { config: _, ...rest } = options("on");
  const { output } = await pretrain({ ...rest, model: start, learningRate: 0 });
  expect(JSON.parse(readFileSync(join(output, "config.json"), "utf8")).num_hidden_layers).toBe(2);
  expect(weights("on").equals(readFileSync(join(start, "model.safetensors")))).toBe(true); // at a learning rate of 0
});

test("what is refused", async () => {
  const start = join(place.path, "start");
  const phases = [{ examples: join(place.path, "other"), steps: 2 }];
  const { config: _, ...rest } = options("refused");
  const refused = async (given: PretrainOptions, message: string) =>
    expect(pretrain(given)).rejects.toThrow(expect.objectContaining({ name: "BertError", message: expect.stringContaining(message) })); // biome-ignore format: one line
  await refused(
    { ...rest, model: start, phases },
    "the vocabulary of the examples must be that of the model, it is another",
  );
  await refused({ ...rest, phases: [] }, "pretrain: phases must be at least one phase, got none");
  await refused(
    { ...rest, model: start, config: CONFIG },
    "pretrain: config must be left out where model is given, got both",
  );
  await refused(
    { ...rest, phases: [{ examples: start, steps: 1 }] },
    "phases[].examples must be a folder with examples-….safetensors",
  );
  await refused(
    { ...rest, phases: [{ ...phases[0], steps: 0 }] },
    "phases[].steps must be a whole number from 1, got 0",
  );
  await refused(
    { ...options("refused"), evalSteps: 1 },
    "pretrain: evalExamples must be given with evalSteps, is left",
  );
  await refused({ ...options("refused"), maxEvalExamples: 1 }, "evalExamples must be given with maxEvalExamples");
  await refused(
    { ...options("refused"), freezeLayers: 3 },
    "pretrain: freezeLayers must be at most 1, the model's layers",
  );
  await refused(
    { ...options("refused"), warmupSteps: 16 },
    "pretrain: warmupSteps must be at most 15, all updates, got 16",
  );
  await refused({ ...options("refused"), report: "no" as never }, 'pretrain: report must be true or false, got "no"');
  const small = { ...options("refused"), config: { ...CONFIG, max_position_embeddings: 16 } };
  await refused(small, 'phases[1].examples must be of at most 16 tokens, the most that the model takes, got "32"');
  const other = { ...options("refused"), evalExamples: join(place.path, "other") };
  await refused(other, `evalExamples must be of a vocabulary of ${TINY_VOCABULARY.length} tokens, got "`);
  await pretrain(options("first"));
  await refused(options("first", { resume: true, phases: [{ examples: join(place.path, "short"), steps: 15 }] }), 'pretrain: resume: phases must be "9 steps of 1 × 4, 6 steps of 2 × 2"'); // biome-ignore format: one line
  const swapped = options("first").phases.map(({ examples: _, ...phase }) => ({
    ...phase,
    examples: join(place.path, "long"),
  }));
  await refused(
    options("first", { resume: true, phases: swapped }),
    "pretrain: resume: the examples must be those with which the run in",
  );
});
