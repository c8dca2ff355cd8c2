import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { preTrainingShapes, syntheticCheckpoint, syntheticWeights } from "./synthetic.ts";

const base = join(import.meta.dirname, "..", "reference", "base");
const config = JSON.parse(readFileSync(join(base, "config.json"), "utf8"));
const probe: Record<string, number[]> = JSON.parse(readFileSync(join(base, "weights.probe.json"), "utf8")).values;

test("names and elements are the probe's", () => {
  const shapes = preTrainingShapes(config);
  expect([...shapes.keys()].sort()).toEqual(Object.keys(probe).sort());
  let parameters = 0;
  for (const [name, shape] of shapes) {
    const length = shape.reduce((product, n) => product * n, 1);
    parameters += length;
    const weights = syntheticWeights(name, length);
    expect(
      [0, 1, Math.floor(length / 2), length - 1].map((i) => weights[i]),
      name,
    ).toEqual(probe[name]);
  }
  expect(parameters).toBe(108_932_934);
});

test("the checkpoint has these tensors", () => {
  const tensors = [
    ...syntheticCheckpoint({ ...config, num_hidden_layers: 1, hidden_size: 6, intermediate_size: 7, vocab_size: 50 }),
  ];
  expect(tensors.length).toBe(16 + 14);
  for (const [name, { data, shape }] of tensors)
    expect(typeof data === "function" && data()).toEqual(
      syntheticWeights(
        name,
        shape.reduce((p, n) => p * n, 1),
      ),
    );
});
