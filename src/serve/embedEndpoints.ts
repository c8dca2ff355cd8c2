import { shown } from "../errors.ts";
import { withoutDecoder } from "../pipelines/answerAll.ts";
import { SIMILARITIES } from "../pipelines/similarities.ts";
import { embeddingSize, stepsOf } from "../pipelines/textEmbeddings.ts";
import {
  computeAll,
  type Encoded,
  encodeInputs,
  type Input,
  inputsOf,
  type Truncation,
  truncationOf,
} from "./inputs.ts";
import { type Body, flagOf, objectOf, optionalTextOf, textOf, textsOf } from "./requestBody.ts";
import { RequestError, wrongField, wrongModel } from "./requestError.ts";
import { type Call, type Endpoint, expectBatch, type Service } from "./service.ts";

/** How inputs become vectors. */
interface EmbedSettings extends Truncation {
  readonly prompt: string;
  readonly normalize: boolean;
  /** Only the first so many numbers; null: what the folder says. */
  readonly dimensions: number | null;
}

/** POST /embed: a vector for each input. */
export const embed: Endpoint = async (service, body, call) => {
  const inputs = inputsOf("inputs", body.inputs);
  expectBatch(service, "inputs", inputs.length);
  const settings = {
    ...truncationOf(service, body),
    prompt: promptOf(service, body),
    normalize: flagOf(body, "normalize", true),
    dimensions: dimensionsOf(service, body),
  };
  return embedInputs(service, inputs, settings, call);
};

/** POST /similarity: the cosine of a sentence's vector with each of the others'. */
export const similarity: Endpoint = async (service, body, call) => {
  const inputs = objectOf("inputs", body.inputs);
  const source = textOf("inputs.source_sentence", inputs.source_sentence);
  const sentences = textsOf("inputs.sentences", inputs.sentences);
  expectBatch(service, "inputs.sentences", sentences.length);
  expectBatch(service, "inputs.sentences", sentences.length + 1); // the source sentence counts
  const parameters = objectOf("parameters", body.parameters ?? {});
  const settings = {
    ...truncationOf(service, parameters),
    prompt: promptOf(service, parameters),
    normalize: false,
    dimensions: null,
  };
  const [first, ...others] = await embedInputs(service, [source, ...sentences], settings, call);
  return others.map((vector) => SIMILARITIES.cosine(first, vector));
};

/** POST /embed_all: a vector for each token of each input, those of [CLS] and [SEP] too. */
export const embedAll: Endpoint = async (service, body, call) => {
  expectEmbedding(service);
  const inputs = inputsOf("inputs", body.inputs);
  expectBatch(service, "inputs", inputs.length);
  const { bert } = service;
  const H = bert.config.hiddenSize;
  const encodings = await encodeInputs(service, inputs, truncationOf(service, body), call, promptOf(service, body));
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
  return computeAll(service, encodings, compute, call);
};

/**
 * The vectors of inputs, as `pipeline("embeddings")` gives those of texts.
 *
 * @throws RequestError 424 the model is no embedding model
 */
export async function embedInputs(
  service: Service,
  inputs: readonly Input[],
  settings: EmbedSettings,
  call: Call,
): Promise<Float32Array[]> {
  expectEmbedding(service);
  const { prompt, normalize, dimensions } = settings;
  const encodings = await encodeInputs(service, inputs, settings, call, prompt);
  const options = { prompt, normalize, ...(dimensions !== null && { truncate_dim: dimensions }) };
  const { compute } = stepsOf(service.bert)("embeddings", options, null);
  call.share.take(inputs.length * (4 * embeddingSize(service.bert) + 200));
  const encoded = encodings.map((encoding) => ({ encoding, length: encoding.length }));
  return computeAll(service, encoded, compute, call);
}

function expectEmbedding({ kind, settings: { pooling } }: Service): void {
  if (kind !== "embedding") throw wrongModel("Model is not an embedding model");
  if (pooling === "splade") throw wrongModel("Model has SPLADE pooling, /embed_sparse gives its embeddings");
}

/** The prompt that a request names, else the service's. */
export function promptOf({ bert, settings }: Service, body: Body): string {
  const name = optionalTextOf(body, "prompt_name");
  if (name === null) return settings.defaultPrompt;
  const { prompts } = bert.sentence;
  const prompt = prompts.get(name);
  if (prompt !== undefined) return prompt;
  const known = `Available prompts: ${JSON.stringify(Array.from(prompts.keys()))}`;
  const message = `\`prompt_name\` is ${shown(name)} but it was not found in the Sentence Transformers prompts. ${known}`;
  throw new RequestError("Validation", `Input validation error: ${message}`);
}

/** How many numbers a vector is to have. */
export function dimensionsOf({ bert, kind }: Service, { dimensions = null }: Body): number | null {
  if (dimensions === null || kind !== "embedding") return null;
  if (!Number.isSafeInteger(dimensions) || (dimensions as number) < 0) {
    throw wrongField("dimensions", "a whole number from 0", shown(dimensions));
  }
  const D = embeddingSize(bert);
  if ((dimensions as number) >= 1 && (dimensions as number) <= D) return dimensions as number;
  const message = `Input validation error: \`dimensions\` must be from 1 to ${D}. Given: ${dimensions}`;
  throw new RequestError("Validation", message);
}
