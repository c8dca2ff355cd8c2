import { dimensionsOf, embedInputs } from "./embedEndpoints.ts";
import { inputsOf, readingOf } from "./inputs.ts";
import { choiceOf, optionalTextOf } from "./requestBody.ts";
import { type Endpoint, usageOf } from "./service.ts";

/**
 * POST /v1/embeddings, as OpenAI's clients call it: the vectors have length 1, and `usage` counts the tokens. What
 * `user` says is of no effect, and what `model` says where there is one.
 */
export const openaiEmbeddings: Endpoint = async (body, call) => {
  const inputs = inputsOf("input", body.input, call);
  optionalTextOf(body, "user");
  const format = choiceOf(body, "encoding_format", ["float", "base64"]) ?? "float";
  const settings = { ...readingOf({}, call), normalize: true, dimensions: dimensionsOf(body, call) };
  const vectors = await embedInputs(inputs, settings, call);
  const data = vectors.map((vector, index) => ({
    object: "embedding",
    embedding: format === "base64" ? base64(vector) : vector,
    index,
  }));
  return { object: "list", data, model: call.service.settings.servedModelName, usage: usageOf(call) };
};

/** The bytes of a vector's float32, each number's least byte first. */
function base64(vector: Float32Array): string {
  const view = new DataView(new ArrayBuffer(4 * vector.length));
  for (const [i, x] of vector.entries()) view.setFloat32(4 * i, x, true);
  return btoa(String.fromCharCode(...new Uint8Array(view.buffer)));
}
