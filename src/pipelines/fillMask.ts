import { BertError, listed, quote } from "../errors.ts";
import type { Bert } from "../load/loadBert.ts";
import type { BertTokenizer, Encoding } from "../tokenizer/index.ts";
import { answerAll, expectMaskedLm, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectCount,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { faultOf } from "./faults.ts";
import { softmax, topK } from "./scores.ts";
import { type Answers, type IsAny, type Texts, withStreams } from "./stream.ts";
import type { Parts } from "./turns.ts";

/** Options of a call, named as in Hugging Face. */
export interface FillMaskOptions extends CallOptions {
  /** How many predictions for each mask; at most as many as there are tokens, or targets. Default 5. */
  readonly top_k?: number;
  /**
   * Tokens to choose from instead of the whole vocabulary. Scores stay those among the whole vocabulary, as in Python.
   * A target must be a token: Python would score the first piece of another word in its place, with a warning. A list
   * of lists has the tokens for the first mask, for the second, and so on.
   */
  readonly targets?: string | readonly string[] | readonly (readonly string[])[];
  /**
   * Cut a text that is too long for the model instead of refusing it. Where that would cut off a mask it is refused
   * still. Default false.
   */
  readonly truncation?: boolean;
}

/** One way to fill a mask; names and values as in Hugging Face. */
export interface FillMaskPrediction {
  /** Probability among the whole vocabulary. */
  readonly score: number;
  /** The token's id. */
  readonly token: number;
  /** The token as text, "##" and all. */
  readonly token_str: string;
  /**
   * The text with the token in the mask's place; with several masks in the text, [CLS], [SEP] and the others are kept.
   */
  readonly sequence: string;
}

/**
 * What a text gives: a list of predictions for its mask; if it has several, such a list for each. The type says which
 * for a text that is known when the program is compiled. One that is known only when it runs counts as one with one
 * mask; `Array.isArray` of the first element tells whether it had several.
 */
export type FillMaskOutput<Text extends string = string> = Text extends `${string}[MASK]${string}[MASK]${string}`
  ? FillMaskPrediction[][]
  : FillMaskPrediction[];

/** The texts in what a call is given. */
type TextOf<Input> =
  IsAny<Input> extends true
    ? string
    : Input extends string
      ? Input
      : Input extends AsyncIterable<infer Text extends string> | Iterable<infer Text extends string>
        ? Text
        : string;

/** What `pipeline("fill-mask")` gives. */
export interface FillMask {
  /**
   * Predicts the masked tokens of a text. An array of texts gives an array of results, each the same, to the bit, as
   * the text alone gives.
   *
   * A stream of any length is answered text by text and in order. Several are computed at once; while the caller
   * handles their results the next are, and the stream is read no further. Leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts without the mask token or too long for the model, all of an array's that are,
   *   before anything is computed; a target that is no token, or another wrong argument; of a stream after the results
   *   of the texts before. What the stream throws
   * @example
   * const [best] = await unmask("She opened the [MASK] and looked out.");
   * best; // { score: 0.5362, token: 771, token_str: "door", sequence: "She opened the door and looked out." }
   * for await (const predictions of unmask(lines)) console.log(predictions);
   */
  <Input extends Texts>(texts: Input, options?: FillMaskOptions): Answers<Input, string, FillMaskOutput<TextOf<Input>>>;
}

const TASK = "fill-mask";

/**
 * A mask counts as this many tokens when texts are put into batches: its logits, V numbers, take about as much memory
 * as the activations of so many tokens in BERT-base.
 */
const TOKENS_PER_MASK = 4;

/** @throws BertError ERR_INPUT the model has no masked-language-model head; ERR_VOCABULARY the tokenizer has no mask */
export function fillMask(bert: Bert): FillMask {
  const { tokenizer } = bert;
  const { maskToken } = tokenizer;
  const maskTokenId = expectMaskedLm(TASK, bert);
  const known = idsOfTokens(bert);

  function prepare(options: FillMaskOptions) {
    expectOptions(TASK, options, ["top_k", "targets", "truncation"]);
    const { top_k = 5 } = options;
    expectCount(TASK, "top_k", top_k);
    const targetsOf = targetsOfMasks(tokenizer, options.targets);

    function answer({ encoding, masks }: MaskedText, logitsOf: (mask: number) => Float32Array): unknown {
      const targets = targetsOf(masks.length);
      const perMask = masks.map((mask, i) =>
        best(logitsOf(i), top_k, targets[i] ?? known).map(([token, score]) => ({
          score,
          token,
          token_str: tokenizer.decode([token]),
          sequence: filled(encoding, mask, token, masks.length === 1),
        })),
      );
      return perMask.length === 1 ? perMask[0] : perMask;
    }

    const truncation = flagOf(TASK, "truncation", options.truncation);
    async function compute(batch: readonly MaskedText[], signal?: AbortSignal): Promise<unknown[]> {
      const { logits, predictionLogits = logits } = await bert.forward(
        batch.map(({ encoding }) => encoding),
        { lastHiddenState: false, maskedLmPositions: batch.map(({ masks }) => masks), ...(signal && { signal }) },
      );
      const V = bert.config.vocabSize;
      let row = 0;
      return batch.map((text) => {
        const first = row;
        row += text.masks.length;
        return answer(text, (i) => predictionLogits!.data.subarray((first + i) * V, (first + i + 1) * V));
      });
    }
    return { encode: (text: NamedText) => maskedText(text, truncation), tokensOf, compute };
  }

  async function run(input: unknown, options: FillMaskOptions = {}): Promise<unknown> {
    const results = await answerAll(expectTexts(TASK, input), prepare(options), options.signal);
    return Array.isArray(input) ? results : results[0];
  }

  function* maskedText(text: NamedText, truncation: boolean): Parts<MaskedText> {
    const limit = tokenLimit(bert);
    const encoding = yield* encodeWithin(TASK, tokenizer, text, { truncation, limit });
    const masks = encoding.inputIds.flatMap((id, t) => (id === maskTokenId ? [t] : []));
    if (encoding.length === limit && truncation) expectNoMaskCut(text, encoding);
    if (masks.length === 0) throw wrongArgument(TASK, text.name, `a text with ${maskToken}`, text.text);
    return { encoding, masks, length: encoding.length };
  }

  /** Checks that no mask stands before or behind the tokens that were kept. */
  function expectNoMaskCut({ name, text }: NamedText, { offsets, length }: Encoding): void {
    const [start, end] = [offsets[1][0], offsets[length - 2][1]];
    const at = [text.slice(0, start).indexOf(maskToken!), text.indexOf(maskToken!, end)].find((place) => place >= 0);
    if (at === undefined) return;
    const expected = `a text with every ${maskToken} in the ${length} tokens that truncation leaves`;
    throw faultOf(TASK, name, expected, `has one at index ${at}`);
  }

  /**
   * The text with a filled mask, as in Python: padding is left out, and special tokens too, unless that would hide the
   * other masks.
   */
  function filled({ inputIds }: Encoding, mask: number, token: number, only: boolean): string {
    const ids = inputIds.with(mask, token).filter((id) => id !== tokenizer.padTokenId);
    return tokenizer.decode(ids, { skipSpecialTokens: only });
  }

  return withStreams(TASK, run, (options: FillMaskOptions) => {
    const { encode, compute } = prepare(options);
    return {
      *encode(text, i) {
        const encoded = yield* encode(expectText(TASK, `texts[${i}]`, text));
        return { encoded, tokens: tokensOf(encoded), length: encoded.length };
      },
      compute,
    };
  }) as FillMask;
}

interface MaskedText {
  readonly encoding: Encoding;
  /** Where the masks are, as indices of tokens. */
  readonly masks: readonly number[];
  /** Tokens. */
  readonly length: number;
}

function tokensOf({ encoding, masks }: MaskedText): number {
  return encoding.length + TOKENS_PER_MASK * masks.length;
}

/**
 * The ids to choose from, ascending; null: all of them. A model may have rows that stand for no token, behind the
 * vocabulary's or for one that a vocab.txt has twice: they count in the probabilities and are no answer.
 */
function idsOfTokens({ tokenizer, config: { vocabSize } }: Bert): number[] | null {
  const ids = Array.from({ length: tokenizer.size }, (_, id) => id).filter(
    (id) => tokenizer.idToToken(id) !== undefined,
  );
  return ids.length === vocabSize ? null : ids;
}

/** The k likeliest tokens with their probabilities, likeliest first. */
function best(logits: Float32Array, k: number, targets: readonly number[] | null): [number, number][] {
  // By logits: probabilities of different logits can be equal, at the latest where they become 0.
  const tokens = targets
    ? topK(
        targets.map((id) => logits[id]),
        k,
      ).map((i) => targets[i])
    : topK(logits, k);
  const scores = softmax(TASK, logits, tokens);
  return tokens.map((token, i) => [token, scores[i]]);
}

/**
 * What the option `targets` means for a text with so many masks: the ids to choose from for each; null is all of them.
 */
function targetsOfMasks(tokenizer: BertTokenizer, targets: unknown): (masks: number) => (number[] | null)[] {
  if (!(Array.isArray(targets) && targets.some(Array.isArray))) {
    const ids = targets === undefined ? null : targetIds(tokenizer, targets);
    return (masks) => Array(masks).fill(ids);
  }
  const lists = targets.map((list) => targetIds(tokenizer, list));
  return (masks) => {
    if (masks === lists.length) return lists;
    throw new BertError(
      "ERR_INPUT",
      `${TASK}: targets must have a list for each mask of a text, got ${lists.length} for ${masks}`,
    );
  };
}

/** Ids of the targets, ascending, each once. */
function targetIds(tokenizer: BertTokenizer, targets: unknown): number[] {
  const list: unknown[] = Array.isArray(targets) ? targets : [targets];
  if (list.length === 0) throw wrongArgument(TASK, "targets", "at least one token", targets);
  const ids = new Set<number>();
  const unknown: string[] = [];
  for (const target of list) {
    if (typeof target !== "string") throw wrongArgument(TASK, "targets", "a string or an array of strings", target);
    const id = tokenizer.tokenToId(target);
    if (id !== undefined) ids.add(id);
    else {
      const pieces = tokenizer.tokenize(target.slice(0, 200)).slice(0, 8);
      unknown.push(`${quote(target)}${pieces.length > 0 ? ` (its pieces are ${pieces.map(quote).join(", ")})` : ""}`);
    }
  }
  if (unknown.length > 0) {
    throw new BertError("ERR_INPUT", `${TASK}: targets must be tokens of the vocabulary, got ${listed(unknown)}`);
  }
  return [...ids].sort((a, b) => a - b);
}
