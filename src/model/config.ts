import { BertError, printable } from "../errors.ts";
import type { HiddenAct } from "../layers/pass.ts";
import { ARCHITECTURES, type Architecture } from "./architectures.ts";

/** What a classifier's labels mean, for losses and for turning logits into scores. */
export type ProblemType = "regression" | "single_label_classification" | "multi_label_classification";

/**
 * config.json with the field names in camel case. Letters as in the paper: L = numHiddenLayers, H = hiddenSize,
 * A = numAttentionHeads; and I = intermediateSize, V = vocabSize.
 */
export interface BertConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: HiddenAct;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  readonly hiddenDropoutProb: number;
  readonly attentionProbsDropoutProb: number;
  readonly classifierDropout: number | null;
  readonly initializerRange: number;
  readonly tieWordEmbeddings: boolean;
  readonly architecture: Architecture;
  /** The name of each class of a classifier, in the order of its logits. */
  readonly labels: readonly string[];
  readonly problemType: ProblemType | null;
}

/** `hidden_act` names that mean the same function (Hugging Face's ACT2FN). */
const HIDDEN_ACTS: Readonly<Record<string, HiddenAct>> = {
  gelu: "gelu",
  gelu_new: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  relu: "relu",
  silu: "silu",
  swish: "silu",
};

const PROBLEM_TYPES = ["regression", "single_label_classification", "multi_label_classification"] as const;

/**
 * Reads a config.json, Hugging Face's or Google's bert_config.json. What is left out gets Hugging Face's default
 * (transformers, models/bert/configuration_bert.py).
 *
 * @param text the file's text
 * @throws BertError ERR_CHECKPOINT when it is not JSON, when a field has a wrong type or value, when the model is not
 *   a BERT encoder (another model_type, is_decoder, relative positions), or when sizes contradict each other
 */
export function parseConfig(text: string): BertConfig {
  const json = parseObject(text);
  refuseOtherModels(json);
  const field = new Fields(json);
  const config: BertConfig = {
    vocabSize: field.size("vocab_size", 30522),
    hiddenSize: field.size("hidden_size", 768),
    numHiddenLayers: field.size("num_hidden_layers", 12, 10_000),
    numAttentionHeads: field.size("num_attention_heads", 12),
    intermediateSize: field.size("intermediate_size", 3072),
    hiddenAct: field.choice("hidden_act", HIDDEN_ACTS, "gelu"),
    maxPositionEmbeddings: field.size("max_position_embeddings", 512),
    typeVocabSize: field.size("type_vocab_size", 2),
    layerNormEps: field.number("layer_norm_eps", 1e-12, 0, 1),
    padTokenId: field.number("pad_token_id", 0, 0, Number.MAX_SAFE_INTEGER),
    hiddenDropoutProb: field.number("hidden_dropout_prob", 0.1, 0, 1),
    attentionProbsDropoutProb: field.number("attention_probs_dropout_prob", 0.1, 0, 1),
    classifierDropout: json.classifier_dropout == null ? null : field.number("classifier_dropout", 0, 0, 1),
    initializerRange: field.number("initializer_range", 0.02, 0, Number.MAX_VALUE),
    tieWordEmbeddings: field.boolean("tie_word_embeddings", true),
    architecture: architectureOf(json),
    labels: labelsOf(json),
    problemType:
      json.problem_type == null
        ? null
        : field.choice("problem_type", Object.fromEntries(PROBLEM_TYPES.map((name) => [name, name])), "regression"),
  };
  if (config.hiddenSize % config.numAttentionHeads !== 0) {
    fail(
      `hidden_size must be a multiple of num_attention_heads, got ${config.hiddenSize} and ${config.numAttentionHeads}`,
    );
  }
  return config;
}

type Json = Readonly<Record<string, unknown>>;

function fail(what: string): never {
  throw new BertError("ERR_CHECKPOINT", `config.json: ${what}`);
}

function parseObject(text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new BertError("ERR_CHECKPOINT", `config.json: must be JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) fail("must be a JSON object");
  return json as Json;
}

function refuseOtherModels(json: Json): void {
  const type = json.model_type ?? "bert";
  if (type !== "bert") fail(`model_type must be "bert", got ${show(type)}; supported are ${ARCHITECTURES.join(", ")}`);
  const positions = json.position_embedding_type ?? "absolute";
  if (positions !== "absolute") {
    fail(
      `position_embedding_type must be "absolute", got ${show(positions)}: relative positions add terms to the ` +
        "attention scores that this model does not compute (transformers 5 removed them too)",
    );
  }
  if (json.is_decoder === true || json.add_cross_attention === true) {
    fail("is_decoder and add_cross_attention must be false: this is BERT's bidirectional encoder, without causal mask");
  }
}

/** Typed access to fields; `null` counts as left out, as it does in Hugging Face's files. */
class Fields {
  private readonly json: Json;
  constructor(json: Json) {
    this.json = json;
  }

  size(name: string, fallback: number, max = 2 ** 31 - 1): number {
    const value = this.json[name] ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 1 || (value as number) > max) {
      fail(`${name} must be a whole number from 1 to ${max}, got ${show(value)}`);
    }
    return value as number;
  }

  number(name: string, fallback: number, min: number, max: number): number {
    const value = this.json[name] ?? fallback;
    if (typeof value !== "number" || !(value >= min && value <= max)) {
      fail(`${name} must be a number from ${min} to ${max}, got ${show(value)}`);
    }
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.json[name] ?? fallback;
    if (typeof value !== "boolean") fail(`${name} must be true or false, got ${show(value)}`);
    return value;
  }

  choice<T extends string>(name: string, choices: Readonly<Record<string, T>>, fallback: string): T {
    const value = this.json[name] ?? fallback;
    if (typeof value !== "string" || !Object.hasOwn(choices, value)) {
      fail(`${name} must be one of ${Object.keys(choices).join(", ")}, got ${show(value)}`);
    }
    return choices[value];
  }
}

/** The first architecture listed; a file that lists none (Google's) describes the encoder alone. */
function architectureOf(json: Json): Architecture {
  const list = json.architectures ?? ["BertModel"];
  const name: unknown = Array.isArray(list) ? list[0] : list;
  if (!ARCHITECTURES.includes(name as Architecture)) {
    fail(`architectures[0] must be one of ${ARCHITECTURES.join(", ")}, got ${show(name)}`);
  }
  return name as Architecture;
}

/** From id2label, else LABEL_0 … by num_labels, else two of them. */
function labelsOf(json: Json): string[] {
  const map = json.id2label;
  if (map == null) {
    const count = new Fields(json).size("num_labels", 2, 100_000);
    return Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  }
  if (typeof map !== "object" || Array.isArray(map)) fail(`id2label must be an object, got ${show(map)}`);
  const entries = map as Json;
  const count = Object.keys(entries).length;
  if (count === 0) fail("id2label must name at least one label");
  return Array.from({ length: count }, (_, i) => {
    const label = Object.hasOwn(entries, i) ? entries[i] : undefined;
    if (typeof label !== "string")
      fail(`id2label must map each of 0 … ${count - 1} to a string, got ${show(label)} for ${i}`);
    return label;
  });
}

function show(value: unknown): string {
  return printable(JSON.stringify(value) ?? String(value), 80);
}
