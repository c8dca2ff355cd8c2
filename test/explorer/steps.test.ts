import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { SOURCE_LINES_FILE, sourceLines } from "../../scripts/stepSources.ts";
import { equationOf, READING_PAGES } from "../../src/explorer/page/stepper/equations.ts";
import { SOURCE_LINES } from "../../src/explorer/page/stepper/sourceLines.ts";
import { ACTIVATION_FORMULAS } from "../../src/explorer/steps/activationFormulas.ts";
import { computedAgain, unitsApart } from "../../src/explorer/steps/computedAgain.ts";
import { type Activation, STEP_KINDS, type Step, stepsOf } from "../../src/explorer/steps/modelSteps.ts";
import { type OperandSource, operandsOf } from "../../src/explorer/steps/operands.ts";
import { statisticsOf } from "../../src/explorer/steps/tapAnswers.ts";
import type { BertModel, Tensor } from "../../src/index.ts";
import { DISTILBERT_FOLDERS, loadDistilbert } from "../support/distilbert.ts";
import { loadModel, loadTiny, realTokens, reference, referenceInputs, referenceTensors } from "../support/reference.ts";
import { TOLERANCE } from "../tolerances.ts";
import { MODELS } from "./models.ts";

const ROOT = join(import.meta.dirname, "..", "..");

const HEADS = [
  ...["multiple-choice", "next-sentence-prediction", "question-answering", "sequence-classification"],
  ...["sequence-multilabel", "sequence-regression", "token-classification"],
];

function ofHead(head: string): Promise<BertModel> {
  const folder = reference(`tiny/heads/${head}`);
  return loadModel(join(folder, "model.safetensors"), readFileSync(join(folder, "config.json"), "utf8"));
}

/** A model of each head, in both families. */
const ALL: readonly (readonly [name: string, open: () => Promise<BertModel>])[] = [
  ...MODELS.map(([name, open]) => [name, async () => (await open()).model] as const),
  ...HEADS.map((head) => [head, () => ofHead(head)] as const),
  ...DISTILBERT_FOLDERS.map((folder) => [`distilbert ${folder}`, () => loadDistilbert(folder)] as const),
];

/** Ids that every model here has; the second text, and gaps in the middle. */
const IDS = [2, 17, 4, 60, 9, 4, 3, 31, 8, 3];
const SEGMENTS = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1];
const READ = [2, 5];

type Pass = OperandSource & { readonly taps: ReadonlyMap<string, Tensor> };

/** What the numbers of a model are computed from, and every tap. */
function passOf(model: BertModel): Pass {
  const names = model.taps.map(({ name }) => name);
  const hasGaps = names.some((name) => /^cls\.predictions|^vocab_/.test(name));
  const types = model.config.typeVocabSize > 0 ? { tokenTypeIds: SEGMENTS } : {};
  const options = { taps: names, ...(hasGaps && { maskedLmPositions: [READ] }) };
  const { taps = new Map<string, Tensor>() } = model.forwardSync([{ inputIds: IDS, ...types }], options);
  const parameters = new Map<string, Tensor>();
  for (const [name, { shape, data }] of model.parameters) parameters.set(name, { shape, data });
  return {
    taps,
    tap: (name) => taps.get(name) as Tensor,
    parameter: (name) => parameters.get(name) as Tensor,
    tokens: IDS.map((id, t) => ({ id, segment: SEGMENTS[t] })),
    read: READ,
    heads: model.config.numAttentionHeads,
    epsilon: model.config.layerNormEps,
  };
}

/** The place of number n of a tap of one sequence: row and column; of attention probabilities head, query and key. */
function placeOf({ shape }: Tensor, n: number): number[] {
  const sizes = shape.length === 4 ? shape.slice(1) : shape.slice(-2);
  const place: number[] = [];
  for (const size of sizes.toReversed()) {
    place.unshift(n % size);
    n = Math.floor(n / size);
  }
  return place;
}

/** Computes numbers of a tap again; each must be the model's, to the last bit. */
function expectSame(step: Step, name: string, pass: Pass, which: Iterable<number>): number {
  const tensor = pass.tap(name);
  let count = 0;
  for (const n of which) {
    const place = placeOf(tensor, n);
    const { value } = computedAgain(operandsOf(step, place, pass));
    if (!Object.is(value, tensor.data[n])) expect.fail(`${name}[${place}]: ${value}, forward has ${tensor.data[n]}`);
    count++;
  }
  return count;
}

describe.each(ALL)("%s", (name, open) => {
  test("the steps have every tap, once and in order", async () => {
    const model = await open();
    const names = stepsOf(model).flatMap((step) => step.names);
    expect(names).toEqual(model.taps.map((tap) => tap.name));
    expect(new Set(names).size).toBe(names.length);
    const layers = stepsOf(model).flatMap(({ layer, names: [first] }) => (layer === null ? [] : [[layer, first]]));
    for (const [layer, first] of layers) expect(first).toContain(`.layer.${layer}.`);
  });

  test("on plain numbers of every tap, computed again, are the same to the last bit", async () => {
    const model = await open();
    const pass = passOf(model);
    const isSmall = name === "small";
    let count = 0;
    for (const step of stepsOf(model)) {
      for (const tap of step.names) {
        const { length } = pass.tap(tap).data;
        const some = Array.from({ length: Math.min(length, 60) }, (_, n) => (n * 7919 + 13) % length);
        count += expectSame(step, tap, pass, isSmall ? some : Array(length).keys());
      }
    }
    const all = [...pass.taps.values()].reduce((sum, { data }) => sum + data.length, 0);
    if (isSmall) expect(count).toBeGreaterThan(3000);
    else expect(count).toBe(all);
  });

  test("every step has an equation with all that belongs to it, and its sizes are those that its shape has", async () => {
    const { config, ...model } = await open();
    const sizes: Readonly<Record<string, number | string>> = {
      ...{ T: "T", H: config.hiddenSize, I: config.intermediateSize, A: config.numAttentionHeads },
      ...{ V: config.vocabSize, 2: 2, classes: config.architecture.endsWith("Choice") ? 1 : config.labels.length },
    };
    for (const step of stepsOf({ config, taps: model.taps, parameters: (await open()).parameters })) {
      const { title, words, paper, where, letters } = equationOf(step);
      for (const text of [title, words, paper, where]) expect(text.length).toBeGreaterThan(3);
      const own = letters.map((letter) => sizes[letter]);
      const isRead = step.kind.startsWith("gap"); // one row for each gap instead of [B, T]
      expect(own, step.names[0]).toEqual(step.shape.slice(isRead ? 2 : 1));
    }
  });
});

test("tiny's taps are the names in the truth's file", async () => {
  const truth = referenceTensors("tiny/activations.float64.safetensors");
  const names = stepsOf(await loadTiny()).flatMap((step) => step.names);
  expect(names.toSorted()).toEqual([...truth.tensors.keys()].sort());
});

test("each kind of step is one of some model, so that no equation is without a tap", async () => {
  const seen = new Set<string>();
  for (const [, open] of ALL) for (const { kind } of stepsOf(await open())) seen.add(kind);
  expect([...seen].sort()).toEqual([...STEP_KINDS].sort());
});

test.each(Object.keys(ACTIVATION_FORMULAS) as Activation[])("%s: the same bits for every number", async (hiddenAct) => {
  const model = await loadTiny("model.safetensors", { hiddenAct });
  const pass = passOf(model);
  const steps = stepsOf(model).filter(({ kind }) => kind === "activation" || kind === "gapActivation");
  expect(steps.length).toBe(3);
  for (const step of steps) expectSame(step, step.names[0], pass, pass.tap(step.names[0]).data.keys());
});

test("smallest, largest, mean and norm of every tap are the truth's", async () => {
  const truth = referenceTensors("tiny/activations.float64.safetensors");
  const inputs = referenceInputs("tiny/inputs.json");
  const seen = new Set<string>();
  (await loadTiny()).forwardSync(inputs, {
    tap(name, { data, shape }) {
      seen.add(name);
      const isReal = shape[1] === 17 || shape.length === 4 ? realTokens(shape, inputs.attentionMask) : () => true;
      const want = [...truth.toFloat64(name)].filter((_, n) => isReal(n)).sort((a, b) => a - b);
      const { min, max, mean, norm } = statisticsOf(data.filter((_, n) => isReal(n)));
      const near = TOLERANCE.plain.activation(name);
      expect(Math.abs(min - want[0])).toBeLessThanOrEqual(near);
      expect(Math.abs(max - (want.at(-1) as number))).toBeLessThanOrEqual(near);
      expect(Math.abs(mean - want.reduce((sum, x) => sum + x / want.length, 0))).toBeLessThanOrEqual(near);
      expect(Math.abs(norm - Math.hypot(...want))).toBeLessThanOrEqual(near * Math.sqrt(want.length));
    },
  });
  expect(seen.size).toBe(46);
});

describe("the sources", () => {
  test("lines are where the page says; npm run docs writes them", () => {
    expect(readFileSync(SOURCE_LINES_FILE, "utf8")).toBe(sourceLines());
  });

  test.each(Object.entries(SOURCE_LINES))("%s: the line has the code", (_, { file, line, code }) => {
    const lines = readFileSync(join(ROOT, file), "utf8").split("\n");
    expect(lines[line - 1]).toContain(code.split(" else ")[0]);
  });

  test("the pages of the tour are there, under their titles", () => {
    for (const [file, title] of Object.entries(READING_PAGES)) {
      const path = join(ROOT, "docs", "reading", `${file}.md`);
      expect(existsSync(path), path).toBe(true);
      expect(readFileSync(path, "utf8").split("\n")[0]).toBe(`# ${Number(file.slice(0, 2))}. ${title}`);
    }
  });
});

test.each([
  [1, 1, 0],
  [1, 1 + 2 ** -23, 1],
  [1, 1 - 2 ** -24, 1],
  [-1, -1 - 2 ** -22, 2],
  [0, -0, 0],
  [2 ** -149, -(2 ** -149), 2],
  [1, 2, 2 ** 23],
])("%d and %d are %i units in the last place apart", (a, b, units) => {
  expect([unitsApart(a, b), unitsApart(b, a)]).toEqual([units, units]);
});
