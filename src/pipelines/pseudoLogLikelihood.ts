import type { Bert } from "../load/loadBert.ts";
import { exp } from "../tensor/kernels/transcendental.ts";
import { batchesOf, encodeAll, expectMaskedLm, tokenLimit } from "./answerAll.ts";
import {
  type CallOptions,
  encodeWithin,
  expectOptions,
  expectText,
  expectTexts,
  flagOf,
  type NamedText,
  wrongArgument,
} from "./arguments.ts";
import { logSoftmaxAt } from "./scores.ts";
import { type Answers, isStream, oneByOne, type Texts } from "./stream.ts";
import { inTurns, type Parts } from "./turns.ts";

/** Options of a call. */
export interface PseudoLogLikelihoodOptions extends CallOptions {
  /** Cut a text that is too long for the model instead of refusing it. Default false. */
  readonly truncation?: boolean;
}

/** How likely the model finds a text. */
export interface TextLikelihood {
  /** Σ log P(token | all others), natural logarithms: the pseudo-log-likelihood. */
  readonly score: number;
  /** e^(−score / tokens), the pseudo-perplexity: 1 for a text without any surprise, larger the stranger it is. */
  readonly perplexity: number;
  /** The tokens of the text, each with log P(token | all others). */
  readonly tokens: readonly { readonly token: string; readonly score: number }[];
}

/** What `pipeline("pseudo-log-likelihood")` gives. */
export interface PseudoLogLikelihood {
  /**
   * How likely a text is to the masked language model: each of its tokens is masked in turn and predicted from all the
   * others (Salazar et al. 2020, arXiv 1910.14659, equation 1). A text of T tokens costs as much as T texts. An array
   * of texts gives an array of results, each the same, to the bit, as the text alone gives. A stream of any length is
   * answered text by text; leaving the loop closes it.
   *
   * @throws BertError ERR_INPUT texts without any token, that are no strings or too long for the model, all of an
   *   array's that are, before anything is computed; or another wrong argument; of a stream after the results before.
   *   What the stream throws
   * @example
   * const [a, b] = await score(["She opened the door.", "She opened the sea."]);
   * a.score > b.score; // true
   */
  <Input extends Texts>(texts: Input, options?: PseudoLogLikelihoodOptions): Answers<Input, string, TextLikelihood>;
}

const TASK = "pseudo-log-likelihood";

/** @throws BertError ERR_INPUT the model has no masked-language-model head; ERR_VOCABULARY the tokenizer has no mask */
export function pseudoLogLikelihood(bert: Bert): PseudoLogLikelihood {
  const maskTokenId = expectMaskedLm(TASK, bert);
  const { tokenizer, config } = bert;
  const V = config.vocabSize;

  function* encode(text: NamedText, truncation: boolean): Parts<MaskableText> {
    const limit = tokenLimit(bert);
    const { inputIds, specialTokensMask } = yield* encodeWithin(TASK, tokenizer, text, { truncation, limit });
    const places = inputIds.flatMap((_, t) => (specialTokensMask[t] === 0 ? [t] : []));
    if (places.length > 0) return { inputIds, places };
    throw wrongArgument(TASK, text.name, "a text with at least one word", text.text); // 0 / 0 is no perplexity
  }

  /** Each text once for each of its tokens, many texts in one pass. */
  async function answer(texts: readonly MaskableText[], signal: AbortSignal | undefined): Promise<TextLikelihood[]> {
    const scores: number[] = [];
    const all = texts.flatMap(({ inputIds, places }) => places.map((t) => ({ inputIds, t })));
    for (const batch of batchesOf(all, ({ inputIds }) => inputIds.length)) {
      const { logits, predictionLogits = logits } = await bert.forward(
        batch.map(({ inputIds, t }) => ({ inputIds: inputIds.with(t, maskTokenId) })),
        { lastHiddenState: false, maskedLmPositions: batch.map(({ t }) => [t]), ...(signal && { signal }) },
      );
      for (const [row, { inputIds, t }] of batch.entries()) {
        scores.push(logSoftmaxAt(TASK, predictionLogits!.data.subarray(row * V, (row + 1) * V), inputIds[t]));
      }
    }
    let at = 0;
    return texts.map(({ inputIds, places }) => {
      const tokens = places.map((t) => ({ token: tokenizer.idToToken(inputIds[t])!, score: scores[at++] }));
      const score = tokens.reduce((sum, token) => sum + token.score, 0);
      return { score, perplexity: exp(-score / tokens.length), tokens };
    });
  }

  function truncationOf(options: PseudoLogLikelihoodOptions): boolean {
    expectOptions(TASK, options, ["truncation"]);
    return flagOf(TASK, "truncation", options.truncation);
  }

  async function run(input: unknown, options: PseudoLogLikelihoodOptions): Promise<unknown> {
    const truncation = truncationOf(options);
    const texts = expectTexts(TASK, input);
    const encoded = await encodeAll(texts, (text) => encode(text, truncation), options.signal);
    const results = await answer(encoded, options.signal);
    return Array.isArray(input) ? results : results[0];
  }

  return ((input: unknown, options: PseudoLogLikelihoodOptions = {}) => {
    if (!isStream(input)) return run(input, options);
    return oneByOne(input, async (text, i) => {
      const parts = encode(expectText(TASK, `texts[${i}]`, text), truncationOf(options));
      return (await answer([await inTurns(parts, options.signal)], options.signal))[0];
    });
  }) as PseudoLogLikelihood;
}

interface MaskableText {
  readonly inputIds: readonly number[];
  /** The places of the text's own tokens, which are masked one by one. */
  readonly places: readonly number[];
}
