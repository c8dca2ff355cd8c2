import type { Bert } from "../load/loadBert.ts";
import type { BertClass } from "../model/architectures.ts";
import { isOfClass } from "../pipelines/arguments.ts";
import { fillMask } from "../pipelines/fillMask.ts";
import { nextSentence } from "../pipelines/nextSentence.ts";
import { questionAnswering } from "../pipelines/questionAnswering.ts";
import { textClassification } from "../pipelines/textClassification.ts";
import { tokenClassification } from "../pipelines/tokenClassification.ts";
import { objectOf } from "./requestBody.ts";
import { wrongModel } from "./requestError.ts";
import { type Endpoint, expectBatch } from "./service.ts";

/** A pipeline, whatever it takes and gives. */
type Ask = (inputs: unknown, options: object) => Promise<unknown>;

/**
 * POST of a task of the pipelines: `{ inputs, parameters }`, as Hugging Face's inference API has it. The inputs are
 * what the pipeline takes, one or a list, and the parameters its options.
 */
function taskEndpoint(name: string, classes: readonly BertClass[], create: (bert: Bert) => unknown): Endpoint {
  const pipelines = new WeakMap<Bert, Ask>();
  return async (service, body, call) => {
    const { bert } = service;
    if (!isOfClass(bert.config, ...classes)) throw wrongModel(`Model is not a ${name} model`);
    const { inputs } = body;
    if (Array.isArray(inputs)) expectBatch(service, "inputs", inputs.length);
    const options = { ...objectOf("parameters", body.parameters ?? {}), signal: call.signal };
    const ask = pipelines.get(bert) ?? (create(bert) as Ask);
    pipelines.set(bert, ask);
    call.characters += charactersIn(inputs);
    return ask(inputs, options);
  };
}

/** Every label unless `top_k` says otherwise, in a list for each text: the form that Hugging Face's clients read. */
function textClassifier(bert: Bert): Ask {
  const classify = textClassification(bert) as Ask;
  return async (inputs, options) => {
    const answers = await classify(Array.isArray(inputs) ? inputs : [inputs], { top_k: null, ...options });
    return (answers as readonly unknown[]).map((answer) => [answer].flat()); // a label alone comes without a list
  };
}

/** In code points: of a text, or of the texts of an input or of a list of them. */
function charactersIn(inputs: unknown, depth = 0): number {
  if (typeof inputs === "string") return Array.from(inputs).length;
  if (typeof inputs !== "object" || inputs === null || depth > 2) return 0;
  return Object.values(inputs).reduce((sum: number, one) => sum + charactersIn(one, depth + 1), 0);
}

/** Those that text-embeddings-inference does not have, by path. */
export const TASK_ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/fill-mask": taskEndpoint("fill-mask", ["BertForMaskedLM", "BertForPreTraining"], fillMask),
  "/next-sentence": taskEndpoint(
    "next-sentence-prediction",
    ["BertForNextSentencePrediction", "BertForPreTraining"],
    nextSentence,
  ),
  "/text-classification": taskEndpoint("text-classification", ["BertForSequenceClassification"], textClassifier),
  "/token-classification": taskEndpoint("token-classification", ["BertForTokenClassification"], tokenClassification),
  "/question-answering": taskEndpoint("question-answering", ["BertForQuestionAnswering"], questionAnswering),
};
