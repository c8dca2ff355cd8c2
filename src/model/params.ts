import { HEADS, type HeadParams } from "./architectures.ts";
import type { BertParams } from "./bert.ts";
import type { BertConfig } from "./config.ts";
import type { EncoderLayerParams } from "./encoderLayer.ts";
import { ownName } from "./family.ts";
import { type ParamsBuilder, paramsBuilder, type TakeTensor } from "./paramsBuilder.ts";

/** The whole model, as a tree whose paths are the names in BERT's checkpoints. */
export interface ModelParams {
  readonly bert: BertParams;
  /** Of the heads that the architecture has. */
  readonly heads: Partial<HeadParams>;
}

/** What a checkpoint leaves open: which of the optional tensors there are. */
export interface ParamsVariant {
  /**
   * Whether bert.pooler.* is there; it decides for BertModel alone: in the others a head reads the pooler, or none
   * does.
   */
  readonly hasPooler: boolean;
  /** Whether the decoder is a matrix of its own, cls.predictions.decoder.weight, instead of the word embeddings. */
  readonly ownDecoder: boolean;
}

/**
 * Builds the parameter tree of a model. Every name and shape stands here and in the table of heads (architectures.ts):
 * a checkpoint is read, its names are listed and its memory is counted by calling it with another `take`.
 *
 * @param take called once for each tensor, by its name in the checkpoint, in the order of the forward pass
 */
export function modelParams(c: BertConfig, variant: ParamsVariant, take: TakeTensor): ModelParams {
  const build = paramsBuilder((name, shape) => take(ownName(c.modelType, name), shape));
  const bert = bertParams(build, c, variant);
  const words = variant.ownDecoder ? null : bert.embeddings.word_embeddings.weight;
  const heads = HEADS[c.architecture].map((head) => [head.name, head.params(build, c, words)]);
  return { bert, heads: Object.fromEntries(heads) };
}

function bertParams(build: ParamsBuilder, c: BertConfig, { hasPooler }: ParamsVariant): BertParams {
  const { hiddenSize: H, architecture } = c;
  const heads = HEADS[architecture];
  const readsPooled = heads.length > 0 ? heads.some(({ reads }) => reads === "pooled") : hasPooler;
  return {
    embeddings: {
      word_embeddings: build.matrix("bert.embeddings.word_embeddings", c.vocabSize, H),
      position_embeddings: build.matrix("bert.embeddings.position_embeddings", c.maxPositionEmbeddings, H),
      token_type_embeddings:
        c.typeVocabSize > 0 ? build.matrix("bert.embeddings.token_type_embeddings", c.typeVocabSize, H) : null,
      LayerNorm: build.layerNorm("bert.embeddings.LayerNorm", H),
    },
    encoder: { layer: Array.from({ length: c.numHiddenLayers }, (_, n) => layerParams(build, c, n)) },
    pooler: readsPooled ? { dense: build.linear("bert.pooler.dense", H, H) } : null,
  };
}

function layerParams(
  build: ParamsBuilder,
  { hiddenSize: H, intermediateSize: I }: BertConfig,
  n: number,
): EncoderLayerParams {
  const name = `bert.encoder.layer.${n}`;
  return {
    attention: {
      self: {
        query: build.linear(`${name}.attention.self.query`, H, H),
        key: build.linear(`${name}.attention.self.key`, H, H),
        value: build.linear(`${name}.attention.self.value`, H, H),
      },
      output: {
        dense: build.linear(`${name}.attention.output.dense`, H, H),
        LayerNorm: build.layerNorm(`${name}.attention.output.LayerNorm`, H),
      },
    },
    intermediate: { dense: build.linear(`${name}.intermediate.dense`, I, H) },
    output: {
      dense: build.linear(`${name}.output.dense`, H, I),
      LayerNorm: build.layerNorm(`${name}.output.LayerNorm`, H),
    },
  };
}
