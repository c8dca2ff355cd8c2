import { BertError } from "../errors.ts";
import type { Architecture } from "../model/architectures.ts";
import { type Bert, loadBert, pipeline } from "../pipelines/index.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { downloading, type ENGINE_OPTIONS, engineOptions, type HUB_OPTIONS } from "./modelOptions.ts";
import type { ValuesOf } from "./option.ts";
import {
  type ExpectedEmbedding,
  type ExpectedEntities,
  type ExpectedFillMask,
  type ExpectedForward,
  type ExpectedNextSentence,
  type ExpectedOutput,
  type Nested,
  OUTPUTS,
} from "./outputs.ts";

/** How one output compares with what is expected. */
export interface Verdict {
  readonly passed: boolean;
  readonly what: string;
  /** The largest difference of a number, and what is allowed; null: something else than a number differs. */
  readonly difference: number | null;
  readonly allowed: number;
  /** Where the largest difference is, or what else differs. */
  readonly where: string;
}

/**
 * Computes expected outputs again.
 *
 * @param model  a folder, or an id on the hub; left out: the small model that comes with the package
 * @param values how it is found, and how it computes
 * @returns a verdict for each, as they are computed: those of one architecture together, which is loaded once
 * @throws BertError as `loadBert`; ERR_INPUT an input that does not fit the model
 */
export async function* verifyModel(
  model: string | undefined,
  outputs: readonly ExpectedOutput[],
  values: ValuesOf<typeof HUB_OPTIONS & typeof ENGINE_OPTIONS>,
): AsyncGenerator<Verdict> {
  for (const architecture of new Set(outputs.map(architectureOf))) {
    const options = { ...engineOptions(values), ...(architecture && { architecture }) };
    const bert = await downloading(values, (hub) => loadBert(model, { ...hub, ...options }));
    try {
      for (const output of outputs) if (architectureOf(output) === architecture) yield await verdictOf(bert, output);
    } finally {
      await bert.dispose();
    }
  }
}

/** The class that computes it; null: that of config.json. */
function architectureOf(output: ExpectedOutput): Architecture | null {
  if (output.task === "forward") return output.architecture;
  if (output.task === "fill-mask") return "BertForMaskedLM";
  return output.task === "next-sentence-prediction" ? "BertForNextSentencePrediction" : null;
}

/** Numbers side by side, each with its place for the message; or what else differs. */
type Comparison = readonly { readonly place: string; readonly got: number; readonly want: number }[] | string;

async function verdictOf(bert: Bert, output: ExpectedOutput): Promise<Verdict> {
  const what = titleOf(output);
  const allowed = output.atol;
  const compared = otherIds(bert, output) ?? (await compare(bert, output));
  if (typeof compared === "string") return { passed: false, what, difference: null, allowed, where: compared };
  let worst = { place: "", difference: -1 };
  for (const { place, got, want } of compared) {
    const difference = Math.abs(got - want);
    // Written so that NaN is the worst of all.
    if (!(difference <= worst.difference)) worst = { place: `${place}: must be ${want}, is ${got}`, difference };
    if (Number.isNaN(difference)) break;
  }
  return { passed: worst.difference <= allowed, what, difference: worst.difference, allowed, where: worst.place };
}

function titleOf(output: ExpectedOutput): string {
  if (output.task === "next-sentence-prediction")
    return `${output.task} ${JSON.stringify(output.text)}, ${JSON.stringify(output.text_pair)}`;
  if (output.task !== "forward") return `${output.task} ${JSON.stringify(output.text)}`;
  const start = output.start ? ` from [${output.start.join(",")}]` : "";
  return `${output.architecture} ${output.output}${start}`;
}

/** Says if the tokenizer gives other ids than expected. */
function otherIds(bert: Bert, output: ExpectedOutput): string | null {
  if (output.task === "forward" || output.task === "embeddings" || !output.input_ids) return null;
  const pair = output.task === "next-sentence-prediction" ? { textPair: output.text_pair } : {};
  const got = [...bert.tokenizer.encode(output.text, pair).inputIds].join(" ");
  const want = output.input_ids.join(" ");
  return got === want ? null : `token ids: must be ${want}, are ${got}`;
}

function compare(bert: Bert, output: ExpectedOutput): Promise<Comparison> {
  switch (output.task) {
    case "fill-mask":
      return compareMask(bert, output);
    case "next-sentence-prediction":
      return compareNext(bert, output);
    case "token-classification":
      return compareEntities(bert, output);
    case "embeddings":
      return compareEmbedding(bert, output);
    case "forward":
      return compareForward(bert, output);
  }
}

async function compareMask(bert: Bert, { text, top }: ExpectedFillMask): Promise<Comparison> {
  const unmask = await pipeline("fill-mask", bert);
  const answers = (await unmask([text], { top_k: top.length })).flat(2);
  const [got, want] = [answers, top].map((list) => list.map(({ token_str }) => token_str).join(", "));
  if (got !== want) return `tokens: must be ${want}, are ${got}`;
  return top.map(({ token_str, score }, i) => ({ place: token_str, got: answers[i].score, want: score }));
}

async function compareNext(bert: Bert, { text, text_pair, is_next }: ExpectedNextSentence): Promise<Comparison> {
  const isNext = await pipeline("next-sentence-prediction", bert);
  const both = await isNext(text, text_pair, { top_k: null });
  const got = both.find(({ label }) => label === "IsNext")?.score ?? Number.NaN;
  return [{ place: "IsNext", got, want: is_next }];
}

async function compareEntities(bert: Bert, { text, entities }: ExpectedEntities): Promise<Comparison> {
  const find = await pipeline("token-classification", bert);
  const found = await find(text, { aggregation_strategy: "simple" });
  const shown = (list: ExpectedEntities["entities"]) =>
    list.map(({ word, entity_group, start, end }) => `${word} ${entity_group} ${start}–${end}`).join(", ");
  if (shown(found) !== shown(entities)) return `entities: must be ${shown(entities)}, are ${shown(found)}`;
  return entities.map(({ word, score }, i) => ({ place: word, got: found[i].score, want: score }));
}

async function compareEmbedding(bert: Bert, expected: ExpectedEmbedding): Promise<Comparison> {
  const { text, prompt, prompt_name, embedding } = expected;
  const embed = await pipeline("embeddings", bert);
  const { data } = await embed([text], {
    ...(prompt !== undefined && { prompt }),
    ...(prompt_name !== undefined && { prompt_name }),
  });
  if (data.length !== embedding.length) return `numbers of a vector: must be ${embedding.length}, are ${data.length}`;
  return embedding.map((want, i) => ({ place: `[${i}]`, got: data[i], want }));
}

async function compareForward(bert: Bert, expected: ExpectedForward): Promise<Comparison> {
  const { input_ids, attention_mask, token_type_ids, output, start, values } = expected;
  const result = await bert.forward({
    inputIds: input_ids,
    ...(attention_mask && { attentionMask: attention_mask }),
    ...(token_type_ids && { tokenTypeIds: token_type_ids }),
  });
  const tensor = result[OUTPUTS[output]];
  if (!tensor) return `${output}: the model has no such output`;
  const places = [...leaves(values, [])];
  const misplaced = places.find(([index]) => index.length !== tensor.shape.length);
  if (misplaced) {
    throw new BertError(
      "ERR_INPUT",
      `verify: values must have ${tensor.shape.length} levels of lists, as ${output} has axes, got ${misplaced[0].length}`,
    );
  }
  return places.map(([index, want]) => {
    const at = index.map((i, axis) => i + (start?.[axis] ?? 0));
    return { place: `[${at.join(",")}]`, got: elementAt(tensor, at), want };
  });
}

/** Each number of nested lists with its index. */
function* leaves(values: Nested, index: readonly number[]): Generator<readonly [number[], number]> {
  for (const [i, value] of values.entries()) {
    if (typeof value === "number") yield [[...index, i], value];
    else yield* leaves(value, [...index, i]);
  }
}

/** NaN for an index that is outside. */
function elementAt({ data, shape }: Tensor, index: readonly number[]): number {
  if (index.some((i, axis) => !(i >= 0 && i < shape[axis]))) return Number.NaN;
  return data[index.reduce((flat, i, axis) => flat * shape[axis] + i, 0)];
}
