import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BertConfig } from "../../src/model/config.ts";
import type { GraphHead, GraphStyle } from "../onnx/bertGraph.ts";
import { prepareInt8 } from "../onnx/int8Graph.ts";
import { BASE, graphPath } from "../onnx/modelFolder.ts";
import { DATA_FILE } from "../onnx/weightsFile.ts";
import { type Engine, pad, type Sequence } from "./engine.ts";
import { requirePeer } from "./peers.ts";

/** What the bench uses of onnxruntime-common, which both packages export. */
interface OnnxRuntime {
  readonly env: { wasm: { numThreads?: number } };
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: "int64", data: BigInt64Array, dims: readonly number[]) => object;
}
interface Session {
  run(feeds: Record<string, object>): Promise<Record<string, { readonly data: Float32Array }>>;
  release(): Promise<void>;
}

/** One thread count for the operators, which run one after the other; every graph optimisation. */
const sessionOptions = (threads: number) => ({
  graphOptimizationLevel: "all",
  executionMode: "sequential",
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
});

/** The native library. With the head `maskedLm`, `encode` gives logits [B, T, V]. */
export async function onnxruntimeNode(
  style: GraphStyle,
  threads: number,
  head: GraphHead = "encoder",
): Promise<Engine> {
  return onnxruntimeGraph(graphPath(BASE, style, head), style, threads);
}

/** The native library on a graph of bench/onnx; `way` is said in its name. */
export async function onnxruntimeGraph(path: string, way: string, threads: number): Promise<Engine> {
  const ort = requirePeer<OnnxRuntime>("onnxruntime-node");
  return engine("onnxruntime-node", way, ort, await ort.InferenceSession.create(path, sessionOptions(threads)));
}

/** The native library with int8 weights, quantising activations as they come. */
export async function onnxruntimeInt8(config: BertConfig, threads: number): Promise<Engine> {
  const path = join(BASE.path, "onnx", "encoder-int8.onnx");
  await prepareInt8(BASE.path, config, path);
  return onnxruntimeGraph(path, "int8", threads);
}

/** Its build for WebAssembly, whose threads are set once for the process. */
export async function onnxruntimeWeb(style: GraphStyle, threads: number): Promise<Engine> {
  const ort = requirePeer<OnnxRuntime>("onnxruntime-web");
  ort.env.wasm.numThreads = threads;
  const path = graphPath(BASE, style, "encoder");
  const session = await ort.InferenceSession.create(await readFile(path), {
    ...sessionOptions(threads),
    executionProviders: ["wasm"],
    externalData: [{ path: DATA_FILE, data: await readFile(join(dirname(path), DATA_FILE)) }],
  });
  return engine("onnxruntime-web", style, ort, session);
}

function engine(library: string, way: string, ort: OnnxRuntime, session: Session): Engine {
  const feeds = (sequences: readonly Sequence[]) => {
    const { shape, inputIds, attentionMask } = pad(sequences);
    const tensor = (values: Int32Array) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
    return {
      input_ids: tensor(inputIds),
      attention_mask: tensor(attentionMask),
      token_type_ids: tensor(new Int32Array(inputIds.length)),
    };
  };
  return {
    name: `${library} ${way}`,
    library,
    async encode(sequences) {
      const [output] = Object.values(await session.run(feeds(sequences))); // each graph has one
      return output.data;
    },
    dispose: () => session.release(),
  };
}
