import type { FillMaskPrediction } from "../../src/pipelines/fillMask.ts";
import { pipeline } from "../../src/pipelines/index.ts";
import type { Pipeline, PipelineOptions } from "../../src/pipelines/pipeline.ts";
import type { GraphStyle } from "../onnx/bertGraph.ts";
import { type BenchModel, graphName, MODELS } from "../onnx/modelFolder.ts";
import { requirePeer } from "./peers.ts";

/** Text in, answers out, in some library. */
export interface TextEngine {
  readonly name: string;
  readonly library: string;
  /** The token that is the likeliest at the text's [MASK]. */
  fillMask(text: string): Promise<string>;
  /** Text vectors [B, H], the mean of the tokens' last hidden states, of all texts at once. */
  embed(texts: readonly string[]): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** plainbert by its pipelines. */
export interface PlainbertText extends TextEngine {
  readonly extract: Pipeline<"feature-extraction">;
  /** `fillMask` of an array of texts, by one call. */
  fillMasks(texts: readonly string[]): Promise<string[]>;
}

export async function plainbertText(model: BenchModel, backend: string, threads: number): Promise<PlainbertText> {
  const options = { backend, threads } as PipelineOptions;
  const unmask = await pipeline("fill-mask", model.path, options);
  const extract = await pipeline("feature-extraction", model.path, options);
  return {
    name: "plainbert",
    library: "plainbert",
    extract,
    fillMask: async (text) => ((await unmask(text)) as FillMaskPrediction[])[0].token_str, // one mask: one list
    fillMasks: async (texts) => ((await unmask(texts)) as FillMaskPrediction[][]).map(([best]) => best.token_str),
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
export async function transformersText(model: BenchModel, style: GraphStyle, threads: number): Promise<TextEngine> {
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
  const unmask = await pipeline("fill-mask", model.name, options("maskedLm"));
  const extract = await pipeline("feature-extraction", model.name, options("encoder"));
  return {
    name: `transformers.js ${style}`,
    library: "transformers.js",
    fillMask: async (text) => (await unmask(text))[0].token_str,
    embed: async (texts) => (await extract(texts, { pooling: "mean" })).data,
    async dispose() {
      await unmask.dispose();
      await extract.dispose();
    },
  };
}
