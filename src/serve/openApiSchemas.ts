/** A JSON Schema of draft 2020-12, which is what OpenAPI 3.1 takes. */
export type Schema = Readonly<Record<string, unknown>>;

const string: Schema = { type: "string" };
const number: Schema = { type: "number" };
const count: Schema = { type: "integer", minimum: 0 };
const truth: Schema = { type: "boolean" };

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const list = (items: Schema, limits: Schema = {}): Schema => ({ type: "array", items, ...limits });
const some = (items: Schema): Schema => list(items, { minItems: 1 });
const any = (...of: Schema[]): Schema => ({ anyOf: of });
/** A field that may be left out; null is the same. */
const optional = (type: string, description: string): Schema => ({ type: [type, "null"], description });
const choice = (...values: (string | number | null)[]): Schema => ({ enum: values });
const object = (fields: Readonly<Record<string, Schema>>, others: Readonly<Record<string, Schema>> = {}): Schema => ({
  type: "object",
  required: Object.keys(fields),
  properties: { ...fields, ...others },
});

const TRUNCATION = {
  truncate: optional("boolean", "Whether an input that is too long is cut; else it is 413. Default: auto_truncate."),
  truncation_direction: {
    ...choice("Left", "Right", "left", "right", null),
    description: "Where it is cut. Default Right.",
  },
};
const PROMPT = { prompt_name: optional("string", "The model's prompt before each text. Default: the service's.") };
const RAW = { raw_scores: optional("boolean", "Whether scores are the model's logits. Default false.") };
const DIMENSIONS = {
  dimensions: { ...optional("integer", "Only the first so many numbers. Default: all."), minimum: 0 },
};

/** What a pipeline's endpoint takes. */
const task = (inputs: Schema, parameters: Readonly<Record<string, Schema>>): Schema =>
  object(
    { inputs },
    {
      parameters: { ...object({}, parameters), type: ["object", "null"], description: "Others are refused with 422." },
    },
  );
const oneOrSome = (input: Schema): Schema => any(input, some(input));
const CUT = { truncation: { ...truth, description: "Whether a text that is too long is cut. Default false." } };
const positive: Schema = { type: "integer", minimum: 1 };

const embed = object(
  { inputs: ref("Inputs") },
  {
    ...TRUNCATION,
    ...PROMPT,
    ...DIMENSIONS,
    normalize: optional("boolean", "Whether vectors have length 1. Default true."),
  },
);
const embedRaw = object({ inputs: ref("Inputs") }, { ...TRUNCATION, ...PROMPT });
const openai = object(
  { input: ref("Inputs") },
  {
    ...DIMENSIONS,
    encoding_format: { ...choice("float", "base64", null), description: "Default float." },
    model: optional("string", "Of no effect, as there is one model."),
    user: optional("string", "Of no effect."),
  },
);

/** An answer, or, as the question was, a list of them, or a list of such lists. */
const nested = (one: Schema): Schema => any(one, list(one), list(list(one)));

/** What is asked by POST. */
export interface Post {
  readonly summary: string;
  /** The body of a request. */
  readonly request: Schema;
  /** The body of an answer with status 200. */
  readonly answer: Schema;
  /** What status 424 says; left out: every model answers. */
  readonly wrongModel?: string;
  /** Whether errors are in OpenAI's form. */
  readonly isOpenAi?: boolean;
}

/** By path. */
export const POSTS: Readonly<Record<string, Post>> = {
  "/embed": {
    summary: "A vector for each input.",
    wrongModel: "The model is no embedding model.",
    request: embed,
    answer: list(ref("Vector")),
  },
  "/embed_all": {
    summary: "A vector for each token of each input.",
    wrongModel: "The model is no embedding model.",
    request: embedRaw,
    answer: list(list(ref("Vector"))),
  },
  "/embed_sparse": {
    summary: "The weights of the vocabulary's tokens for each input.",
    wrongModel: "The service has no SPLADE pooling.",
    request: embedRaw,
    answer: list(list(object({ index: count, value: number }))),
  },
  "/similarity": {
    summary: "The cosine of one sentence with each of the others.",
    wrongModel: "The model is no embedding model.",
    request: object(
      { inputs: object({ source_sentence: string, sentences: some(string) }) },
      { parameters: { ...object({}, { ...TRUNCATION, ...PROMPT }), type: ["object", "null"] } },
    ),
    answer: list(number),
  },
  "/predict": {
    summary: "Every label of each input with its score, the best first.",
    wrongModel: "The model is no classifier.",
    request: object(
      {
        inputs: {
          ...any(string, ref("TextOrPair"), some(ref("TextOrPair"))),
          description: "A text, two texts that the model sees together, or a list of lists of one or two texts.",
        },
      },
      { ...TRUNCATION, ...RAW },
    ),
    answer: any(list(ref("Prediction")), list(list(ref("Prediction")))),
  },
  "/rerank": {
    summary: "How well each text answers the query, the best first.",
    wrongModel: "The model is no reranker.",
    request: object(
      { query: string, texts: some(string) },
      { ...TRUNCATION, ...RAW, return_text: optional("boolean", "Whether ranks have their text. Default false.") },
    ),
    answer: list(object({ index: count, score: number }, { text: string })),
  },
  "/tokenize": {
    summary: "The tokens of each text.",
    request: object(
      { inputs: any(string, some(string)) },
      { ...PROMPT, add_special_tokens: optional("boolean", "Whether [CLS] and [SEP] are added. Default true.") },
    ),
    answer: list(list(ref("Token"))),
  },
  "/decode": {
    summary: "The text of each list of token ids.",
    request: object(
      { ids: any(ref("Ids"), some(ref("Ids"))) },
      { skip_special_tokens: optional("boolean", "Whether [CLS] and [SEP] are left out. Default true.") },
    ),
    answer: list(string),
  },
  "/v1/embeddings": {
    summary: "Vectors of length 1, as OpenAI's API has them.",
    wrongModel: "The model is no embedding model.",
    isOpenAi: true,
    request: openai,
    answer: ref("Embeddings"),
  },
  "/embeddings": {
    summary: "The same as /v1/embeddings.",
    wrongModel: "The model is no embedding model.",
    isOpenAi: true,
    request: openai,
    answer: ref("Embeddings"),
  },
  "/v1/rerank": {
    summary: "The same as /rerank, as Cohere's and Jina's clients call it.",
    wrongModel: "The model is no reranker.",
    isOpenAi: true,
    request: object(
      { query: string, documents: some(any(string, object({ text: string }))) },
      {
        top_n: { ...optional("integer", "Only the best so many. Default: all."), minimum: 0 },
        return_documents: optional("boolean", "Whether results have their text. Default false."),
      },
    ),
    answer: object({
      model: string,
      results: list(object({ index: count, relevance_score: number }, { document: object({ text: string }) })),
      usage: ref("Usage"),
    }),
  },
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

const labels = object({
  id2label: { type: "object", additionalProperties: string },
  label2id: { type: "object", additionalProperties: count },
});
const ERROR_TYPE = choice("Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer", "Empty");

/** What several bodies have. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({ error: string, error_type: ERROR_TYPE }),
  OpenAIError: object({ message: string, code: count, type: ERROR_TYPE, error_type: ERROR_TYPE }),
  Ids: { ...some({ ...count, maximum: 2 ** 32 - 1 }), description: "The ids of a text's tokens." },
  Inputs: {
    ...any(string, ref("Ids"), some(any(string, ref("Ids")))),
    description: "A text, the ids of its tokens, or a list of these.",
  },
  TextOrPair: list(string, { minItems: 1, maxItems: 2 }),
  NamedPair: object({ text: string, text_pair: string }),
  Question: object({ question: string, context: string }),
  Vector: list(number),
  Prediction: object({ label: string, score: number }),
  Token: object({
    id: count,
    text: string,
    special: truth,
    start: { type: ["integer", "null"], description: "In bytes of the text's UTF-8; null: it is not in the text." },
    stop: { type: ["integer", "null"] },
  }),
  Entity: any(
    object({ entity: string, score: number, index: count, word: string, start: count, end: count }),
    object({ entity_group: string, score: number, word: string, start: count, end: count }),
  ),
  Usage: object({ prompt_tokens: count, total_tokens: count }),
  Embeddings: object({
    object: { const: "list" },
    data: list(
      object({
        object: { const: "embedding" },
        embedding: {
          ...any(ref("Vector"), string),
          description: "As base64: float32 numbers, the least byte first.",
        },
        index: count,
      }),
    ),
    model: string,
    usage: ref("Usage"),
  }),
  Models: object({
    object: { const: "list" },
    data: list(object({ id: string, object: { const: "model" }, created: count, owned_by: string })),
  }),
  Info: object({
    model_id: string,
    model_sha: { type: ["string", "null"] },
    model_dtype: string,
    served_model_name: string,
    model_type: any(
      object({ embedding: object({ pooling: string }) }),
      object({ classifier: labels }),
      object({ reranker: labels }),
    ),
    max_concurrent_requests: count,
    max_input_length: count,
    max_batch_tokens: count,
    max_batch_requests: { type: ["integer", "null"] },
    max_client_batch_size: count,
    auto_truncate: truth,
    tokenization_workers: count,
    version: string,
    sha: { type: ["string", "null"] },
    docker_label: { type: ["string", "null"] },
  }),
};
