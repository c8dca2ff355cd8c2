import { withoutDecoder } from "../pipelines/answerAll.ts";
import { SIMILARITIES } from "../pipelines/similarities.ts";
import { embeddingSize, stepsOf } from "../pipelines/textEmbeddings.ts";
import {
  computeAll,
  type Encoded,
  encodedOf,
  encodeInputs,
  type Input,
  inputsOf,
  type Reading,
  readingOf,
} from "./inputs.ts";
import { type Body, countOf, flagOf, objectOf, textOf, textsOf } from "./requestBody.ts";
import { RequestError, wrongModel } from "./requestError.ts";
import { type Call, type Endpoint, expectBatch } from "./service.ts";

/** How inputs become vectors. */
interface EmbedSettings extends Reading {
  readonly prompt: string;
  readonly normalize: boolean;
  /** Only the first so many numbers; null: what the folder says. */
  readonly dimensions: number | null;
}

/** POST /embed: a vector for each input. */
export const embed: Endpoint = async (body, call) => {
  const inputs = inputsOf("inputs", body.inputs, call);
  const reading = readingOf(body, call);
  const normalize = flagOf(body, "normalize", true);
  return embedInputs(inputs, { ...reading, normalize, dimensions: dimensionsOf(body, call) }, call);
};

/** POST /similarity: the cosine of a sentence's vector with each of the others'. */
export const similarity: Endpoint = async (body, call) => {
  const inputs = objectOf("inputs", body.inputs);
  const source = textOf("inputs.source_sentence", inputs.source_sentence);
  const sentences = textsOf("inputs.sentences", inputs.sentences);
  expectBatch(call, "inputs.sentences", sentences.length && sentences.length + 1); // the source sentence counts
  const reading = readingOf(objectOf("parameters", body.parameters ?? {}), call);
  const settings = { ...reading, normalize: false, dimensions: null };
  const [first, ...others] = await embedInputs([source, ...sentences], settings, call);
  return others.map((vector) => SIMILARITIES.cosine(first, vector));
};

/** POST /embed_all: a vector for each token of each input, those of [CLS] and [SEP] too. */
export const embedAll: Endpoint = async (body, call) => {
  expectEmbedding(call);
  const { bert } = call.service;
  const H = bert.config.hiddenSize;
  const encodings = await encodedOf(body, call);
  call.share.take(encodings.reduce((sum, { length }) => sum + length * (4 * H + 150), 0));
  const compute = async (batch: readonly Encoded[], signal: AbortSignal) => {
    const options = { ...withoutDecoder(bert, batch.length), signal };
    const { data, shape } = (await bert.forward(batch, options)).lastHiddenState; // [B, T, H]
    return batch.map(({ length }, b) => {
      const from = b * shape[1] * H;
      const own = data.slice(from, from + length * H); // a copy, without the padding
      return Array.from({ length }, (_, t) => own.subarray(t * H, (t + 1) * H));
    });
  };
  return computeAll(encodings, compute, call);
};

/**
 * The vectors of inputs, as `pipeline("embeddings")` gives those of texts.
 *
 * @throws RequestError 424 the model is no embedding model
 */
export async function embedInputs(
  inputs: readonly Input[],
  settings: EmbedSettings,
  call: Call,
): Promise<Float32Array[]> {
  expectEmbedding(call);
  const { bert } = call.service;
  const { prompt, normalize, dimensions } = settings;
  const encodings = await encodeInputs(inputs, settings, call);
  const options = { prompt, normalize, ...(dimensions !== null && { truncate_dim: dimensions }) };
  const { compute } = stepsOf(bert)("embeddings", options, null);
  call.share.take(inputs.length * (4 * embeddingSize(bert) + 200));
  const encoded = encodings.map((encoding) => ({ encoding, length: encoding.length }));
  return computeAll(encoded, compute, call);
}

function expectEmbedding({ service: { kind, settings } }: Call): void {
  if (kind !== "embedding") throw wrongModel("Model is not an embedding model");
  if (settings.pooling === "splade") throw wrongModel("Model has SPLADE pooling, /embed_sparse gives its embeddings");
}

/** How many numbers a vector is to have. */
export function dimensionsOf({ dimensions: value = null }: Body, { service: { bert, kind } }: Call): number | null {
  if (value === null || kind !== "embedding") return null;
  const dimensions = countOf("dimensions", value);
  const D = embeddingSize(bert);
  if (dimensions >= 1 && dimensions <= D) return dimensions;
  const message = `Input validation error: \`dimensions\` must be from 1 to ${D}. Given: ${dimensions}`;
  throw new RequestError("Validation", message);
}
