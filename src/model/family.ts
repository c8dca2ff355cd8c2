/**
 * Models whose encoder is BERT's, under names of their own, by their name in config.json. All code is in BERT's names;
 * a family says what they are called in its checkpoints.
 */
export type ModelType = "bert" | "distilbert";

/** What tells a family from BERT. */
export interface Family {
  /** What people call it. */
  readonly title: string;
  /** What the names of its model classes begin with. */
  readonly classes: string;
  /** Names of BERT's weights and modules, and what they are here, one applied after the other; "": no module. */
  readonly names: readonly (readonly [bert: RegExp, own: string])[];
  /** Matches a module whose result is its parent's too, and captures the parent. */
  readonly lastModule: RegExp;
  /** What fields of BERT's config.json are called. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where its defaults are other than BERT's; by the names of BERT's fields. */
  readonly defaults: Readonly<Record<string, number>>;
  /** Whether training drops what attention's output projection returns. */
  readonly attentionOutputDropout: boolean;
  /** What config.json does not say, in the fields of `BertConfig`. */
  readonly fixed: { readonly typeVocabSize?: number; readonly layerNormEps?: number; readonly poolerAct?: "relu" };
}

/** The families that are read, by `model_type`. */
export const FAMILIES: Readonly<Record<ModelType, Family>> = {
  bert: {
    title: "BERT",
    classes: "Bert",
    names: [],
    lastModule: /^(.+)\.(?:LayerNorm|intermediate_act_fn|activation)$|^(.+\.(?:attention|layer\.\d+))\.output$/,
    fields: {},
    defaults: {},
    attentionOutputDropout: true,
    fixed: {},
  },
  /**
   * DistilBERT (Sanh et al. 2019, §3; transformers 5.24, models/distilbert): BERT without token types and pooler. Its
   * classifiers of sequences begin as BERT's pooler does, with ReLU for tanh, and call that pre_classifier. The first
   * of its modules that returns that ReLU is `dropout`, which changes nothing in inference; none returns attention's
   * probabilities and its context, [head_1; …; head_A].
   */
  distilbert: {
    title: "DistilBERT",
    classes: "DistilBert",
    names: [
      [/^bert\.pooler\.dense/, "pre_classifier"],
      [/^bert\.pooler\.activation$/, "dropout"],
      [/^cls\.predictions\.transform\.dense/, "vocab_transform"],
      [/^cls\.predictions\.transform\.transform_act_fn/, "activation"],
      [/^cls\.predictions\.transform\.LayerNorm/, "vocab_layer_norm"],
      [/^cls\.predictions\.decoder/, "vocab_projector"],
      [/^cls\.predictions\.bias/, "vocab_projector.bias"],
      [/^cls\.predictions$/, ""],
      [/^bert\.encoder\./, "bert.transformer."],
      [/\.self\.query/, ".q_lin"],
      [/\.self\.key/, ".k_lin"],
      [/\.self\.value/, ".v_lin"],
      [/\.self\.probs/, ".probs"],
      [/\.self$/, ".context"],
      [/\.attention\.output\.dense/, ".attention.out_lin"],
      [/\.attention\.output\.LayerNorm/, ".sa_layer_norm"],
      [/\.intermediate\.dense/, ".ffn.lin1"],
      [/\.intermediate\.intermediate_act_fn/, ".ffn.activation"],
      [/\.output\.dense/, ".ffn.lin2"],
      [/\.output\.LayerNorm/, ".output_layer_norm"],
      [/^bert\b/, "distilbert"],
    ],
    lastModule: /^(.+)\.(?:LayerNorm|out_lin|lin2|output_layer_norm)$/,
    fields: {
      hidden_size: "dim",
      num_hidden_layers: "n_layers",
      num_attention_heads: "n_heads",
      intermediate_size: "hidden_dim",
      hidden_act: "activation",
      hidden_dropout_prob: "dropout",
      attention_probs_dropout_prob: "attention_dropout",
      classifier_dropout: "seq_classif_dropout",
    },
    defaults: { num_hidden_layers: 6, classifier_dropout: 0.2, qa_dropout: 0.1 },
    attentionOutputDropout: false,
    fixed: { typeVocabSize: 0, layerNormEps: 1e-12, poolerAct: "relu" },
  },
};

/**
 * What a weight or module of BERT is called in a family: `bert.encoder.layer.0.attention.self.query` is
 * `distilbert.transformer.layer.0.attention.q_lin` in DistilBERT. "" if it is none there.
 */
export function ownName(family: ModelType, name: string): string {
  return FAMILIES[family].names.reduce((own, [bert, here]) => own.replace(bert, here), name);
}

/**
 * How high in the encoder a weight is: −1 in the embeddings, n in layer n; null above it, in pooler or head.
 *
 * @param name in any family
 */
export function depthOf(name: string): number | null {
  const [, part, layer] = /^(?:distil)?bert\.(?:(embeddings)|(?:encoder|transformer)\.layer\.(\d+))\./.exec(name) ?? [];
  return part ? -1 : layer === undefined ? null : Number(layer);
}

/** In the names of LayerNorms' weights, of any family. */
export const LAYER_NORM: RegExp = /LayerNorm|layer_norm/;
