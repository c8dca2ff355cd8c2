// A process that loads the encoder, answers once, and then once for every word of the vocabulary, in texts of 120 tokens. It prints its
// peak memory after the first answer and after all of them, in MB: node everyWord.mjs '{"library": …}'.
import { createRequire } from "node:module";
import { peakMemory } from "./peakMemory.mjs";

const { library, model, graph, peers, threads, vocabulary } = JSON.parse(process.argv[2]);
const TOKENS = 120;

/** What computes a text's hidden states. */
const openers = {
  async plainbert() {
    const { loadBert } = await import("../../dist/index.js");
    const bert = await loadBert(model, { threads, architecture: "BertModel" });
    return (inputIds) => bert.forward([{ inputIds }]);
  },
  async "onnxruntime-node"() {
    const ort = createRequire(`${peers}/package.json`)("onnxruntime-node");
    const session = await ort.InferenceSession.create(graph, { intraOpNumThreads: threads, interOpNumThreads: 1 });
    return (inputIds) => {
      const tensor = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
      const others = { attention_mask: tensor(inputIds.map(() => 1)), token_type_ids: tensor(inputIds.map(() => 0)) };
      return session.run({ input_ids: tensor(inputIds), ...others });
    };
  },
};

const ids = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
const encode = await openers[library]();
await encode(ids(0, 12));
const first = peakMemory();
for (let from = 0; from < vocabulary; from += TOKENS) await encode(ids(from, Math.min(from + TOKENS, vocabulary)));
process.stdout.write(JSON.stringify({ first, every: peakMemory() }), () => process.exit());
