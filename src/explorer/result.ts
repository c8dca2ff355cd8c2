/** What the model makes of a text, for the page to show: arrays of numbers and strings alone, which can be posted. */
import type { BertModel, BertTokenizer, Tensor } from "../index.ts";

/** What is computed. */
export interface ExplorerRequest {
  readonly text: string;
  /** "" for one text. */
  readonly pair: string;
  /** Positions of tokens that are replaced by [MASK]. */
  readonly masks: readonly number[];
  /** How many answers there are for each gap. */
  readonly top: number;
}

/** A token of the text. */
export interface ExplorerToken {
  readonly id: number;
  /** As the vocabulary spells it. */
  readonly piece: string;
  /** Its characters in its text, as `slice` takes them; [0, 0] of [CLS] and [SEP]. */
  readonly span: readonly [from: number, to: number];
  /** 0 for the first text, 1 for the second. */
  readonly segment: number;
  /** Which word of its text it is of; null of [CLS] and [SEP]. */
  readonly word: number | null;
  readonly isSpecial: boolean;
  /** Whether it is [MASK], written or clicked. */
  readonly isMasked: boolean;
}

/** The likeliest pieces in the place of a gap. */
export interface ExplorerGap {
  /** The token's position. */
  readonly position: number;
  /** The row of the logits [N, V] that it is. */
  readonly row: number;
  readonly answers: readonly {
    readonly id: number;
    readonly piece: string;
    readonly logit: number;
    readonly probability: number;
  }[];
  /** Of the probabilities of all pieces, in nats. */
  readonly entropy: number;
}

/** What the model makes of a text. */
export interface ExplorerResult {
  readonly request: ExplorerRequest;
  readonly tokens: readonly ExplorerToken[];
  /** How many tokens the whole text has; more than `tokens` where it was cut. */
  readonly whole: number;
  /** L arrays [A, T, T]: `bert.encoder.layer.N.attention.self.probs`. */
  readonly attentions: readonly Float32Array[];
  readonly heads: number;
  readonly gaps: readonly ExplorerGap[];
  /** The logits of "the second text follows" and "it does not"; null without a second text or without the head. */
  readonly nextSentence: readonly [number, number] | null;
  /** Milliseconds of the forward pass. */
  readonly milliseconds: number;
}

/** The name of the tap that has a layer's attention probabilities. */
export const probabilitiesOf = (layer: number): string => `bert.encoder.layer.${layer}.attention.self.probs`;

/**
 * Computes what the page shows of a text.
 *
 * @throws BertError as `encode` and `forward`
 */
export function compute(model: BertModel, tokenizer: BertTokenizer, request: ExplorerRequest): ExplorerResult {
  const { text, pair, masks, top } = request;
  const options = { ...(pair !== "" && { textPair: pair }) };
  const maxLength = Math.min(model.config.maxPositionEmbeddings, tokenizer.modelMaxLength);
  const encoding = tokenizer.encode(text, { ...options, truncation: true, maxLength });
  const whole = encoding.length < maxLength ? encoding.length : tokenizer.encode(text, options).length;
  const maskId = tokenizer.maskTokenId ?? -1;
  const isSpecial = (t: number) => encoding.specialTokensMask[t] === 1;
  const inputIds = encoding.inputIds.map((id, t) => (masks.includes(t) && !isSpecial(t) ? maskId : id));
  const positions = [...inputIds.keys()].filter((t) => inputIds[t] === maskId);
  const pieces = encoding.tokens();
  const tokens = inputIds.map((id, t) => ({
    id,
    piece: inputIds[t] === encoding.inputIds[t] ? pieces[t] : (tokenizer.maskToken ?? ""),
    span: [encoding.offsets[t][0], encoding.offsets[t][1]] as const,
    segment: encoding.tokenTypeIds[t],
    word: encoding.wordIds[t],
    isSpecial: isSpecial(t),
    isMasked: id === maskId,
  }));
  const start = performance.now();
  const output = model.forwardSync([{ inputIds, tokenTypeIds: encoding.tokenTypeIds }], {
    attentions: true,
    maskedLmPositions: [positions],
  });
  const milliseconds = performance.now() - start;
  const logits =
    output.predictionLogits ?? (model.config.architecture === "BertForMaskedLM" ? output.logits : undefined);
  const follows = output.seqRelationshipLogits?.data;
  return {
    request,
    tokens,
    whole,
    attentions: (output.attentions ?? []).map(({ data }) => data),
    heads: model.config.numAttentionHeads,
    gaps: logits ? positions.map((position, row) => gapOf(position, row, logits, top, tokenizer)) : [],
    nextSentence: follows && pair !== "" ? [follows[0], follows[1]] : null,
    milliseconds,
  };
}

function gapOf(position: number, row: number, logits: Tensor, top: number, tokenizer: BertTokenizer): ExplorerGap {
  const V = logits.shape.at(-1) as number;
  const scores = logits.data.subarray(row * V, (row + 1) * V);
  const max = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  const sum = scores.reduce((total, score) => total + Math.exp(score - max), 0);
  const best = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b).slice(0, top);
  const mean = scores.reduce((total, score) => total + ((score - max) * Math.exp(score - max)) / sum, 0);
  return {
    position,
    row,
    answers: best.map((id) => ({
      id,
      piece: tokenizer.idToToken(id) ?? "",
      logit: scores[id],
      probability: Math.exp(scores[id] - max) / sum,
    })),
    entropy: Math.log(sum) - mean,
  };
}
