import { BertError, listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type ChoiceFeature, choiceFeatures } from "../data/features.ts";
import type { Located } from "../data/located.ts";
import type { ChoiceExample } from "../data/readMultipleChoice.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, type PreparedTask, SHOWN_EXAMPLES } from "./task.ts";

/**
 * Multiple choice: which of several texts goes on best, as Hugging Face's run_swag.py.
 *
 * @throws BertError ERR_INPUT examples that differ in their number of choices
 */
export function multipleChoice(
  tokenizer: BertTokenizer,
  train: readonly Located<ChoiceExample>[],
  evaluation: readonly Located<ChoiceExample>[] | null,
  { maxLength }: { readonly maxLength?: number | undefined },
): PreparedTask {
  const choices = train[0].choices.length;
  const other = [...train, ...(evaluation ?? [])].find((example) => example.choices.length !== choices);
  if (other) {
    throw new BertError(
      "ERR_INPUT",
      `${other.where}: choices must be ${choices} as in the first example, got ${other.choices.length}`,
    );
  }
  const options = maxLength === undefined ? {} : { maxLength };
  const features = choiceFeatures(tokenizer, train, options);
  const evalFeatures = evaluation && choiceFeatures(tokenizer, evaluation, options);
  return {
    architecture: "BertForMultipleChoice",
    labels: null,
    problemType: null,
    lengths: features.map((feature) => feature.choices.reduce((sum, { inputIds }) => sum + inputIds.length, 0)),
    batch: (indices) => ({
      input: indices.flatMap((i) => features[i].choices),
      labels: { labels: indices.map((i) => features[i].labels) },
      name: listed(indices.map((i) => train[i].where)),
    }),
    evaluate: evaluation && evalFeatures && ((model, how) => evaluate(model, how, evaluation, evalFeatures)),
    *contents() {
      for (const feature of [...features, ...(evalFeatures ?? [])]) {
        for (const { inputIds } of feature.choices) yield inputIds;
        yield [feature.labels];
      }
    },
  };
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  examples: readonly Located<ChoiceExample>[],
  features: readonly ChoiceFeature[],
): Promise<Evaluation> {
  const C = features[0].choices.length;
  const loss = new Mean();
  const right = new Mean();
  const predicted: number[] = [];
  const items = features.map(({ choices }) => choices);
  for await (const { indices, output } of passes(model, items, how, () => ({ numChoices: C }))) {
    const { data } = output.logits as Tensor; // [B, C]
    for (const [b, i] of indices.entries()) {
      predicted.push(argmax(data, b * C, C));
      loss.add(crossEntropyOf(data, b * C, C, features[i].labels));
      right.add(predicted[i] === features[i].labels ? 1 : 0);
    }
  }
  return {
    metrics: { loss: loss.value, accuracy: right.value },
    examples: examples.slice(0, SHOWN_EXAMPLES).map(({ text, choices }, i) => ({
      input: text,
      expected: choices[features[i].labels],
      predicted: choices[predicted[i]],
    })),
  };
}
