import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { perplexity } from "../metrics/perplexity.ts";
import type { PretrainingExamples } from "../pretraining/openExamples.ts";
import type { PredictionExample } from "../run/result.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { type Evaluation, type EvaluationOptions, SHOWN_EXAMPLES } from "./task.ts";

/** The metrics of `evaluatePretraining`. */
export const PRETRAINING_METRICS: readonly string[] = [
  ...["loss", "masked_lm_loss", "masked_lm_accuracy", "perplexity", "next_sentence_loss", "next_sentence_accuracy"],
];

/** The first `count` examples; metrics named as by Google's run_pretraining.py. The loss is the sum of both means. */
export async function evaluatePretraining(
  model: BertModel,
  { batchSize, signal }: EvaluationOptions,
  examples: PretrainingExamples,
  count: number,
  tokenizer: BertTokenizer,
): Promise<Evaluation> {
  const [maskedLoss, maskedRight, nextLoss, nextRight] = [new Mean(), new Mean(), new Mean(), new Mean()];
  const shown: PredictionExample[] = [];
  for (let from = 0; from < count; from += batchSize) {
    const indices = Array.from({ length: Math.min(batchSize, count - from) }, (_, i) => from + i);
    const batch = await Promise.all(indices.map((i) => examples.example(i)));
    const output = await model.forward(batch, {
      lastHiddenState: false,
      maskedLmPositions: batch.map(({ maskedLmPositions }) => maskedLmPositions),
      ...(signal && { signal }),
    });
    const { data, shape } = output.predictionLogits as Tensor; // [M, V]
    const next = (output.seqRelationshipLogits as Tensor).data; // [B, 2]
    const V = shape[1];
    let row = 0;
    for (const [b, { inputIds, maskedLmIds, nextSentenceLabel }] of batch.entries()) {
      const best = Array.from(maskedLmIds, (id) => {
        const predicted = argmax(data, row * V, V);
        maskedLoss.add(crossEntropyOf(data, row * V, V, id));
        maskedRight.add(predicted === id ? 1 : 0);
        row++;
        return predicted;
      });
      nextLoss.add(crossEntropyOf(next, 2 * b, 2, nextSentenceLabel));
      nextRight.add(argmax(next, 2 * b, 2) === nextSentenceLabel ? 1 : 0);
      if (shown.length === SHOWN_EXAMPLES) continue;
      const words = (ids: ArrayLike<number>) => Array.from(ids, (id) => tokenizer.idToToken(id)).join(" ");
      shown.push({
        input: tokenizer.decode(Array.from(inputIds)),
        expected: words(maskedLmIds),
        predicted: words(best),
      });
    }
  }
  return {
    metrics: {
      loss: maskedLoss.value + nextLoss.value,
      masked_lm_loss: maskedLoss.value,
      masked_lm_accuracy: maskedRight.value,
      perplexity: perplexity(maskedLoss.sum, maskedLoss.count),
      next_sentence_loss: nextLoss.value,
      next_sentence_accuracy: nextRight.value,
    },
    examples: shown,
    ...{ classes: null, confusionMatrix: null, mistakeCount: 0, mistakes: [] },
  };
}
