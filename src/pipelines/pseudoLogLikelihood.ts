import { type CallOptions, encodeWithin, expectOptions, expectTexts, flagOf, type NamedText } from "./arguments.ts";
import { batchesOf, expectMaskedLm, tokenLimit } from "./batches.ts";
import type { Bert } from "./load.ts";
import { logSoftmaxAt } from "./scores.ts";

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

export interface PseudoLogLikelihood {
  /**
   * How likely a text is to the masked language model: each of its tokens is masked in turn and predicted from all the others
   * (Salazar et al. 2020, arXiv 1910.14659, equation 1). A text of T tokens costs T passes. An array of texts gives an array of
   * results.
   *
   * @throws BertError ERR_INPUT a text that is empty, no string or too long for the model, or another wrong argument
   * @example
   * const [a, b] = await score(["She opened the door.", "She opened the sea."]);
   * a.score > b.score; // true
   */
  (text: string, options?: PseudoLogLikelihoodOptions): Promise<TextLikelihood>;
  (texts: readonly string[], options?: PseudoLogLikelihoodOptions): Promise<TextLikelihood[]>;
}

const TASK = "pseudo-log-likelihood";

/** @throws BertError ERR_INPUT the model has no masked-language-model head; ERR_VOCABULARY the tokenizer has no mask */
export function pseudoLogLikelihood(bert: Bert): PseudoLogLikelihood {
  const maskTokenId = expectMaskedLm(TASK, bert);
  const { tokenizer, config } = bert;
  const V = config.vocabSize;

  async function likelihood(text: NamedText, truncation: boolean, signal?: AbortSignal): Promise<TextLikelihood> {
    const { inputIds, specialTokensMask } = encodeWithin(TASK, tokenizer, text, {
      truncation,
      limit: tokenLimit(bert),
    });
    const places = inputIds.flatMap((_, t) => (specialTokensMask[t] === 0 ? [t] : []));
    const tokens: { token: string; score: number }[] = [];
    for (const batch of batchesOf(
      places,
      (t) => t,
      () => inputIds.length,
    )) {
      const { logits, predictionLogits = logits } = await bert.forward(
        batch.map((t) => ({ inputIds: inputIds.with(t, maskTokenId) })),
        { lastHiddenState: false, maskedLmPositions: batch.map((t) => [t]), ...(signal && { signal }) },
      );
      for (const [row, t] of batch.entries()) {
        const score = logSoftmaxAt(TASK, predictionLogits!.data.subarray(row * V, (row + 1) * V), inputIds[t]);
        tokens.push({ token: tokenizer.idToToken(inputIds[t])!, score });
      }
    }
    const score = tokens.reduce((sum, token) => sum + token.score, 0);
    return { score, perplexity: Math.exp(-score / tokens.length), tokens };
  }

  return (async (input: unknown, options: PseudoLogLikelihoodOptions = {}) => {
    expectOptions(TASK, options, ["truncation"]);
    const truncation = flagOf(TASK, "truncation", options.truncation);
    const results: TextLikelihood[] = [];
    for (const text of expectTexts(TASK, input)) results.push(await likelihood(text, truncation, options.signal));
    return Array.isArray(input) ? results : results[0];
  }) as PseudoLogLikelihood;
}
