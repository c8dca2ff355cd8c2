export type { CallOptions } from "./arguments.ts";
export type { FeatureExtraction, FeatureExtractionOptions, FeatureTensor, Pooling } from "./featureExtraction.ts";
export type { FillMask, FillMaskOptions, FillMaskOutput, FillMaskPrediction } from "./fillMask.ts";
export { Bert, BUNDLED_MODEL, type LoadOptions, loadBert, loadTokenizer } from "./load.ts";
export type { NextSentence, NextSentenceOptions, NextSentencePrediction, TextPair } from "./nextSentence.ts";
export { type Pipeline, type PipelineOptions, type PipelineTask, type PipelineTasks, pipeline } from "./pipeline.ts";
export type { InputStream } from "./stream.ts";
