/** What the model makes of a text, for the page to show: arrays of numbers and strings alone, which can be posted. */
import type { Architecture, BertModel, BertTokenizer, Encoding, SequenceInput, Tensor } from "../index.ts";
import { meanEntropies } from "./entropy.ts";
import { type Further, type FurtherRequest, furtherOf, tapsFor } from "./further/further.ts";
import { type Inseparable, type Similarity, sentenceReading, similarityOf } from "./further/similarity.ts";
import { type HiddenPiece, hiddenPieces, isPieceOf } from "./hidden.ts";
import { type Answer, ranked } from "./ranked.ts";

/** What is computed. */
export interface ExplorerRequest {
  readonly text: string;
  /** "" for one text. */
  readonly pair: string;
  /** Positions of tokens that are replaced by [MASK]. */
  readonly masks: readonly number[];
  /** Pieces that stay hidden, wherever their characters are now: the result's `masks` has their positions. */
  readonly hidden?: readonly HiddenPiece[];
  /** How many answers there are for each gap. */
  readonly top: number;
  /** The pieces to choose from, instead of the whole vocabulary; left out or none of them known: the likeliest. */
  readonly targets?: readonly string[];
  /** What else is wanted of the same forward pass. */
  readonly further?: FurtherRequest;
  /** What it is compared with: other texts, or the same in the other model. */
  readonly compare?: ComparedText;
}

/** What texts are compared with; null: the same text, with the same tokens hidden. */
export interface ComparedText {
  readonly text: string | null;
  readonly pair: string | null;
  /** Positions of tokens that are hidden beside those. */
  readonly masks: readonly number[];
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
  /** What it is where a click hides it; null where none does. */
  readonly hidden: { readonly id: number; readonly piece: string } | null;
  /** Whether it stands for characters that no pieces of the vocabulary spell. */
  readonly isUnknown: boolean;
}

/** The outputs of `forward` that have the logits of gaps, and those of whether the second text follows. */
interface Outputs {
  readonly gaps?: "predictionLogits" | "logits";
  readonly nextSentence?: "seqRelationshipLogits" | "logits";
}

/** The likeliest pieces in the place of a gap. */
export interface ExplorerGap {
  /** The token's position. */
  readonly position: number;
  /** The output of `forward` that has its logits, and their row in it, [N, V]. */
  readonly output: NonNullable<Outputs["gaps"]>;
  readonly row: number;
  readonly answers: readonly Answer[];
  /** Whether the answers are those that were asked for, and not the likeliest. */
  readonly areAsked: boolean;
  /** The hidden token itself, with its place among all pieces, from 1; null where [MASK] is written. */
  readonly truth: Omit<Answer, "logit"> | null;
  /** Of the probabilities of all pieces, in nats. */
  readonly entropy: number;
}

/** What the model makes of a text. */
export interface ExplorerResult {
  readonly request: ExplorerRequest;
  readonly tokens: readonly ExplorerToken[];
  /** How many tokens the whole text has; more than `tokens` where it was cut. */
  readonly whole: number;
  /** L arrays [A, T, T]. */
  readonly attentions: readonly Float32Array[];
  /** The names of the taps that have them: `bert.encoder.layer.N.attention.self.probs` in a BERT. */
  readonly taps: readonly string[];
  readonly heads: number;
  /** The largest number of all, where they are no probabilities: see `weighted.ts`. */
  readonly largest?: number;
  /**
   * [L, A]: the mean entropy of a head's rows, in nats. The worker computes it, as it takes long: 0.1 s for 144 heads
   * and 242 tokens.
   */
  readonly entropies: readonly (readonly number[])[];
  readonly gaps: readonly ExplorerGap[];
  /** Those of the request's targets that are no piece of the vocabulary. */
  readonly unknownTargets: readonly string[];
  /**
   * The logits of "the second text follows" and "it does not", and the output of `forward` that has them; null without
   * a second text or without the head.
   */
  readonly nextSentence: {
    readonly output: NonNullable<Outputs["nextSentence"]>;
    readonly logits: readonly [follows: number, doesNot: number];
  } | null;
  /** What the request's `further` asks for; left out where it asks for nothing. */
  readonly further?: Further;
  /** What the request's `compare` asks for; left out where it asks for nothing. */
  readonly compared?: ComparedResult;
  /** Milliseconds of the forward pass. */
  readonly milliseconds: number;
}

/** What a text is compared with, and where the two differ. */
export interface ComparedResult {
  readonly result: ExplorerResult;
  /** Of each token its position in the other text; null: it is not there. */
  readonly there: readonly (number | null)[];
  /** [L, A]: how far each head's attention differs, in bits; null: the models have other layers or heads. */
  readonly divergences: Float64Array | null;
  readonly gaps: readonly ComparedGap[];
}

/** A gap that both texts have. */
export interface ComparedGap {
  /** Its place among the gaps of each. */
  readonly here: number;
  readonly there: number;
  /** The likeliest pieces of both, those of this side first; null: the other vocabulary does not have it. */
  readonly answers: readonly { readonly here: Answer; readonly there: Answer | null }[];
  /** Of the two distributions over all pieces, in bits; null: the vocabularies differ. */
  readonly divergence: number | null;
}

/** What models have of them; others have neither. */
const OUTPUTS: Readonly<Partial<Record<Architecture, Outputs>>> = {
  BertForPreTraining: { gaps: "predictionLogits", nextSentence: "seqRelationshipLogits" },
  BertForMaskedLM: { gaps: "logits" },
  DistilBertForMaskedLM: { gaps: "logits" },
  BertForNextSentencePrediction: { nextSentence: "logits" },
};

/** Which answers models of an architecture have, by the names of their outputs. */
export const outputsOf = (architecture: Architecture): Outputs => OUTPUTS[architecture] ?? {};

/**
 * Computes what the page shows of a text.
 *
 * @throws BertError as `encode` and `forward`
 */
export function compute(model: BertModel, tokenizer: BertTokenizer, request: ExplorerRequest): ExplorerResult {
  return computeWithScores(model, tokenizer, request).result;
}

/** The same, and the logits of every piece of the vocabulary for each gap. */
export function computeWithScores(
  model: BertModel,
  tokenizer: BertTokenizer,
  request: ExplorerRequest,
): { readonly result: ExplorerResult; readonly scores: readonly Float32Array[] } {
  const { pair, top, targets = [], further } = request;
  const { tokens, whole, positions, sequence } = inputOf(model, tokenizer, request);
  const { gaps, nextSentence } = outputsOf(model.config.architecture);
  const start = performance.now();
  const output = model.forwardSync([sequence], {
    attentions: true,
    ...(gaps && { maskedLmPositions: [positions] }),
    ...(further && { taps: tapsFor(model, further) }),
  });
  const milliseconds = performance.now() - start;
  const idOf = (target: string) => tokenizer.tokenToId(target);
  const asked = targets.map(idOf).filter((id) => id !== undefined);
  const scores = gaps ? rowsOf(output[gaps] as Tensor) : [];
  const answers = (row: number) => answersOf(scores[row], { top, asked }, tokenizer, tokens[positions[row]].hidden);
  const attentions = (output.attentions ?? []).map(({ data }) => data);
  const heads = model.config.numAttentionHeads;
  const [follows, doesNot] = nextSentence ? (output[nextSentence] as Tensor).data : [];
  const result: ExplorerResult = {
    ...{ request: placed(request, tokens), tokens, whole },
    taps: model.taps.flatMap(({ name, shape }) => (shape.length === 4 ? [name] : [])), // [B, A, T, T]
    ...{ attentions, heads, entropies: attentions.map((data) => meanEntropies(data, heads, tokens.length)) },
    gaps: gaps ? positions.map((position, row) => ({ position, output: gaps, row, ...answers(row) })) : [],
    unknownTargets: targets.filter((target) => idOf(target) === undefined),
    nextSentence: nextSentence && pair !== "" ? { output: nextSentence, logits: [follows, doesNot] } : null,
    ...(further && {
      further: {
        ...furtherOf(
          model,
          further,
          output.taps ?? new Map(),
          {
            ...{ tokenizer, gaps: positions, asked },
            ids: tokens.map(({ id }) => id),
            hidden: tokens.map(({ hidden }) => hidden?.id ?? null),
          },
          gaps !== undefined,
        ),
        similarity: further.similarity && pair !== "" ? similarityIn(model, request, tokens) : null,
      },
    }),
    milliseconds,
  };
  return { result, scores };
}

/** The rows of a tensor [N, V]. */
function rowsOf({ data, shape }: Tensor): Float32Array[] {
  const V = shape.at(-1) as number;
  return Array.from({ length: data.length / V }, (_, row) => data.subarray(row * V, (row + 1) * V));
}

/** The cosine of the two texts, each read alone; what is hidden in them stays so. */
function similarityIn(
  model: BertModel,
  { text, pair }: ExplorerRequest,
  tokens: readonly ExplorerToken[],
): Similarity | Inseparable {
  const reading = sentenceReading(model);
  if ("problem" in reading) return reading;
  const { tokenizer, prompt, maxLength } = reading;
  const all = hiddenPieces(tokens, [...tokens.keys()].filter((t) => tokens[t].hidden)); // biome-ignore format: one line
  const alone = (own: string, of: number) => {
    const hidden = all.flatMap(({ segment, span: [from, to], ...piece }) =>
      segment === of ? [{ ...piece, segment: 0, span: [from + prompt.length, to + prompt.length] as const }] : [],
    );
    const request = { text: prompt + own, pair: "", masks: [], top: 0, hidden };
    const { tokens: read, whole } = inputOf(model, tokenizer, request, maxLength);
    return { pieces: read.map(({ piece }) => piece), inputIds: read.map(({ id }) => id), whole };
  };
  const promptLength = prompt === "" ? 0 : alone("", -1).inputIds.length - 1;
  const hasDecoder = outputsOf(model.config.architecture).gaps !== undefined;
  return similarityOf(model, [alone(text, 0), alone(pair, 1)], promptLength, hasDecoder);
}

/** What the model is given of a text. */
interface ExplorerInput extends Pick<ExplorerResult, "tokens" | "whole"> {
  /** The positions of gaps. */
  readonly positions: readonly number[];
  readonly sequence: SequenceInput;
}

/** What the model is given of a text, as far as it has positions. @throws BertError as `encode` */
export function inputOf(
  model: BertModel,
  tokenizer: BertTokenizer,
  request: ExplorerRequest,
  maxLength: number = Math.min(model.config.maxPositionEmbeddings, tokenizer.modelMaxLength),
): ExplorerInput {
  const { text, pair } = request;
  const options = { ...(pair !== "" && { textPair: pair }) };
  const encoding = tokenizer.encode(text, { ...options, truncation: true, maxLength });
  const whole = encoding.length < maxLength ? encoding.length : tokenizer.encode(text, options).length;
  const tokens = tokensOf(encoding, tokenizer, request);
  const positions = [...tokens.keys()].filter((t) => tokens[t].isMasked);
  return {
    tokens,
    whole,
    positions,
    sequence: { inputIds: tokens.map(({ id }) => id), tokenTypeIds: encoding.tokenTypeIds },
  };
}

/** The request with positions in place of hidden pieces. */
function placed({ hidden, ...request }: ExplorerRequest, tokens: readonly ExplorerToken[]): ExplorerRequest {
  return hidden ? { ...request, masks: [...tokens.keys()].filter((t) => tokens[t].hidden) } : request;
}

/** The tokens of a text, some of them masked. */
function tokensOf(
  encoding: Encoding,
  tokenizer: BertTokenizer,
  { masks, hidden = [] }: ExplorerRequest,
): ExplorerToken[] {
  const { inputIds, offsets, tokenTypeIds, wordIds, specialTokensMask } = encoding;
  const { maskTokenId, maskToken, unkTokenId } = tokenizer;
  const pieces = encoding.tokens();
  return inputIds.map((own, t) => {
    const isSpecial = specialTokensMask[t] === 1;
    const span = [offsets[t][0], offsets[t][1]] as const;
    const isChosen = masks.includes(t) || hidden.some(isPieceOf(tokenTypeIds[t], span, own));
    const isClicked = isChosen && !isSpecial && maskTokenId !== undefined && own !== maskTokenId;
    return {
      id: isClicked ? maskTokenId : own,
      piece: isClicked ? (maskToken ?? pieces[t]) : pieces[t],
      ...{ span, segment: tokenTypeIds[t], word: wordIds[t], isSpecial },
      isMasked: isClicked || own === maskTokenId,
      hidden: isClicked ? { id: own, piece: pieces[t] } : null,
      isUnknown: !isClicked && own === unkTokenId,
    };
  });
}

/** The likeliest pieces, or those that are asked for. */
function answersOf(
  scores: Float32Array,
  { top, asked }: { readonly top: number; readonly asked: readonly number[] },
  tokenizer: BertTokenizer,
  hidden: ExplorerToken["hidden"],
): Pick<ExplorerGap, "answers" | "areAsked" | "truth" | "entropy"> {
  const { ids, answerOf, entropy } = ranked(scores, tokenizer);
  const areAsked = asked.length > 0;
  const shown = areAsked ? ids.filter((id) => asked.includes(id)) : ids.slice(0, top);
  const truthOf = ({ id, piece }: { readonly id: number; readonly piece: string }) => {
    const { rank, probability } = answerOf(id);
    return { id, piece, rank, probability };
  };
  return { answers: shown.map(answerOf), areAsked, truth: hidden && truthOf(hidden), entropy };
}
