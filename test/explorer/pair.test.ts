import { describe, expect, test } from "vitest";
import type { Projections } from "../../src/explorer/further/further.ts";
import { layerTaps } from "../../src/explorer/further/layerTaps.ts";
import { numbersOf } from "../../src/explorer/scene.ts";
import { PRODUCTS, pairPicture, pairSteps } from "../../src/explorer/scenes/pair.ts";
import type { Tensor } from "../../src/index.ts";
import { explored, MODELS } from "./models.ts";

/** From a query and a key to a probability, against forward. */
const NEAR = 2e-6; // the engine's scores are float32, of up to 64 products

describe.each(MODELS)("%s", (_, open) => {
  test("every pair of every head: q and k are forward's, and lead to its probability", async () => {
    const model = await open();
    const { numHiddenLayers: L, hiddenSize: H } = model.model.config;
    for (let layer = 0; layer < L; layer++) {
      const text = { pair: "out of it.", further: { projections: layer } };
      const result = explored(model, "The door was [MASK]", text);
      const { tokens, heads } = result;
      const own = layerTaps(model.model.taps)[layer];
      const input = [{ inputIds: tokens.map(({ id }) => id), tokenTypeIds: tokens.map(({ segment }) => segment) }];
      const { taps } = await model.model.forward(input, { taps: [own.query, own.key, result.taps[layer]] });
      const data = (name: string) => (taps as ReadonlyMap<string, Tensor>).get(name)?.data as Float32Array;
      const projections = result.further?.projections as Projections;
      expect(projections.taps).toEqual([own.query, own.key]);
      const [T, D] = [tokens.length, H / heads];
      for (let head = 0; head < heads; head++) {
        for (const query of tokens.keys()) {
          for (const key of tokens.keys()) {
            const steps = pairSteps(result, projections, { head, query, key });
            let sum = 0;
            for (const { dimension, q, k, product, sum: so } of steps.terms) {
              const at = head * D + dimension;
              if (q !== data(own.query)[query * H + at] || k !== data(own.key)[key * H + at])
                expect.fail(`${dimension}`);
              sum += product;
              if (product !== q * k || so !== sum) expect.fail(`${dimension}: ${product}, ${so}`);
            }
            expect(new Set(steps.terms.map(({ dimension }) => dimension)).size).toBe(D);
            const magnitudes = steps.terms.map(({ product }) => Math.abs(product));
            expect(magnitudes).toEqual([...magnitudes].sort((a, b) => b - a));
            expect(steps.score).toBe(sum / Math.sqrt(D));
            expect(steps.engine).toBe(data(result.taps[layer])[(head * T + query) * T + key]);
            expect(Math.abs(steps.probability - steps.engine)).toBeLessThanOrEqual(NEAR);
          }
        }
      }
    }
  });
});

describe.each(MODELS)("%s: the picture", (_, open) => {
  test.each([328, 900])("has the largest terms, the rest as one, and the steps; %i pixels", async (width) => {
    const model = await open();
    const result = explored(model, "The door was [MASK]", { further: { projections: 1 } });
    const projections = result.further?.projections as Projections;
    const steps = pairSteps(result, projections, { head: 1, query: 2, key: 4 });
    const scene = pairPicture(result, projections, steps, width);
    const shown = [...numbersOf(scene)];
    const count = Math.min(16, steps.terms.length);
    expect(shown.map(({ value }) => value)).toEqual(steps.terms.slice(0, count).map(({ product }) => product));
    expect(shown.map(({ ref }) => ref)).toEqual(
      steps.terms.slice(0, count).map(({ dimension }) => ({ tap: PRODUCTS, at: [1, 1, 2, 4, dimension] })),
    );
    const texts = scene.shapes.flatMap((shape) => (shape.kind === "text" ? [shape.text] : []));
    expect(texts).toContain(`the engine's probability: ${steps.engine.toFixed(6)}`);
    expect(texts.some((text) => text.startsWith(`the other ${steps.terms.length - 16} terms`))).toBe(
      steps.terms.length > 16,
    );
    const bars = scene.shapes.flatMap((shape) => (shape.kind === "bar" && width === 900 ? [shape] : []));
    const axis = scene.shapes.flatMap((shape) => (shape.kind === "rule" ? [shape.x + 0.5] : []))[0];
    for (const { x, value } of bars) expect(value < 0 ? x < axis : x === axis).toBe(true);
  });

  test("bars have all the room on one side where none of the shown products is negative", async () => {
    const model = await open();
    const result = explored(model, "The door was [MASK]", { further: { projections: 1 } });
    const steps = pairSteps(result, result.further?.projections as Projections, { head: 1, query: 2, key: 4 });
    const terms = steps.terms.map((term) => ({ ...term, product: Math.abs(term.product) }));
    const { shapes, width } = pairPicture(result, result.further?.projections as Projections, { ...steps, terms }, 900);
    const longest = Math.max(...shapes.flatMap((shape) => (shape.kind === "bar" ? [shape.width] : [])));
    expect(longest).toBeGreaterThan(width / 2 - 1);
  });
});
