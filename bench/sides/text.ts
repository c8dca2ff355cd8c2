import type { FillMaskPrediction } from "../../src/pipelines/fillMask.ts";
import { pipeline } from "../../src/pipelines/index.ts";
import type { PipelineOptions } from "../../src/pipelines/pipeline.ts";
import type { GraphStyle } from "../onnx/bertGraph.ts";
import { CHECKPOINT, graphName, MODEL, MODELS } from "../onnx/modelFolder.ts";
import { requirePeer } from "./peers.ts";

/** Text in, answers out, in some library. */
export interface TextEngine {
  readonly name: string;
  /** The token that is the likeliest at the text's [MASK]. */
  fillMask(text: string): Promise<string>;
  /** Sentence vectors [B, H], the mean of the tokens' last hidden states. */
  embed(texts: readonly string[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export async function plainbertText(backend: string, threads: number): Promise<TextEngine> {
  const options = { backend, threads } as PipelineOptions;
  const unmask = await pipeline("fill-mask", CHECKPOINT, options);
  const extract = await pipeline("feature-extraction", CHECKPOINT, options);
  return {
    name: "plainbert",
    fillMask: async (text) => ((await unmask(text)) as FillMaskPrediction[])[0].token_str, // one mask: one list
    embed: async (texts) => (await extract(texts, { pooling: "mean" })).data,
    async dispose() {
      await unmask.dispose();
      await extract.dispose();
    },
  };
}

/** What the bench uses of @huggingface/transformers. */
interface Transformers {
  readonly env: { localModelPath: string; allowRemoteModels: boolean; useWasmCache: boolean };
  pipeline(task: "fill-mask", model: string, options: object): Promise<Unmask>;
  pipeline(task: "feature-extraction", model: string, options: object): Promise<Extract>;
}
interface Unmask {
  (text: string): Promise<{ readonly token_str: string }[]>;
  dispose(): Promise<void>;
}
interface Extract {
  (texts: readonly string[], options: { pooling: "mean" }): Promise<{ readonly data: Float32Array }>;
  dispose(): Promise<void>;
}

/** transformers.js, which in Node runs on onnxruntime-node. */
export async function transformersText(style: GraphStyle, threads: number): Promise<TextEngine> {
  const { env, pipeline } = requirePeer<Transformers>("@huggingface/transformers");
  env.localModelPath = MODELS;
  env.allowRemoteModels = false;
  env.useWasmCache = false; // else it fetches onnxruntime-web too, which it does not use here
  const options = (head: "maskedLm" | "encoder") => ({
    dtype: "fp32",
    device: "cpu",
    model_file_name: graphName(style, head),
    session_options: {
      graphOptimizationLevel: "all",
      executionMode: "sequential",
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
    },
  });
  const unmask = await pipeline("fill-mask", MODEL, options("maskedLm"));
  const extract = await pipeline("feature-extraction", MODEL, options("encoder"));
  return {
    name: `transformers.js ${style}`,
    fillMask: async (text) => ((await unmask(text)) as FillMaskPrediction[])[0].token_str, // one mask: one list
    embed: async (texts) => (await extract(texts, { pooling: "mean" })).data,
    async dispose() {
      await unmask.dispose();
      await extract.dispose();
    },
  };
}
