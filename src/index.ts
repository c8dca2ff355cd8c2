/**
 * BERT in plain TypeScript. `pipeline` answers questions about texts, `loadBert` gives the model itself.
 *
 * @module
 */

export type { WeightSource } from "./checkpoint/weightSource.ts";
export { BertError, type BertErrorCode } from "./errors.ts";
export type { HubOptions, ProgressInfo } from "./hub/hubOptions.ts";
export { ARCHITECTURES, type Architecture } from "./model/architectures.ts";
export type { BatchInput, SequenceInput } from "./model/batch.ts";
export { type BertConfig, type ProblemType, parseConfig } from "./model/config.ts";
export type { BertOutput, ForwardOptions, HeadOutput, TapListener } from "./model/forward.ts";
export type { TapInfo } from "./model/taps.ts";
export {
  type AddOptions,
  type AggregationStrategy,
  type Answer,
  type Answers,
  Bert,
  type BuildIndexOptions,
  buildIndex,
  type CallOptions,
  type Choice,
  type Classification,
  type ClassificationInput,
  downloadModel,
  type EmbeddingOptions,
  type EmbeddingPrecision,
  type Embeddings,
  type EntityGroup,
  type FeatureExtraction,
  type FeatureExtractionOptions,
  type FeatureTensor,
  type FillMask,
  type FillMaskOptions,
  type FillMaskOutput,
  type FillMaskPrediction,
  type IndexedText,
  type IndexInput,
  type InputStream,
  type LoadOptions,
  loadBert,
  loadIndex,
  loadTokenizer,
  type ModelFiles,
  type MultipleChoice,
  type MultipleChoiceOptions,
  type NextSentence,
  type NextSentenceOptions,
  type NextSentencePrediction,
  type Pipeline,
  type PipelineOptions,
  type PipelineTask,
  type PipelineTasks,
  type Pooling,
  type Precision,
  type PseudoLogLikelihood,
  type PseudoLogLikelihoodOptions,
  pipeline,
  type QuantizedFeatures,
  type QuestionAndContext,
  type QuestionAnswering,
  type QuestionAnsweringOptions,
  type RankedDocument,
  type RankOptions,
  type SearchIndex,
  type SearchOptions,
  type SearchResult,
  type SentenceSimilarity,
  type SentenceSimilarityInput,
  type SentenceSimilarityOptions,
  saveBert,
  type TextAndChoices,
  type TextClassification,
  type TextClassificationOptions,
  type TextLikelihood,
  type TextPair,
  type TextRanking,
  type TextRecord,
  type Texts,
  type TokenClassification,
  type TokenClassificationOptions,
  type TokenEntity,
  type Truncated,
  type ZeroShotClassification,
  type ZeroShotClassificationResult,
  type ZeroShotOptions,
} from "./pipelines/index.ts";
export { BertModel } from "./runtime/bertModel.ts";
export type { ForwardStreamOptions } from "./runtime/forwardStream.ts";
export { readSafetensors, type Safetensors, type TensorEntry, writeSafetensors } from "./safetensors/index.ts";
export type { Backend, BackendInfo } from "./tensor/backend.ts";
export { type BackendName, chooseBackend } from "./tensor/chooseBackend.ts";
export type { SimdOptions } from "./tensor/simd/simdOptions.ts";
export type { StorageType, Tensor } from "./tensor/tensor.ts";
export { BertTokenizer, type Encoding, type TrainVocabularyOptions, trainVocabulary } from "./tokenizer/index.ts";
