import type { LayerNormParams } from "../layers/addAndNorm.ts";
import type { EmbeddingsParams } from "../layers/embeddings.ts";
import type { FeedForwardParams } from "../layers/feedForward.ts";
import type { LinearParams } from "../layers/linear.ts";
import type { PoolerParams } from "../layers/pooler.ts";
import type { SelfAttentionParams } from "../layers/selfAttention.ts";
import type { Tensor, Weight } from "../tensor/tensor.ts";
import type { Architecture, BertConfig } from "./config.ts";

/** One Transformer block: bert.encoder.layer.N.*. */
export interface EncoderLayerParams extends FeedForwardParams {
  readonly attention: {
    readonly self: SelfAttentionParams;
    readonly output: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
  };
  readonly output: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
}

/** bert.*: what every architecture has. */
export interface BertParams {
  readonly embeddings: EmbeddingsParams;
  readonly encoder: { readonly layer: readonly EncoderLayerParams[] };
  readonly pooler: PoolerParams | null;
}

/** cls.predictions.*: the masked-language-model head. */
export interface MlmHeadParams {
  readonly transform: { readonly dense: LinearParams; readonly LayerNorm: LayerNormParams };
  /** weight [V, H]: the word embeddings themselves where they are tied; bias [V] is cls.predictions.bias. */
  readonly decoder: LinearParams;
}

/** The whole model, as a tree whose paths are the names in the checkpoint. Heads that it does not have are null. */
export interface ModelParams {
  readonly bert: BertParams;
  readonly cls: { readonly predictions: MlmHeadParams | null; readonly seq_relationship: LinearParams | null };
  readonly classifier: LinearParams | null;
  readonly qa_outputs: LinearParams | null;
}

/** What a checkpoint leaves open: which of the optional tensors there are. */
export interface ParamsVariant {
  /** Whether bert.pooler.* is there; asked only for BertModel, all others need it or never use it. */
  readonly hasPooler: boolean;
  /** Whether the decoder is a matrix of its own, cls.predictions.decoder.weight, instead of the word embeddings. */
  readonly ownDecoder: boolean;
}

const WITH_POOLER: ReadonlySet<Architecture> = new Set([
  "BertForPreTraining",
  "BertForNextSentencePrediction",
  "BertForSequenceClassification",
  "BertForMultipleChoice",
]);

/**
 * Builds the parameter tree of a model. This is the one place where every name and shape stands; a checkpoint is read,
 * its names are listed and its memory is counted by calling it with another `take`.
 *
 * @param take called once for each tensor, in the order of the forward pass; a vector must be a `Tensor`
 */
export function modelParams(
  c: BertConfig,
  variant: ParamsVariant,
  take: (name: string, shape: readonly number[]) => Weight,
): ModelParams {
  const { hiddenSize: H, intermediateSize: I, vocabSize: V, architecture } = c;
  const vector = (name: string, length: number) => take(name, [length]) as Tensor;
  const embedding = (name: string, rows: number) => ({ weight: take(`${name}.weight`, [rows, H]) });
  const linear = (name: string, O: number, I: number): LinearParams => ({
    weight: take(`${name}.weight`, [O, I]),
    bias: vector(`${name}.bias`, O),
  });
  const layerNorm = (name: string): LayerNormParams => ({
    weight: vector(`${name}.weight`, H),
    bias: vector(`${name}.bias`, H),
  });

  const encoderLayer = (name: string): EncoderLayerParams => ({
    attention: {
      self: {
        query: linear(`${name}.attention.self.query`, H, H),
        key: linear(`${name}.attention.self.key`, H, H),
        value: linear(`${name}.attention.self.value`, H, H),
      },
      output: {
        dense: linear(`${name}.attention.output.dense`, H, H),
        LayerNorm: layerNorm(`${name}.attention.output.LayerNorm`),
      },
    },
    intermediate: { dense: linear(`${name}.intermediate.dense`, I, H) },
    output: { dense: linear(`${name}.output.dense`, H, I), LayerNorm: layerNorm(`${name}.output.LayerNorm`) },
  });

  const bert: BertParams = {
    embeddings: {
      word_embeddings: embedding("bert.embeddings.word_embeddings", V),
      position_embeddings: embedding("bert.embeddings.position_embeddings", c.maxPositionEmbeddings),
      token_type_embeddings: embedding("bert.embeddings.token_type_embeddings", c.typeVocabSize),
      LayerNorm: layerNorm("bert.embeddings.LayerNorm"),
    },
    encoder: { layer: Array.from({ length: c.numHiddenLayers }, (_, n) => encoderLayer(`bert.encoder.layer.${n}`)) },
    pooler:
      WITH_POOLER.has(architecture) || (architecture === "BertModel" && variant.hasPooler)
        ? { dense: linear("bert.pooler.dense", H, H) }
        : null,
  };

  const mlmHead = (): MlmHeadParams => ({
    transform: {
      dense: linear("cls.predictions.transform.dense", H, H),
      LayerNorm: layerNorm("cls.predictions.transform.LayerNorm"),
    },
    decoder: {
      weight: variant.ownDecoder
        ? take("cls.predictions.decoder.weight", [V, H])
        : bert.embeddings.word_embeddings.weight,
      bias: vector("cls.predictions.bias", V),
    },
  });

  const is = (...names: Architecture[]) => names.includes(architecture);
  return {
    bert,
    cls: {
      predictions: is("BertForPreTraining", "BertForMaskedLM") ? mlmHead() : null,
      seq_relationship: is("BertForPreTraining", "BertForNextSentencePrediction")
        ? linear("cls.seq_relationship", 2, H)
        : null,
    },
    classifier: is("BertForSequenceClassification", "BertForTokenClassification")
      ? linear("classifier", c.labels.length, H)
      : is("BertForMultipleChoice")
        ? linear("classifier", 1, H)
        : null,
    qa_outputs: is("BertForQuestionAnswering") ? linear("qa_outputs", 2, H) : null,
  };
}
