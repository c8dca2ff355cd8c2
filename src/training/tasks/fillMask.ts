import { BertError, listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type Sequence, sequenceOf } from "../data/features.ts";
import { perplexity } from "../metrics/perplexity.ts";
import { maskTokens, maskVocabulary } from "../pretraining/maskTokens.ts";
import { Random } from "../random.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { evaluationOf, finite } from "./outcomes.ts";
import { passes } from "./passes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

export interface FillMaskOptions {
  readonly maxLength?: number | undefined;
  /** The share of tokens that are masked. Default 0.15. */
  readonly mlmProbability?: number | undefined;
  /** Whether all tokens of a word are masked together. Default false. */
  readonly doWholeWordMask?: boolean | undefined;
  readonly seed: number;
  /** The function that errors name. */
  readonly where: string;
}

/** A text, or a part of one that is too long. */
interface TextPart extends Sequence {
  /** The index of the text. */
  readonly text: number;
}

/** A text whose masks are drawn anew in each epoch. */
interface MaskedText extends TextPart {
  readonly maskedLmPositions: readonly number[];
  readonly maskedLmIds: readonly number[];
}

/** The stream of masks for evaluation: no epoch comes so far. */
const EVALUATION = 2 ** 32 - 1;

/**
 * Masked language modelling on one's own texts, as Hugging Face's run_mlm.py with --line_by_line: masks are drawn anew
 * in each epoch, those of evaluation once. Of a text's tokens a fixed share is masked (`maskTokens`, as BERT was
 * pretrained), where run_mlm.py throws a coin for each. What is longer than `maxLength` becomes several sequences.
 *
 * @throws BertError ERR_INPUT a text without a token that can be masked; ERR_VOCABULARY there is no [MASK]
 */
export function fillMask(
  tokenizer: BertTokenizer,
  train: readonly string[],
  evaluation: readonly string[] | null,
  limit: number,
  { maxLength = limit, mlmProbability = 0.15, doWholeWordMask = false, seed, where }: FillMaskOptions,
): PreparedTask {
  const { maskTokenId } = tokenizer;
  if (maskTokenId === undefined)
    throw new BertError("ERR_VOCABULARY", `${where}: the vocabulary must have [MASK], has none`);
  const vocabulary = maskVocabulary(tokenizer, maskTokenId);
  const isUsable = ({ inputIds }: Sequence) => inputIds.some((id) => vocabulary.isSpecial[id] === 0);
  const sequencesOf = (texts: readonly string[]): TextPart[] =>
    texts.flatMap((text, i) => {
      const first = tokenizer.encode(text, { truncation: true, maxLength, returnOverflowingTokens: true });
      const usable = [first, ...first.overflowing].map(sequenceOf).filter(isUsable);
      if (usable.length > 0) return usable.map((sequence) => ({ ...sequence, text: i }));
      throw new BertError("ERR_INPUT", `${where}: text ${i + 1} must have a token that can be masked, has none`);
    });
  const features = sequencesOf(train);
  const evalFeatures = evaluation && sequencesOf(evaluation);
  const options = { maskedLmProb: mlmProbability, maxPredictionsPerSeq: maxLength, doWholeWordMask };
  const masked = (part: TextPart, index: number, epoch: number): MaskedText => {
    const ids = part.inputIds.slice();
    const random = new Random(seed, new Random(epoch, index).uint32());
    const { positions, labels } = maskTokens(ids, options, vocabulary, random);
    return { ...part, inputIds: ids, maskedLmPositions: positions, maskedLmIds: labels };
  };
  return {
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch(indices, epoch) {
      const texts = indices.map((i) => masked(features[i], i, epoch));
      const labels = texts.map(({ inputIds, maskedLmPositions, maskedLmIds }) => {
        const row = new Int32Array(inputIds.length).fill(-100);
        for (const [m, position] of maskedLmPositions.entries()) row[position] = maskedLmIds[m];
        return row;
      });
      return {
        input: texts,
        labels: { labels },
        name: `texts ${listed(indices.map((i) => String(features[i].text + 1)))}`,
      };
    },
    metricNames: evaluation ? ["loss", "accuracy", "perplexity"] : [],
    settings: { mlmProbability, doWholeWordMask },
    evaluate:
      evalFeatures &&
      ((model, how) => {
        const texts = evalFeatures.map((feature, i) => masked(feature, i, EVALUATION));
        return evaluate(model, how, tokenizer, texts);
      }),
    *contents() {
      for (const { inputIds } of [...features, ...(evalFeatures ?? [])]) yield inputIds;
    },
  };
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  tokenizer: BertTokenizer,
  texts: readonly MaskedText[],
): Promise<Evaluation> {
  const loss = new Mean();
  const right = new Mean();
  const predicted: number[][] = [];
  const losses: number[] = [];
  const items = texts.map((text) => [text]);
  const where = (i: number) => `text ${texts[i].text + 1}`;
  const options = (some: readonly number[]) => ({ maskedLmPositions: some.map((i) => texts[i].maskedLmPositions) });
  for await (const { indices, output } of passes(items, { model, how, options })) {
    const { data, shape } = output.logits!; // [M, V]
    const V = shape[1];
    let row = 0;
    for (const i of indices) {
      const own = new Mean();
      predicted[i] = texts[i].maskedLmIds.map((id) => {
        const best = argmax(data, row * V, V);
        const term = finite(crossEntropyOf(data, row * V, V, id), where(i));
        own.add(term);
        loss.add(term);
        right.add(best === id ? 1 : 0);
        row++;
        return best;
      });
      losses.push(own.value);
    }
  }
  const words = (ids: readonly number[]) => ids.map((id) => tokenizer.idToToken(id)).join(" ");
  const outcomes = {
    metrics: { loss: loss.value, accuracy: right.value, perplexity: perplexity(loss.sum, loss.count) },
    losses,
    where,
    isWrong: (i: number) => texts[i].maskedLmIds.some((id, m) => predicted[i][m] !== id),
    tell: (i: number) => ({
      input: tokenizer.decode(Array.from(texts[i].inputIds.subarray(1, -1))),
      expected: words(texts[i].maskedLmIds),
      predicted: words(predicted[i]),
    }),
  };
  return evaluationOf(outcomes, how);
}
