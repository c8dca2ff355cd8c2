import { BertError, listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type ChoiceFeature, choiceFeatures } from "../data/features.ts";
import type { Located } from "../data/located.ts";
import type { ChoiceExample } from "../data/readMultipleChoice.ts";
import { accuracy } from "../metrics/classification.ts";
import { classify, evaluationOf } from "./outcomes.ts";
import type { Evaluation, EvaluationOptions, PreparedTask } from "./task.ts";

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
  const all = [...train, ...(evaluation ?? [])];
  const choices = all[0].choices.length;
  const other = all.find((example) => example.choices.length !== choices);
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
    lengths: features.map((feature) => feature.choices.reduce((sum, { inputIds }) => sum + inputIds.length, 0)),
    batch: (indices) => ({
      input: indices.flatMap((i) => features[i].choices),
      labels: { labels: indices.map((i) => features[i].labels) },
      name: listed(indices.map((i) => train[i].where)),
    }),
    metricNames: evaluation ? ["loss", "accuracy"] : [],
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
  const references = features.map(({ labels }) => labels);
  const where = (i: number) => examples[i].where;
  const items = features.map(({ choices }) => choices);
  const options = () => ({ numChoices: features[0].choices.length });
  const { predictions, losses, loss } = await classify({ items, references, where }, { model, how, options });
  const outcomes = {
    metrics: { loss, accuracy: accuracy({ predictions, references }) },
    losses,
    where,
    isWrong: (i: number) => predictions[i] !== references[i],
    tell: (i: number) => ({
      input: examples[i].text,
      expected: examples[i].choices[references[i]],
      predicted: examples[i].choices[predictions[i]],
    }),
  };
  return evaluationOf(outcomes, how);
}
