import { parseJson } from "../json.ts";
import { ARCHITECTURES, type Architecture } from "../model/architectures.ts";

/**
 * What `verify` computes again, and how far it may be from what is expected. Field names as in Hugging Face's
 * libraries.
 */
interface Expected {
  /** Whose outputs: an id on the hub. Left out in a file that is about one model. */
  readonly model?: string;
  /** Who published them. */
  readonly source?: string;
  /** Largest difference of a number. */
  readonly atol: number;
}

/** What stands for a text: the tokenizer must give these ids. */
interface ExpectedText extends Expected {
  readonly text: string;
  readonly input_ids?: readonly number[];
}

export interface ExpectedFillMask extends ExpectedText {
  readonly task: "fill-mask";
  /** The likeliest tokens, best first. */
  readonly top: readonly { readonly token_str: string; readonly score: number }[];
}

export interface ExpectedNextSentence extends ExpectedText {
  readonly task: "next-sentence-prediction";
  readonly text_pair: string;
  /** The probability of IsNext. */
  readonly is_next: number;
}

/** The entities of a text with the aggregation strategy "simple". */
export interface ExpectedEntities extends ExpectedText {
  readonly task: "token-classification";
  readonly entities: readonly {
    readonly entity_group: string;
    readonly score: number;
    readonly word: string;
    readonly start: number;
    readonly end: number;
  }[];
}

/** The vector of a text, as `SentenceTransformer.encode` gives it. */
export interface ExpectedEmbedding extends Expected {
  readonly task: "embeddings";
  readonly text: string;
  /** As in a call: what stands before the text, or the name of one of the model's prompts. */
  readonly prompt?: string;
  readonly prompt_name?: string;
  readonly embedding: readonly number[];
}

/** A part of an output of the model itself. */
export interface ExpectedForward extends Expected {
  readonly task: "forward";
  readonly architecture: Architecture;
  readonly output: keyof typeof OUTPUTS;
  /** [B][T], as the next two. */
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask?: readonly (readonly number[])[];
  readonly token_type_ids?: readonly (readonly number[])[];
  /** The index of the first value on each axis; left out: zeros. */
  readonly start?: readonly number[];
  /** The numbers in as many levels of lists as the output has axes. */
  readonly values: Nested;
}

export type Nested = readonly number[] | readonly Nested[];
export type ExpectedOutput =
  | ExpectedFillMask
  | ExpectedNextSentence
  | ExpectedEntities
  | ExpectedEmbedding
  | ExpectedForward;

/** The outputs of `forward` by their names in Hugging Face's libraries. */
export const OUTPUTS = {
  last_hidden_state: "lastHiddenState",
  pooler_output: "poolerOutput",
  logits: "logits",
  prediction_logits: "predictionLogits",
  seq_relationship_logits: "seqRelationshipLogits",
  start_logits: "startLogits",
  end_logits: "endLogits",
} as const;

/**
 * Reads a file of expected outputs: a JSON array of `ExpectedOutput`s.
 *
 * @throws BertError ERR_INPUT it is no such array; the message names the file and the item
 */
export function parseOutputs(text: string, path: string): ExpectedOutput[] {
  const json = parseJson(text, `verify: ${path}`, "ERR_INPUT");
  const outputs = json.isArray ? json.items() : [];
  if (outputs.length === 0) throw json.error("an array of expected outputs");
  return outputs.map((output) => {
    const task = output.get("task").asChoice(Object.keys(FIELDS) as ExpectedOutput["task"][]);
    for (const [name, check] of Object.entries(FIELDS[task])) {
      const field = output.get(name);
      if (!check(field.value)) throw field.error(`what the field is in an output of ${task}`);
    }
    return output.value as ExpectedOutput;
  });
}

type Fields = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;

const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isText: Check = (value) => typeof value === "string" && value !== "";
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([field, check]) => check((value as Fields)[field]));
/** Numbers in arrays in arrays, as deep as a tensor can be. */
const isNested = (value: unknown, depth = 8): boolean =>
  listOf(isNumber)(value) || (depth > 1 && listOf((item) => isNested(item, depth - 1))(value));

const COMMON = {
  model: optional(isText),
  source: optional(isText),
  atol: (v: unknown) => isNumber(v) && (v as number) >= 0,
};
const TEXT = { ...COMMON, text: isText, input_ids: optional(listOf(isNumber)) };
const ROWS = listOf(listOf(isNumber));
const SPAN = { entity_group: isText, score: isNumber, word: isText, start: isNumber, end: isNumber };

const FIELDS: Readonly<Record<ExpectedOutput["task"], Readonly<Record<string, Check>>>> = {
  "fill-mask": { ...TEXT, top: listOf(record({ token_str: isText, score: isNumber })) },
  "next-sentence-prediction": { ...TEXT, text_pair: isText, is_next: isNumber },
  "token-classification": { ...TEXT, entities: listOf(record(SPAN)) },
  embeddings: {
    ...COMMON,
    text: (value) => typeof value === "string",
    prompt: optional((value) => typeof value === "string"),
    prompt_name: optional(isText),
    embedding: listOf(isNumber),
  },
  forward: {
    ...COMMON,
    architecture: (value) => ARCHITECTURES.includes(value as Architecture),
    output: (value) => typeof value === "string" && Object.hasOwn(OUTPUTS, value),
    input_ids: ROWS,
    attention_mask: optional(ROWS),
    token_type_ids: optional(ROWS),
    start: optional(listOf(isNumber)),
    values: (value) => isNested(value),
  },
};
