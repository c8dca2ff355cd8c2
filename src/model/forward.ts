import type { Tensor } from "../tensor/tensor.ts";

/** Where the tapped tensors go: shapes as in Hugging Face, always copies. */
export type TapListener = (name: string, tensor: Tensor) => void;

/**
 * What `forward` computes and returns beside the last hidden state and the architecture's logits. The type of the
 * output follows from that of `lastHiddenState`.
 */
export interface ForwardOptions<L extends boolean = boolean> {
  /**
   * `false` leaves `lastHiddenState` out. Then the last layer computes only the tokens that the heads read: [CLS], and
   * those of `maskedLmPositions`. Default true.
   */
  readonly lastHiddenState?: L;
  /** Return `hiddenStates`: the embeddings and the output of each layer. */
  readonly hiddenStates?: boolean;
  /** Return `attentions`: each layer's probabilities. */
  readonly attentions?: boolean;
  /** Called with every intermediate result while it is computed, by its name in `bert.taps`; the tensor is a copy. */
  readonly tap?: TapListener;
  /** Return these intermediate results, by their names in `bert.taps`; only they are copied. */
  readonly taps?: readonly string[];
  /**
   * [L, A]: what each attention head's output is multiplied by; 0 silences a head, 1 leaves it. It is `head_mask` of
   * transformers 4, which multiplies a head's attention probabilities.
   */
  readonly headMask?: readonly ArrayLike<number>[];
  /**
   * For each sequence the indices of the tokens whose masked-language-model logits are wanted. The decoder is the
   * largest matrix of the model; without this option it runs on every token, with empty lists on none.
   */
  readonly maskedLmPositions?: readonly ArrayLike<number>[];
  /** BertForMultipleChoice: how many consecutive sequences are choices of one question; by default all of them. */
  readonly numChoices?: number;
  /** Stops between two layers. */
  readonly signal?: AbortSignal;
}

/** Names and shapes as in Hugging Face: B sequences, T tokens of the longest, zeros in rows that are padding. */
export interface BertOutput {
  /** [B, T, H] */
  readonly lastHiddenState: Tensor;
  /** [B, H], in models that have a pooler. */
  readonly poolerOutput?: Tensor;
  /**
   * BertForMaskedLM [B, T, V] or, for N `maskedLmPositions`, [N, V]; BertForNextSentencePrediction [B, 2];
   * BertForSequenceClassification [B, labels]; BertForTokenClassification [B, T, labels];
   * BertForMultipleChoice [B / numChoices, numChoices].
   */
  readonly logits?: Tensor;
  /** BertForPreTraining: as `logits` of BertForMaskedLM. */
  readonly predictionLogits?: Tensor;
  /** BertForPreTraining: [B, 2]; class 0 is "the second text follows the first". */
  readonly seqRelationshipLogits?: Tensor;
  /** BertForQuestionAnswering: [B, T] */
  readonly startLogits?: Tensor;
  /** BertForQuestionAnswering: [B, T] */
  readonly endLogits?: Tensor;
  /** L + 1 of [B, T, H] */
  readonly hiddenStates?: readonly Tensor[];
  /** L of [B, A, T, T], before the head mask */
  readonly attentions?: readonly Tensor[];
  /** The intermediate results that `options.taps` names. */
  readonly taps?: ReadonlyMap<string, Tensor>;
}

/** What `forward` returns with `lastHiddenState: false`. */
export type HeadOutput = Omit<BertOutput, "lastHiddenState">;

/** The outputs of heads. */
export type HeadOutputName = "logits" | "predictionLogits" | "seqRelationshipLogits" | "startLogits" | "endLogits";
