import { quote, shown } from "../errors.ts";
import { type Json, parseJson } from "../json.ts";
import type { HiddenAct } from "../layers/pass.ts";
import { ARCHITECTURES, type Architecture, architecturesOf } from "./architectures.ts";
import { FAMILIES, type ModelType } from "./family.ts";
import { otherModelType, whyNotRead } from "./otherFamilies.ts";

/** What a classifier's labels mean, for losses and for turning logits into scores. */
export type ProblemType = "regression" | "single_label_classification" | "multi_label_classification";

/**
 * config.json with BERT's field names, whatever the family's are, in camel case. Letters as in the paper:
 * L = numHiddenLayers, H = hiddenSize, A = numAttentionHeads; and I = intermediateSize, V = vocabSize.
 */
export interface BertConfig {
  readonly modelType: ModelType;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly hiddenAct: HiddenAct;
  readonly maxPositionEmbeddings: number;
  /** 0 in families without token types. */
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  readonly padTokenId: number;
  readonly hiddenDropoutProb: number;
  readonly attentionProbsDropoutProb: number;
  /** Of what classifiers read; null: `hiddenDropoutProb`. A DistilBERT's counts for sequences, not for tokens. */
  readonly classifierDropout: number | null;
  /** Of what the head for questions reads: 0 but in a DistilBERT. */
  readonly qaDropout: number;
  /** What the pooler's linear map is followed by: ReLU in a DistilBERT. */
  readonly poolerAct: "tanh" | "relu";
  readonly initializerRange: number;
  readonly tieWordEmbeddings: boolean;
  readonly architecture: Architecture;
  /** The name of each class of a classifier, in the order of its logits. */
  readonly labels: readonly string[];
  readonly problemType: ProblemType | null;
}

/**
 * The names of transformers' table of activation functions (5.24, activations.py, ACT2CLS), and what they stand for:
 * some are one function in several ways of writing it. `gelu_fast` has √(2/π) in ten digits, which changes a result by
 * 4e-10 of itself at most, where float32 rounds by 6e-8.
 */
const HIDDEN_ACTS: Readonly<Record<string, HiddenAct>> = {
  gelu: "gelu",
  gelu_10: "gelu_10",
  gelu_accurate: "gelu_new",
  gelu_fast: "gelu_new",
  gelu_new: "gelu_new",
  gelu_python: "gelu",
  gelu_python_tanh: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  hardswish: "hardswish",
  laplace: "laplace",
  leaky_relu: "leaky_relu",
  linear: "linear",
  mish: "mish",
  quick_gelu: "quick_gelu",
  relu: "relu",
  relu2: "relu2",
  relu6: "relu6",
  sigmoid: "sigmoid",
  silu: "silu",
  sqrtsoftplus: "sqrtsoftplus",
  swish: "silu",
  tanh: "tanh",
};

/** The names of the table whose functions have parameters, which each layer trains and saves. */
const ACTS_WITH_PARAMETERS: readonly unknown[] = ["prelu", "xielu"];

const PROBLEM_TYPES = ["regression", "single_label_classification", "multi_label_classification"] as const;

/** The fields of config.json that say how a model is made. */
export const CONFIG_FIELDS: readonly string[] = [
  ...["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act"],
  ...["max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id", "hidden_dropout_prob"],
  ...["attention_probs_dropout_prob", "classifier_dropout", "initializer_range", "tie_word_embeddings"],
  ...["architectures", "id2label", "num_labels", "problem_type", "model_type", "position_embedding_type"],
  ...["is_decoder", "add_cross_attention", "dim"],
];

/**
 * Reads a config.json, Hugging Face's or Google's bert_config.json. What is left out gets Hugging Face's default
 * (transformers, configuration_bert.py, configuration_distilbert.py). A DistilBERT's `sinusoidal_pos_embds` has no
 * effect, as its checkpoint has the position embeddings in any case.
 *
 * @param text the file's text
 * @throws BertError ERR_CHECKPOINT when it is not JSON, when a field has a wrong type or value, when the model is not
 *   a BERT encoder (another model_type, is_decoder, relative positions), or when sizes contradict each other
 */
export function parseConfig(text: string): BertConfig {
  const file = parseJson(text, "config.json", "ERR_CHECKPOINT");
  file.asObject();
  const modelType = modelTypeOf(file);
  refuseOtherModels(file);
  const { fields, defaults, fixed } = FAMILIES[modelType];
  const json: Fields = { get: (name) => file.get(fields[name] ?? name) };
  const config: BertConfig = {
    modelType,
    vocabSize: sizeOf(json, "vocab_size", 30522),
    hiddenSize: sizeOf(json, "hidden_size", 768),
    numHiddenLayers: sizeOf(json, "num_hidden_layers", defaults.num_hidden_layers ?? 12, 10_000),
    numAttentionHeads: sizeOf(json, "num_attention_heads", 12),
    intermediateSize: sizeOf(json, "intermediate_size", 3072),
    hiddenAct: hiddenActOf(json),
    maxPositionEmbeddings: sizeOf(json, "max_position_embeddings", 512),
    typeVocabSize: sizeOf(json, "type_vocab_size", 2),
    layerNormEps: numberOf(json, "layer_norm_eps", 1e-12),
    padTokenId: json.get("pad_token_id").or(0, (value) => value.asInteger()),
    hiddenDropoutProb: numberOf(json, "hidden_dropout_prob", 0.1),
    attentionProbsDropoutProb: numberOf(json, "attention_probs_dropout_prob", 0.1),
    classifierDropout: numberOf(json, "classifier_dropout", defaults.classifier_dropout ?? null),
    qaDropout: defaults.qa_dropout === undefined ? 0 : numberOf(json, "qa_dropout", defaults.qa_dropout),
    poolerAct: "tanh",
    initializerRange: json.get("initializer_range").or(0.02, (value) => value.asNumber({ min: 0 })),
    tieWordEmbeddings: json.get("tie_word_embeddings").or(true, (value) => value.asBoolean()),
    architecture: architectureOf(file, modelType) ?? architecturesOf(modelType)[0],
    labels: labelsOf(json),
    problemType: choiceOf(json, "problem_type", PROBLEM_TYPES),
    ...fixed,
  };
  const { hiddenSize, numAttentionHeads } = config;
  if (hiddenSize % numAttentionHeads === 0) return config;
  const [size, heads] = ["hidden_size", "num_attention_heads"].map((name) => fields[name] ?? name);
  throw file.fault(`${size} must be a multiple of ${heads}, got ${hiddenSize} and ${numAttentionHeads}`);
}

/** A config.json whose fields are asked for by BERT's names. */
type Fields = Pick<Json, "get">;

/** `model_type`; a file without one, as those of 2019 are, is a DistilBERT's if it has a class or the size of one. */
function modelTypeOf(json: Json): ModelType {
  const type = json.get("model_type");
  const isDistil = /"DistilBert/.test(JSON.stringify(json.get("architectures").value)) || !json.get("dim").isMissing;
  const own = type.or(isDistil ? "distilbert" : "bert", ({ value }) => value);
  if (typeof own === "string" && Object.hasOwn(FAMILIES, own)) return own as ModelType;
  const must = Object.keys(FAMILIES)
    .map((name) => quote(name))
    .join(" or ");
  throw type.fault(`must be ${must}, got ${shown(own)}: ${whyNotRead(own)}`);
}

function refuseOtherModels(json: Json): void {
  const positions = json.get("position_embedding_type");
  if (positions.or("absolute", ({ value }) => value) !== "absolute") {
    const why = "relative positions add terms to the attention scores that this model does not compute";
    const got = shown(positions.value);
    throw positions.fault(`must be "absolute", got ${got}: ${why} (transformers 5 removed them too)`);
  }
  if (json.get("is_decoder").value === true || json.get("add_cross_attention").value === true) {
    throw json.fault(
      "is_decoder and add_cross_attention must be false: this is BERT's bidirectional encoder, without causal mask",
    );
  }
}

function hiddenActOf(json: Fields): HiddenAct {
  const act = json.get("hidden_act");
  if (ACTS_WITH_PARAMETERS.includes(act.value)) {
    const must = `one of ${Object.keys(HIDDEN_ACTS).join(", ")}, got ${shown(act.value)}`;
    const why = "that one has parameters of its own (intermediate_act_fn.* in each layer)";
    throw act.fault(`must be ${must}: ${why}, for which this model has no place`);
  }
  return HIDDEN_ACTS[act.or("gelu", (value) => value.asChoice(Object.keys(HIDDEN_ACTS)))];
}

function sizeOf(json: Fields, name: string, fallback: number, max: number = 2 ** 31 - 1): number {
  return json.get(name).or(fallback, (value) => value.asInteger({ min: 1, max }));
}

/** A number from 0 to 1. */
function numberOf<Fallback>(json: Fields, name: string, fallback: Fallback): Fallback | number {
  return json.get(name).or(fallback, (value) => value.asNumber({ min: 0, max: 1 }));
}

function choiceOf<const Choice extends string>(json: Fields, name: string, choices: readonly Choice[]): Choice | null {
  return json.get(name).or(null, (value) => value.asChoice(choices));
}

/**
 * The first of the architectures that is one of the family's; null: there is none. A file that lists none (Google's)
 * describes the encoder alone, and so does one with classes of somebody's own, if it says that they are BERT.
 */
function architectureOf(json: Json, modelType: ModelType): Architecture | null {
  const list = json.get("architectures");
  const all = list.isMissing ? [] : list.isArray ? list.items() : [list];
  const names = all.map((name) => name.asString() as Architecture);
  const known = architecturesOf(modelType);
  const own = names.find((name) => known.includes(name)) ?? null;
  if (own || names.length === 0 || !json.get("model_type").isMissing) return own;
  const other = otherModelType(names[0]);
  if (other === null) all[0].asChoice(ARCHITECTURES);
  else throw all[0].fault(`must be a class of BERT or DistilBERT, got ${quote(names[0])}: ${whyNotRead(other)}`);
  return null;
}

/** Whether a config.json that has been read names an architecture of its family. */
export function namesArchitecture(text: string): boolean {
  const json = parseJson(text, "config.json", "ERR_CHECKPOINT");
  return architectureOf(json, modelTypeOf(json)) !== null;
}

/**
 * From id2label, else LABEL_0 … by num_labels, else two of them. Where num_labels is another number than that of the
 * names it wins, as in transformers.
 */
function labelsOf(json: Fields): string[] {
  const names = json.get("id2label");
  const isGiven = !json.get("num_labels").isMissing;
  const size = sizeOf(json, "num_labels", 2, 100_000);
  const count = names.isMissing ? size : Object.keys(names.asObject()).length;
  if (names.isMissing || (isGiven && size !== count)) return Array.from({ length: size }, (_, i) => `LABEL_${i}`);
  if (count === 0) throw names.fault("must name at least one label");
  return Array.from({ length: count }, (_, i) => {
    const label = names.get(String(i));
    if (label.isMissing) throw names.fault(`must map each of 0 … ${count - 1} to a string, has nothing for ${i}`);
    return typeof label.value === "number" ? String(label.asNumber()) : label.asString();
  });
}
