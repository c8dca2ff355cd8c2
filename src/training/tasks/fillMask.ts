import { BertError, listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type Sequence, sequenceOf } from "../data/features.ts";
import { perplexity } from "../metrics/perplexity.ts";
import { maskTokens, maskVocabulary } from "../pretraining/maskTokens.ts";
import { Random } from "../random.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, type PreparedTask, SHOWN_EXAMPLES } from "./task.ts";

export interface FillMaskOptions {
  readonly maxLength?: number | undefined;
  /** The share of tokens that are masked. Default 0.15. */
  readonly mlmProbability?: number | undefined;
  /** Whether all tokens of a word are masked together. Default false. */
  readonly doWholeWordMask?: boolean | undefined;
  readonly seed: number;
}

/** A text whose masks are drawn anew in each epoch. */
interface MaskedText extends Sequence {
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
  { maxLength = limit, mlmProbability = 0.15, doWholeWordMask = false, seed }: FillMaskOptions,
): PreparedTask {
  const { maskTokenId } = tokenizer;
  if (maskTokenId === undefined)
    throw new BertError("ERR_VOCABULARY", "finetune: the vocabulary must have [MASK], has none");
  const vocabulary = maskVocabulary(tokenizer, maskTokenId);
  const features = sequencesOf(tokenizer, train, maxLength, vocabulary.isSpecial);
  const evalFeatures = evaluation && sequencesOf(tokenizer, evaluation, maxLength, vocabulary.isSpecial);
  const options = { maskedLmProb: mlmProbability, maxPredictionsPerSeq: maxLength, doWholeWordMask };
  const masked = ({ inputIds, tokenTypeIds }: Sequence, index: number, epoch: number): MaskedText => {
    const ids = inputIds.slice();
    const random = new Random(seed, new Random(epoch, index).uint32());
    const { positions, labels } = maskTokens(ids, options, vocabulary, random);
    return { inputIds: ids, tokenTypeIds, maskedLmPositions: positions, maskedLmIds: labels };
  };
  return {
    architecture: "BertForMaskedLM",
    labels: null,
    problemType: null,
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

function sequencesOf(
  tokenizer: BertTokenizer,
  texts: readonly string[],
  maxLength: number,
  isSpecial: Uint8Array,
): (Sequence & { readonly text: number })[] {
  return texts.flatMap((text, i) => {
    const first = tokenizer.encode(text, { truncation: true, maxLength, returnOverflowingTokens: true });
    const sequences = [first, ...first.overflowing].map(sequenceOf);
    const usable = sequences.filter(({ inputIds }) => inputIds.some((id) => isSpecial[id] === 0));
    if (usable.length > 0) return usable.map((sequence) => ({ ...sequence, text: i }));
    throw new BertError("ERR_INPUT", `finetune: text ${i + 1} must have a token that can be masked, has none`);
  });
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
  const items = texts.map((text) => [text]);
  for await (const { indices, output } of passes(model, items, how, (some) => ({
    maskedLmPositions: some.map((i) => texts[i].maskedLmPositions),
  }))) {
    const { data, shape } = output.logits as Tensor; // [M, V]
    const V = shape[1];
    let row = 0;
    for (const i of indices) {
      predicted.push([]);
      for (const id of texts[i].maskedLmIds) {
        const best = argmax(data, row * V, V);
        predicted[i].push(best);
        loss.add(crossEntropyOf(data, row * V, V, id));
        right.add(best === id ? 1 : 0);
        row++;
      }
    }
  }
  const words = (ids: readonly number[]) => ids.map((id) => tokenizer.idToToken(id)).join(" ");
  return {
    metrics: { loss: loss.value, accuracy: right.value, perplexity: perplexity(loss.sum, loss.count) },
    examples: texts.slice(0, SHOWN_EXAMPLES).map(({ inputIds, maskedLmIds }, i) => ({
      input: tokenizer.decode(Array.from(inputIds.subarray(1, -1))),
      expected: words(maskedLmIds),
      predicted: words(predicted[i]),
    })),
  };
}
