import { any, choice, object, optional, ref, request, type Schema, some, string } from "./jsonSchema.ts";

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

/** The bodies of requests, but those of tasks. */
export const REQUESTS: Readonly<Record<string, Schema>> = {
  EmbedRequest: request(
    { inputs: ref("Inputs") },
    {
      ...{ ...TRUNCATION, ...PROMPT, ...DIMENSIONS },
      normalize: optional("boolean", "Whether vectors have length 1. Default true."),
    },
  ),
  EmbedAllRequest: request({ inputs: ref("Inputs") }, { ...TRUNCATION, ...PROMPT }),
  SimilarityRequest: request(
    { inputs: object({ source_sentence: string, sentences: some(string) }) },
    { parameters: { ...object({}, { ...TRUNCATION, ...PROMPT }), type: ["object", "null"] } },
  ),
  PredictRequest: request(
    {
      inputs: {
        ...any(string, ref("TextOrPair"), some(ref("TextOrPair"))),
        description: "A text, two texts that the model sees together, or a list of lists of one or two texts.",
      },
    },
    { ...TRUNCATION, ...RAW },
  ),
  RerankRequest: request(
    { query: string, texts: some(string) },
    { ...TRUNCATION, ...RAW, return_text: optional("boolean", "Whether ranks have their text. Default false.") },
  ),
  TokenizeRequest: request(
    { inputs: any(string, some(string)) },
    { ...PROMPT, add_special_tokens: optional("boolean", "Whether [CLS] and [SEP] are added. Default true.") },
  ),
  DecodeRequest: request(
    { ids: any(ref("Ids"), some(ref("Ids"))) },
    { skip_special_tokens: optional("boolean", "Whether [CLS] and [SEP] are left out. Default true.") },
  ),
  OpenAIRequest: request(
    { input: ref("Inputs") },
    {
      ...DIMENSIONS,
      encoding_format: { ...choice("float", "base64", null), description: "Default float." },
      user: optional("string", "Of no effect."),
    },
  ),
  CohereRequest: request(
    { query: string, documents: some(any(string, object({ text: string }))) },
    {
      top_n: { ...optional("integer", "Only the best so many. Default: all."), minimum: 0 },
      return_documents: optional("boolean", "Whether results have their text. Default false."),
    },
  ),
};
