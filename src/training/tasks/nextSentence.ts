import { listed } from "../../errors.ts";
import type { BertModel } from "../../runtime/bertModel.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { BertTokenizer } from "../../tokenizer/index.ts";
import { type SequenceFeature, sequenceFeatures } from "../data/features.ts";
import { labelOf } from "../data/labels.ts";
import type { Located } from "../data/located.ts";
import { recordError, shown } from "../data/numberedLines.ts";
import type { TextExample } from "../data/textExamples.ts";
import { argmax, crossEntropyOf, Mean } from "./logitScores.ts";
import { passes } from "./passes.ts";
import { type Evaluation, type EvaluationOptions, type PreparedTask, SHOWN_EXAMPLES } from "./task.ts";

/** The labels by index, as the pipeline next-sentence-prediction names them. */
const NAMES = ["IsNext", "NotNext"];

/**
 * Next-sentence prediction: pairs with the label 0 or "IsNext" where the second text follows the first, 1 or "NotNext"
 * where not.
 *
 * @throws BertError ERR_INPUT, naming file and line: another label, no second text
 */
export function nextSentence(
  tokenizer: BertTokenizer,
  train: readonly Located<TextExample>[],
  evaluation: readonly Located<TextExample>[] | null,
  { maxLength }: { readonly maxLength?: number | undefined },
): PreparedTask {
  const options = { labels: NAMES, ...(maxLength !== undefined && { maxLength }) };
  const features = sequenceFeatures(tokenizer, train.map(named), options);
  const evalFeatures = evaluation && sequenceFeatures(tokenizer, evaluation.map(named), options);
  return {
    architecture: "BertForNextSentencePrediction",
    labels: null,
    problemType: null,
    lengths: features.map(({ inputIds }) => inputIds.length),
    batch: (indices) => ({
      input: indices.map((i) => features[i]),
      labels: { labels: indices.map((i) => features[i].labels as number) },
      name: listed(indices.map((i) => train[i].where)),
    }),
    evaluate: evaluation && evalFeatures && ((model, how) => evaluate(model, how, evaluation, evalFeatures)),
    *contents() {
      for (const { inputIds, labels } of [...features, ...(evalFeatures ?? [])]) {
        yield inputIds;
        yield [labels as number];
      }
    },
  };
}

function named(example: Located<TextExample>): Located<TextExample> {
  const label = labelOf(example);
  const index = NAMES.findIndex((name, i) => label === name || label === i || label === String(i));
  if (index < 0) throw recordError(example.where, "label", 'one of 0, 1, "IsNext", "NotNext"', shown(label));
  if (example.text_pair === undefined) throw recordError(example.where, "text_pair", "there", "none");
  return { ...example, label: NAMES[index] };
}

async function evaluate(
  model: BertModel,
  how: EvaluationOptions,
  examples: readonly Located<TextExample>[],
  features: readonly SequenceFeature[],
): Promise<Evaluation> {
  const loss = new Mean();
  const right = new Mean();
  const predicted: number[] = [];
  const items = features.map((feature) => [feature]);
  for await (const { indices, output } of passes(model, items, how)) {
    const { data } = output.logits as Tensor; // [B, 2]
    for (const [b, i] of indices.entries()) {
      const label = features[i].labels as number;
      predicted.push(argmax(data, 2 * b, 2));
      loss.add(crossEntropyOf(data, 2 * b, 2, label));
      right.add(predicted[i] === label ? 1 : 0);
    }
  }
  return {
    metrics: { loss: loss.value, accuracy: right.value },
    examples: examples.slice(0, SHOWN_EXAMPLES).map(({ text, text_pair }, i) => ({
      input: `${text} | ${text_pair}`,
      expected: NAMES[features[i].labels as number],
      predicted: NAMES[predicted[i]],
    })),
  };
}
