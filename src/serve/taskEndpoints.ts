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
import { type Endpoint, expectBatch, MASKED_LM } from "./service.ts";
import { taskBytes, textsIn } from "./taskBytes.ts";

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
    const parameters = objectOf("parameters", body.parameters ?? {});
    call.share.take(taskBytes(service, inputs, parameters));
    const options = { ...parameters, signal: call.signal };
    const ask = pipelines.get(bert) ?? (create(bert) as Ask);
    pipelines.set(bert, ask);
    for (const text of textsIn(inputs)) call.characters += Array.from(text).length;
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

/** The model classes that have the head of each task, by its path. */
export const TASK_CLASSES: Readonly<Record<string, readonly BertClass[]>> = {
  "/fill-mask": MASKED_LM,
  "/next-sentence": ["BertForNextSentencePrediction", "BertForPreTraining"],
  "/text-classification": ["BertForSequenceClassification"],
  "/token-classification": ["BertForTokenClassification"],
  "/question-answering": ["BertForQuestionAnswering"],
};

/** Those that text-embeddings-inference does not have, by path. */
export const TASK_ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  "/fill-mask": taskEndpoint("fill-mask", TASK_CLASSES["/fill-mask"], fillMask),
  "/next-sentence": taskEndpoint("next-sentence-prediction", TASK_CLASSES["/next-sentence"], nextSentence),
  "/text-classification": taskEndpoint("text-classification", TASK_CLASSES["/text-classification"], textClassifier),
  "/token-classification": taskEndpoint(
    "token-classification",
    TASK_CLASSES["/token-classification"],
    tokenClassification,
  ),
  "/question-answering": taskEndpoint("question-answering", TASK_CLASSES["/question-answering"], questionAnswering),
};
