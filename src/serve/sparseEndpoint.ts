import { log } from "../tensor/kernels/transcendental.ts";
import { shortest } from "../tensor/shortest.ts";
import { type Encoded, encodedOf } from "./inputs.ts";
import { wrongLogits, wrongModel } from "./requestError.ts";
import type { Call, Endpoint } from "./service.ts";

/** A token of the vocabulary with its weight. */
interface SparseValue {
  readonly index: number;
  readonly value: number;
}

/** POST /embed_sparse: the weights of the vocabulary's tokens for each input, those that are not 0. */
export const embedSparse: Endpoint = async (body, call) => {
  if (call.service.settings.pooling !== "splade")
    throw wrongModel("Model is not an embedding model with SPLADE pooling");
  const encodings = await encodedOf(body, call);
  const answers: SparseValue[][] = [];
  // One by one, as the logits of 512 tokens are 60 MB.
  for (const encoding of encodings) {
    const values = await splade(encoding, call);
    call.share.take(64 * values.length);
    answers.push(values);
  }
  return answers;
};

/**
 * SPLADE's weights of a text (Formal et al. 2021, arXiv 2109.10086, eq. 4), of the masked-language-model head's logits
 * x_tv:
 *
 *     w_v = max_t log(1 + max(0, x_tv))
 */
async function splade(encoding: Encoded, { service: { bert }, signal }: Call): Promise<SparseValue[]> {
  const { logits, predictionLogits = logits } = await bert.forward([encoding], { lastHiddenState: false, signal });
  const { data, shape } = predictionLogits!; // [1, T, V]
  const V = shape[2];
  const most = new Float32Array(V);
  for (let t = 0; t < shape[1]; t++) {
    for (let v = 0; v < V; v++) {
      const x = data[t * V + v];
      if (!Number.isFinite(x)) throw wrongLogits("embed_sparse");
      if (x > most[v]) most[v] = x;
    }
  }
  const values: SparseValue[] = [];
  for (const [index, x] of most.entries()) {
    const value = Math.fround(log(1 + x)); // grows with x, so the largest logit has the largest weight
    if (value > 0) values.push({ index, value: shortest(value) });
  }
  return values;
}
