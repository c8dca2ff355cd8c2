import { describe, expect, test } from "vitest";
import { computedAgain, unitsApart } from "../../src/explorer/steps/computedAgain.ts";
import { type Step, stepsOf } from "../../src/explorer/steps/modelSteps.ts";
import { type OperandSource, operandsOf } from "../../src/explorer/steps/operands.ts";
import { tapNumbers, tapTerms } from "../../src/explorer/steps/tapAnswers.ts";
import { type BertModel, chooseBackend, loadBert, type Tensor } from "../../src/index.ts";
import { distilbertPath, loadDistilbert } from "../support/distilbert.ts";
import { loadModel, loadTiny, reference, referenceInputs, referenceTensors } from "../support/reference.ts";
import { readFileSync } from "node:fs";
import { MODELS, small, tiny, tokenizerOf } from "./models.ts";

const HEADS = [
  ...["multiple-choice", "next-sentence-prediction", "question-answering", "sequence-classification"],
  "token-classification",
];

const ofHead = (head: string): Promise<BertModel> => {
  const folder = `tiny/heads/${head}`;
  return loadModel(reference(`${folder}/model.safetensors`), readFileSync(reference(`${folder}/config.json`), "utf8"));
};

/** A model of each head, in both families. */
const ALL: readonly (readonly [name: string, open: () => Promise<BertModel>])[] = [
  ...MODELS.map(([name, open]) => [name, async () => (await open()).model] as const),
  ...HEADS.map((head) => [head, () => ofHead(head)] as const),
  ...(["base", "sequence-classification", "token-classification", "question-answering"] as const).map(
    (folder) => [`distilbert ${folder}`, () => loadDistilbert(folder)] as const,
  ),
];

/** Ids that every model here has; the second text has ids of its own. */
const IDS = [2, 17, 4, 60, 9, 4, 3, 31, 8, 3];
const SEGMENTS = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1];
const READ = [2, 5];

/** What the numbers of a model are computed from, and every tap. */
function passOf(model: BertModel): OperandSource & { readonly taps: ReadonlyMap<string, Tensor> } {
  const hasGaps = model.taps.some(({ name }) => /^cls\.predictions|^vocab_/.test(name));
  const names = model.taps.map(({ name }) => name);
  const isOne = model.config.typeVocabSize === 0;
  const { taps = new Map<string, Tensor>() } = model.forwardSync(
    [{ inputIds: IDS, ...(isOne ? {} : { tokenTypeIds: SEGMENTS }) }],
    { taps: names, ...(hasGaps && { maskedLmPositions: [READ] }) },
  );
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

/** The places of a tap's numbers. */
function* placesOf({ shape }: Tensor): Generator<number[]> {
  const sizes = shape.length === 4 ? shape.slice(1) : shape.slice(-2);
  const count = sizes.reduce((product, size) => product * size);
  for (let n = 0; n < count; n++) {
    const place: number[] = [];
    let rest = n;
    for (const size of sizes.toReversed()) {
      place.unshift(rest % size);
      rest = Math.floor(rest / size);
    }
    yield place;
  }
}

/** How many numbers of a step are computed again; each must be the model's, to the last bit. */
function expectSame(step: Step, source: ReturnType<typeof passOf>): number {
  let count = 0;
  for (const name of step.names) {
    const tensor = source.tap(name);
    for (const place of placesOf(tensor)) {
      const { value } = computedAgain(operandsOf(step, place, source));
      const truth = tensor.data[count % tensor.data.length];
      if (!Object.is(value, truth)) expect.fail(`${name}[${place}]: ${value}, forward has ${truth}`);
      count++;
    }
  }
  return count;
}

describe.each(ALL)("%s", (name, open) => {
  test("the steps have every tap, once and in order", async () => {
    const model = await open();
    const names = stepsOf(model).flatMap((step) => step.names);
    expect(names).toEqual(model.taps.map((tap) => tap.name));
    expect(new Set(names).size).toBe(names.length);
  });

  test.skipIf(name === "small")("on plain every number of every tap, computed again, is the same to the last bit", async () => {
    const model = await open();
    const source = passOf(model);
    let count = 0;
    for (const step of stepsOf(model)) count += expectSame(step, source);
    expect(count).toBe([...source.taps.values()].reduce((sum, { data }) => sum + data.length, 0));
  });
});
