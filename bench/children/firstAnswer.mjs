// A process that loads the model and answers once, then prints its peak memory in MB, and for plainbert's filled mask the milliseconds of
// import, loading and answer: node firstAnswer.mjs '{"library": …}'.
// Plain JavaScript, and plainbert as it is published: what a process's start costs is measured, not the stripping of types.
import { createRequire } from "node:module";
import { peakMemory } from "./peakMemory.mjs";

const { library, task, style, dtype, backend, threads, model, graph, peers, text, inputIds } = JSON.parse(
  process.argv[2],
);
const requirePeer = createRequire(`${peers}/package.json`);
const session = {
  graphOptimizationLevel: "all",
  executionMode: "sequential",
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
};

const steps = {};

async function step(name, work) {
  const start = performance.now();
  const result = await work();
  steps[name] = performance.now() - start;
  return result;
}

const answers = {
  plainbert: {
    async encoder() {
      const { loadBert } = await import("../../dist/index.js");
      const bert = await loadBert(model, { backend, threads, dtype, architecture: "BertModel" });
      return (await bert.forward(bert.tokenizer.encodeBatch([text]))).lastHiddenState.data;
    },
    async fillMask() {
      const { pipeline } = await step("import", () => import("../../dist/index.js"));
      const unmask = await step("loading", () => pipeline("fill-mask", model, { backend, threads }));
      return step("first answer", () => unmask(text));
    },
  },
  "onnxruntime-node": {
    // The ids are given: it has no tokenizer, and is not charged for one.
    async encoder() {
      const ort = requirePeer("onnxruntime-node");
      const encoder = await ort.InferenceSession.create(graph, session);
      const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, inputIds.length]);
      const output = await encoder.run({
        input_ids: tensor(inputIds),
        attention_mask: tensor(inputIds.map(() => 1)),
        token_type_ids: tensor(inputIds.map(() => 0)),
      });
      return output.last_hidden_state.data;
    },
  },
  "transformers.js": {
    async fillMask() {
      const { env, pipeline } = await import(requirePeer.resolve("@huggingface/transformers"));
      const [folder, name] = [model.slice(0, model.lastIndexOf("/") + 1), model.slice(model.lastIndexOf("/") + 1)];
      // The last one: else it fetches onnxruntime-web too, which it does not use here.
      Object.assign(env, { localModelPath: folder, allowRemoteModels: false, useWasmCache: false });
      const model_file_name = style === "plain" ? "model" : "maskedLm-fused";
      const options = { dtype: "fp32", device: "cpu", model_file_name, session_options: session };
      return (await pipeline("fill-mask", name, options))(text);
    },
  },
};

const answer = await answers[library][task]();
if (answer.length === 0) throw new Error("no answer");
process.stdout.write(JSON.stringify({ megabytes: peakMemory(), steps }), () => process.exit());
