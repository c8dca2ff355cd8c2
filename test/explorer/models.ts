import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { compute, type ExplorerRequest, type ExplorerResult } from "../../src/explorer/explorerResult.ts";
import { type NumberRef, numbersOf, type Scene } from "../../src/explorer/scene.ts";
import { type ExplorerState, INITIAL_STATE } from "../../src/explorer/state.ts";
import { type BertModel, type BertOutput, BertTokenizer, loadBert, type Tensor } from "../../src/index.ts";
import { WEIGHTS } from "../pipelines/support.ts";
import { distilbertPath } from "../support/distilbert.ts";
import { loadModel, loadTiny, reference } from "../support/reference.ts";

/** A model with its tokenizer. */
export interface Explored {
  readonly model: BertModel;
  readonly tokenizer: BertTokenizer;
}

const WORDS = new URL("../pipelines/reference/heads/mlm/vocab.txt", import.meta.url);

/** A tokenizer of as many tokens as a model has that came without one. */
export function tokenizerOf({ config: { vocabSize } }: BertModel): BertTokenizer {
  return BertTokenizer.fromVocabulary(readFileSync(WORDS, "utf8").split("\n").slice(0, vocabSize));
}

/** The tiny model, L = 2, A = 3. */
export async function tiny(): Promise<Explored> {
  const model = await loadTiny();
  return { model, tokenizer: tokenizerOf(model) };
}

/** BERT-tiny's trained layers, L = 2, A = 2, with a head that classifies. */
async function realTiny(): Promise<Explored> {
  const folder = "real-bert-tiny-sst2";
  const model = await loadModel(reference(folder), readFileSync(reference(`${folder}/config.json`), "utf8"));
  return { model, tokenizer: tokenizerOf(model) };
}

/** The package's model, L = 4, A = 4. */
export async function small(): Promise<Explored> {
  const model = await loadBert(WEIGHTS, { backend: "plain" });
  return { model, tokenizer: model.tokenizer };
}

/** A DistilBERT that predicts masked tokens, L = 2, A = 3. */
async function distilbert(): Promise<Explored> {
  const model = await loadBert(distilbertPath("mlm"), { backend: "plain" });
  return { model, tokenizer: model.tokenizer };
}

/** Each of the models, on `plain`. */
export const MODELS: readonly (readonly [name: string, open: () => Promise<Explored>])[] = [
  ["tiny", tiny],
  ["real-bert-tiny", realTiny],
  ["small", small],
  ["distilbert", distilbert],
];

/** The initial state with changes. */
export function stateOf(changes: Partial<ExplorerState> = {}): ExplorerState {
  return { ...INITIAL_STATE, ...changes };
}

/** What is computed of a text. */
export function explored(
  { model, tokenizer }: Explored,
  text: string,
  rest: Partial<ExplorerRequest> = {},
): ExplorerResult {
  return compute(model, tokenizer, { text, pair: "", masks: [], top: 8, ...rest });
}

/** What `forward` returns for a result's text, encoded here, with every attention and the logits of every token. */
export async function forwardOf({ model, tokenizer }: Explored, { request }: ExplorerResult): Promise<BertOutput> {
  const { text, pair, masks } = request;
  const { inputIds, tokenTypeIds, specialTokensMask } = tokenizer.encode(text, {
    ...(pair !== "" && { textPair: pair }),
    truncation: true,
    maxLength: model.config.maxPositionEmbeddings,
  });
  const ids = inputIds.map((id, t) =>
    masks.includes(t) && specialTokensMask[t] === 0 ? (tokenizer.maskTokenId as number) : id,
  );
  const taps = model.taps.map(({ name }) => name).filter((name) => name.endsWith(".probs"));
  return model.forward([{ inputIds: ids, tokenTypeIds }], { taps });
}

/** The number that a reference names in an output of one sequence. */
export function numberAt(output: BertOutput, { tap, at }: NumberRef): number {
  const tensor = output.taps?.get(tap) ?? (output as unknown as Record<string, Tensor | undefined>)[tap];
  if (!tensor) throw new Error(`${tap} is in no output`);
  const shape = tensor.shape.slice(-at.length);
  let index = 0;
  for (const [axis, place] of at.entries()) {
    if (!(Number.isInteger(place) && place >= 0 && place < shape[axis])) throw new Error(`${tap} has no [${at}]`);
    index = index * shape[axis] + place;
  }
  return tensor.data[index];
}

/** Checks that every number of a scene is the one at its place, and gives the places, each as a text. */
export function expectTrue(scene: Scene, output: BertOutput): string[] {
  const places: string[] = [];
  for (const { value, ref } of numbersOf(scene)) {
    const place = `${ref.tap}[${ref.at}]`;
    const truth = numberAt(output, ref);
    if (!(value === truth)) expect.fail(`${place}: the scene has ${value}, forward ${truth}`);
    places.push(place);
  }
  return places;
}
