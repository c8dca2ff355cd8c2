/** The steps of a forward pass: each result that it can be looked into, and what it is computed from. */
import type { BertConfig, TapInfo } from "../../index.ts";

/** What steps are for, in the order of the forward pass. */
export const STEP_KINDS = [
  "pieces",
  "segments",
  "embeddings",
  "query",
  "key",
  "value",
  "probabilities",
  "context",
  "attentionMap",
  "attentionNorm",
  "firstMap",
  "activation",
  "secondMap",
  "outputNorm",
  "poolerMap",
  "poolerActivation",
  "gapMap",
  "gapActivation",
  "gapNorm",
  "gapLogits",
  "nextSentence",
  "classifier",
  "span",
] as const;
/** What a step is for. */
export type StepKind = (typeof STEP_KINDS)[number];

/** How the numbers of a step are computed; the names are those of taps and of parameters. */
export type Computation =
  | { readonly how: "lookup"; readonly table: string; readonly by: "pieces" | "segments" }
  | {
      readonly how: "linear";
      readonly x: string;
      readonly weight: string;
      readonly bias: string;
      /** Which row of x a row is made of: the same, the first token's, or that of the gap. */
      readonly rows: "same" | "first" | "gaps";
    }
  | {
      readonly how: "norm";
      /** What is added up before. */
      readonly sum: readonly string[];
      /** The table whose rows are added last, by position; null: none is. */
      readonly positions: string | null;
      readonly gamma: string;
      readonly beta: string;
    }
  | { readonly how: "probabilities"; readonly query: string; readonly key: string }
  | { readonly how: "context"; readonly probabilities: string; readonly value: string }
  | { readonly how: "activation"; readonly x: string; readonly act: Activation };

/** An activation function, by the name that config.json has for it. */
export type Activation = BertConfig["hiddenAct"];

/** A result of the forward pass. */
export interface Step {
  readonly kind: StepKind;
  /** Of its taps: PyTorch has several names for a tensor that a module returns as its last submodule did. */
  readonly names: readonly string[];
  /** From 0; null outside of the layers. */
  readonly layer: number | null;
  readonly shape: TapInfo["shape"];
  readonly computation: Computation;
}

/** The taps of each kind of step, in BERT and in DistilBERT. */
const NAMES: Readonly<Record<StepKind, RegExp>> = {
  pieces: /\.word_embeddings$/,
  segments: /\.token_type_embeddings$/,
  embeddings: /^(distil)?bert\.embeddings(\.LayerNorm)?$/,
  query: /\.(self\.query|q_lin)$/,
  key: /\.(self\.key|k_lin)$/,
  value: /\.(self\.value|v_lin)$/,
  probabilities: /\.probs$/,
  context: /\.attention\.(self|context)$/,
  attentionMap: /^bert\..*\.attention\.output\.dense$|^distilbert\..*\.attention(\.out_lin)?$/,
  attentionNorm: /^bert\..*\.attention(\.output(\.LayerNorm)?)?$|\.sa_layer_norm$/,
  firstMap: /\.intermediate\.dense$|\.lin1$/,
  activation: /\.intermediate(\.intermediate_act_fn)?$|\.ffn\.activation$/,
  secondMap: /\.layer\.\d+\.output\.dense$|\.ffn(\.lin2)?$/,
  outputNorm: /\.layer\.\d+(\.output(\.LayerNorm)?|\.output_layer_norm)?$/,
  poolerMap: /^bert\.pooler\.dense$|^pre_classifier$/,
  poolerActivation: /^bert\.pooler(\.activation)?$|^dropout$/,
  gapMap: /\.transform\.dense$|^vocab_transform$/,
  gapActivation: /\.transform\.transform_act_fn$|^activation$/,
  gapNorm: /\.transform(\.LayerNorm)?$|^vocab_layer_norm$/,
  gapLogits: /^cls\.predictions(\.decoder)?$|^vocab_projector$/,
  nextSentence: /^cls\.seq_relationship$/,
  classifier: /^classifier$/,
  span: /^qa_outputs$/,
};

/** What of a model says what its steps are. */
export interface SteppedModel {
  readonly config: Pick<BertConfig, "hiddenAct" | "poolerAct">;
  readonly taps: readonly TapInfo[];
  /** By name; of the decoder none where the word embeddings are in its place. */
  readonly parameters: ReadonlyMap<string, unknown>;
}

/** Every step of a model, in the order of the forward pass; together they have each of its taps once. */
export function stepsOf(model: SteppedModel): Step[] {
  const steps: Step[] = [];
  for (const { name, shape } of model.taps) {
    const kind = kindOf(name);
    const last = steps.at(-1);
    if (last?.kind === kind && last.layer === layerOf(name))
      steps[steps.length - 1] = { ...last, names: [...last.names, name] };
    else {
      const computation = computationOf(kind, name, steps, model);
      steps.push({ kind, names: [name], layer: layerOf(name), shape, computation });
    }
  }
  return steps;
}

function kindOf(name: string): StepKind {
  const found = STEP_KINDS.find((kind) => NAMES[kind].test(name));
  if (!found) throw new Error(`${name} is of no known step`);
  return found;
}

function layerOf(name: string): number | null {
  const [, layer] = /\.layer\.(\d+)/.exec(name) ?? [];
  return layer === undefined ? null : Number(layer);
}

/** How a step is computed. @param name its first tap @param before the steps before it */
function computationOf(kind: StepKind, name: string, before: readonly Step[], model: SteppedModel): Computation {
  const { config, parameters } = model;
  const last = (...kinds: readonly StepKind[]): string =>
    (before.findLast((step) => kinds.includes(step.kind)) as Step).names[0];
  const hidden = () => last("embeddings", "outputNorm");
  const linear = (x: string, rows: "same" | "first" | "gaps" = "same", module = name): Computation => {
    return { how: "linear", x, weight: `${module}.weight`, bias: `${module}.bias`, rows };
  };
  const norm = (...sum: readonly string[]): Computation => {
    return { how: "norm", sum, positions: null, gamma: `${name}.weight`, beta: `${name}.bias` };
  };
  const first = before[0]?.names[0] ?? name;
  const table = (part: "word" | "position" | "token_type") =>
    `${first.replace("word_embeddings", `${part}_embeddings`)}.weight`;
  switch (kind) {
    case "pieces":
      return { how: "lookup", table: table("word"), by: "pieces" };
    case "segments":
      return { how: "lookup", table: table("token_type"), by: "segments" };
    case "embeddings": {
      const sum = before.map(({ names }) => names[0]);
      return { how: "norm", sum, positions: table("position"), gamma: `${name}.weight`, beta: `${name}.bias` };
    }
    case "query":
    case "key":
    case "value":
    case "span":
      return linear(hidden());
    case "probabilities":
      return { how: "probabilities", query: last("query"), key: last("key") };
    case "context":
      return { how: "context", probabilities: last("probabilities"), value: last("value") };
    case "attentionMap":
      return linear(last("context"));
    case "attentionNorm":
      return norm(last("attentionMap"), hidden());
    case "firstMap":
      return linear(last("attentionNorm"));
    case "activation":
      return { how: "activation", x: last("firstMap"), act: config.hiddenAct };
    case "secondMap":
      return linear(last("activation"));
    case "outputNorm":
      return norm(last("secondMap"), last("attentionNorm"));
    case "poolerMap":
      return linear(hidden(), "first");
    case "poolerActivation":
      return { how: "activation", x: last("poolerMap"), act: config.poolerAct };
    case "gapMap":
      return linear(hidden(), "gaps");
    case "gapActivation":
      return { how: "activation", x: last("gapMap"), act: config.hiddenAct };
    case "gapNorm":
      return norm(last("gapActivation"));
    case "gapLogits": {
      const bias = name.startsWith("cls.") ? "cls.predictions.bias" : `${name}.bias`;
      const weight = parameters.has(`${name}.weight`) ? `${name}.weight` : table("word");
      return { how: "linear", x: last("gapNorm"), weight, bias, rows: "same" };
    }
    case "nextSentence":
      return linear(last("poolerActivation"));
    case "classifier": {
      const ofSequence = model.taps.find((tap) => tap.name === name)?.shape.length === 2;
      return linear(ofSequence ? last("poolerActivation") : hidden());
    }
  }
}
