export type { ModelFiles } from "../load/givenFiles.ts";
export { Bert, downloadModel, type LoadOptions, loadBert, loadTokenizer } from "../load/loadBert.ts";
export { saveBert } from "../load/saveBert.ts";
export type { CallOptions } from "./arguments.ts";
export type { AggregationStrategy, EntityGroup, TokenEntity } from "./entities.ts";
export type { FeatureExtraction, FeatureExtractionOptions } from "./featureExtraction.ts";
export type { FeatureTensor, QuantizedFeatures, Truncated } from "./featureTensor.ts";
export type { FillMask, FillMaskOptions, FillMaskOutput, FillMaskPrediction } from "./fillMask.ts";
export type { Choice, MultipleChoice, MultipleChoiceOptions, TextAndChoices } from "./multipleChoice.ts";
export type { NextSentence, NextSentenceOptions, NextSentencePrediction, TextPair } from "./nextSentence.ts";
export { type Pipeline, type PipelineOptions, type PipelineTask, type PipelineTasks, pipeline } from "./pipeline.ts";
export type { Pooling } from "./pooling.ts";
export type { PseudoLogLikelihood, PseudoLogLikelihoodOptions, TextLikelihood } from "./pseudoLogLikelihood.ts";
export type { Precision } from "./quantize.ts";
export type { Answer, QuestionAndContext, QuestionAnswering, QuestionAnsweringOptions } from "./questionAnswering.ts";
export { type BuildIndexOptions, buildIndex, loadIndex } from "./searchIndex/buildIndex.ts";
export type { IndexedText, TextRecord } from "./searchIndex/records.ts";
export type { AddOptions, IndexInput, SearchIndex, SearchOptions, SearchResult } from "./searchIndex/searchIndex.ts";
export type {
  SentenceSimilarity,
  SentenceSimilarityInput,
  SentenceSimilarityOptions,
} from "./sentenceSimilarity.ts";
export type { Answers, InputStream, Texts } from "./stream.ts";
export type {
  Classification,
  ClassificationInput,
  TextClassification,
  TextClassificationOptions,
} from "./textClassification.ts";
export type { EmbeddingOptions, EmbeddingPrecision, Embeddings } from "./textEmbeddings.ts";
export type { RankedDocument, RankOptions, TextRanking } from "./textRanking.ts";
export type { TokenClassification, TokenClassificationOptions } from "./tokenClassification.ts";
export type {
  ZeroShotClassification,
  ZeroShotClassificationResult,
  ZeroShotOptions,
} from "./zeroShotClassification.ts";
