import { any, list, number, type Post, ref, string } from "./jsonSchema.ts";
import { TASK_POSTS } from "./openApiTasks.ts";

const NO_EMBEDDING = { wrongModel: "The model is no embedding model." };
const NO_RERANKER = { wrongModel: "The model is no reranker." };

const VECTORS = list(ref("Vector"));
const SPARSE = list(ref("SparseVector"));

const BY_KIND = {
  request: any(...["Embed", "EmbedAll", "Predict", "Rerank"].map((name) => ref(`${name}Request`))),
  answer: any(VECTORS, SPARSE, ref("Predictions"), ref("Ranks")),
};
const OPENAI_EMBEDDINGS = {
  ...NO_EMBEDDING,
  isOpenAi: true,
  request: ref("OpenAIRequest"),
  answer: ref("Embeddings"),
};
const COHERE_RERANK = {
  ...NO_RERANKER,
  isOpenAi: true,
  request: ref("CohereRequest"),
  answer: ref("CohereRanks"),
};

/** By path. */
export const POSTS: Readonly<Record<string, Post>> = {
  "/": {
    summary: "What the model is for: as /embed, /embed_sparse, /predict or /rerank.",
    ...BY_KIND,
  },
  "/invocations": {
    summary: "The same as POST /, where SageMaker asks.",
    ...BY_KIND,
  },
  "/embed": {
    summary: "A vector for each input.",
    ...NO_EMBEDDING,
    request: ref("EmbedRequest"),
    answer: VECTORS,
  },
  "/embed_all": {
    summary: "A vector for each token of each input.",
    ...NO_EMBEDDING,
    request: ref("EmbedAllRequest"),
    answer: list(VECTORS),
  },
  "/embed_sparse": {
    summary: "The weights of the vocabulary's tokens for each input.",
    wrongModel: "The service has no SPLADE pooling.",
    request: ref("EmbedAllRequest"),
    answer: SPARSE,
  },
  "/similarity": {
    summary: "The cosine of one sentence with each of the others.",
    ...NO_EMBEDDING,
    request: ref("SimilarityRequest"),
    answer: list(number),
  },
  "/predict": {
    summary: "Every label of each input with its score, the best first.",
    wrongModel: "The model is no classifier.",
    request: ref("PredictRequest"),
    answer: ref("Predictions"),
  },
  "/rerank": {
    summary: "How well each text answers the query, the best first.",
    ...NO_RERANKER,
    request: ref("RerankRequest"),
    answer: ref("Ranks"),
  },
  "/tokenize": {
    summary: "The tokens of each text.",
    request: ref("TokenizeRequest"),
    answer: list(list(ref("Token"))),
  },
  "/decode": {
    summary: "The text of each list of token ids.",
    request: ref("DecodeRequest"),
    answer: list(string),
  },
  "/v1/embeddings": { summary: "Vectors of length 1, as OpenAI's API has them.", ...OPENAI_EMBEDDINGS },
  "/embeddings": { summary: "The same as /v1/embeddings.", ...OPENAI_EMBEDDINGS },
  "/v1/rerank": { summary: "The same as /rerank, as Cohere's and Jina's clients call it.", ...COHERE_RERANK },
  "/v2/rerank": { summary: "The same as /v1/rerank.", ...COHERE_RERANK },
  ...TASK_POSTS,
};
