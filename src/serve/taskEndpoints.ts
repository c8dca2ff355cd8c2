import type { Bert } from "../load/loadBert.ts";
import type { BertClass } from "../model/architectures.ts";
import { MASKED_LM } from "../pipelines/answerAll.ts";
import { isOfClass } from "../pipelines/arguments.ts";
import { fillMask } from "../pipelines/fillMask.ts";
import { nextSentence } from "../pipelines/nextSentence.ts";
import { questionAnswering } from "../pipelines/questionAnswering.ts";
import { textClassification } from "../pipelines/textClassification.ts";
import { tokenClassification } from "../pipelines/tokenClassification.ts";
import { codeOf } from "../realm.ts";
import { codePoints } from "./inputs.ts";
import { objectOf } from "./requestBody.ts";
import { RequestError, wrongField, wrongModel } from "./requestError.ts";
import { type Endpoint, expectBatch } from "./service.ts";
import { taskBytes, textsIn } from "./taskBytes.ts";

/** A pipeline, whatever it takes and gives. */
type Ask = (inputs: unknown, options: object) => Promise<unknown>;

/** A task of the pipelines: what gives its pipeline, and the model classes that have its head. */
type Task = readonly [create: (bert: Bert) => unknown, ...classes: BertClass[]];

/** Those whose inputs are no text alone. */
const OF_TWO = ["/next-sentence", "/question-answering"];

/**
 * POST of a task of the pipelines: `{ inputs, parameters }`, as Hugging Face's inference API has it. The inputs are
 * what the pipeline takes, one or a list, and the parameters its options.
 */
function taskEndpoint(path: string, [create, ...classes]: Task): Endpoint {
  const pipelines = new WeakMap<Bert, Ask>();
  return async (body, call) => {
    const { bert } = call.service;
    if (!isOfClass(bert.config, ...classes)) throw wrongModel(`Model is not a ${path.slice(1)} model`);
    const { inputs } = body;
    const isOfTwo = OF_TWO.includes(path);
    if (typeof inputs === "string" ? isOfTwo : typeof inputs !== "object" || inputs === null) {
      throw wrongField("inputs", `${isOfTwo ? "an object" : "a string"} or a list of these`, inputs);
    }
    if (Array.isArray(inputs)) expectBatch(call, "inputs", inputs.length);
    const parameters = objectOf("parameters", body.parameters ?? {});
    call.share.take(taskBytes(call.service, inputs, parameters));
    const options = { ...parameters, signal: call.signal };
    const ask = pipelines.get(bert) ?? (create(bert) as Ask);
    pipelines.set(bert, ask);
    for (const text of textsIn(inputs)) call.characters += codePoints(text);
    return ask(inputs, options).catch((error) => {
      throw codeOf(error) === "ERR_INPUT" ? new RequestError("Validation", error.message, { status: 422 }) : error;
    });
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

/** The tasks that text-embeddings-inference does not have, by path. */
export const TASKS: Readonly<Record<string, Task>> = {
  "/fill-mask": [fillMask, ...MASKED_LM],
  "/next-sentence": [nextSentence, "BertForNextSentencePrediction", "BertForPreTraining"],
  "/text-classification": [textClassifier, "BertForSequenceClassification"],
  "/token-classification": [tokenClassification, "BertForTokenClassification"],
  "/question-answering": [questionAnswering, "BertForQuestionAnswering"],
};

/** Their endpoints. */
export const TASK_ENDPOINTS: Readonly<Record<string, Endpoint>> = Object.fromEntries(
  Object.entries(TASKS).map(([path, task]) => [path, taskEndpoint(path, task)]),
);
