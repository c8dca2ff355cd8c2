import {
  any,
  choice,
  count,
  list,
  number,
  object,
  type Post,
  positive,
  ref,
  request,
  type Schema,
  some,
  string,
  truth,
} from "./jsonSchema.ts";

/** What a pipeline's endpoint takes. */
const task = (inputs: Schema, parameters: Readonly<Record<string, Schema>>): Schema =>
  request(
    { inputs },
    {
      parameters: { ...object({}, parameters), type: ["object", "null"], description: "Others are refused with 422." },
    },
  );
const oneOrSome = (input: Schema): Schema => any(input, some(input));
const CUT = { truncation: { ...truth, description: "Whether a text that is too long is cut. Default false." } };

/** An answer, or, as the question was, a list of them, or a list of such lists. */
const nested = (one: Schema): Schema => any(one, list(one), list(list(one)));

/** The tasks that text-embeddings-inference does not have, by path. */
export const TASK_POSTS: Readonly<Record<string, Post>> = {
  "/fill-mask": {
    summary: "Tokens for the masks of a text, or of each of a list.",
    wrongModel: "The model has no such head.",
    request: task(oneOrSome(string), {
      top_k: { ...positive, description: "How many tokens for each mask. Default 5." },
      targets: {
        ...any(string, some(string), some(list(string))),
        description: "The tokens to choose from. Default: all of the vocabulary.",
      },
      ...CUT,
    }),
    answer: list(nested(object({ score: number, token: count, token_str: string, sequence: string }))),
  },
  "/next-sentence": {
    summary: "Whether the second text of a pair follows the first.",
    wrongModel: "The model has no such head.",
    request: task(any(ref("NamedPair"), some(any(ref("NamedPair"), list(string, { minItems: 2, maxItems: 2 })))), {
      top_k: { ...choice(1, null), description: "1: the likelier label; null: both. Default 1." },
      ...CUT,
    }),
    answer: nested(object({ label: choice("IsNext", "NotNext"), score: number })),
  },
  "/text-classification": {
    summary: "Every label of each text with its score, as Hugging Face's clients read it.",
    wrongModel: "The model is no classifier.",
    request: task(oneOrSome(any(string, object({ text: string }, { text_pair: string }))), {
      top_k: { type: ["integer", "null"], minimum: 1, description: "How many labels; null: all. Default null." },
      function_to_apply: {
        ...choice("default", "softmax", "sigmoid", "none"),
        description: 'How logits become scores. Default "default": as the model\'s config.json says.',
      },
      ...CUT,
    }),
    answer: list(list(ref("Prediction"))),
  },
  "/token-classification": {
    summary: "The entities of a text, or of each of a list.",
    wrongModel: "The model has no such head.",
    request: task(any(string, some(string), some(list(string))), {
      aggregation_strategy: { ...choice("none", "simple", "first", "average", "max"), description: 'Default "none".' },
      ignore_labels: { ...list(string), description: 'Labels that are left out. Default ["O"].' },
      stride: { ...count, description: "Long texts are read in windows that share so many tokens." },
      is_split_into_words: { ...truth, description: "Whether a text is a list of words. Default false." },
      delimiter: { ...string, description: "What stands between two of these words. Default: a space." },
      ...CUT,
    }),
    answer: list(any(ref("Entity"), list(ref("Entity")))),
  },
  "/question-answering": {
    summary: "The part of a context that answers a question.",
    wrongModel: "The model has no such head.",
    request: task(oneOrSome(ref("Question")), {
      top_k: { ...positive, description: "How many answers. Default 1." },
      max_answer_len: { ...positive, description: "In tokens. Default 15." },
      max_seq_len: { ...positive, description: "Of question and context together, in tokens. Default 384." },
      max_question_len: { ...positive, description: "In tokens. Default 64." },
      doc_stride: { ...count, description: "Tokens that neighbouring windows of the context share. Default 128." },
      handle_impossible_answer: { ...truth, description: 'Whether "" is an answer. Default false.' },
      align_to_words: { ...truth, description: "Whether answers are whole words. Default true." },
    }),
    answer: nested(object({ score: number, start: count, end: count, answer: string })),
  },
};
