import type { Extract } from "../../../src/pipelines/searchIndex/vectorsOf.ts";
import type { Backend } from "../../../src/tensor/backend.ts";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";

/**
 * A pipeline whose vectors are random directions that the text alone decides: for an index of any size, without the
 * time that a model takes.
 */
export function hashedVectors(
  kernels: Backend,
  H: number,
  fingerprint = "0123456789abcdef",
  name: string | null = null,
): Extract {
  async function* stream(texts: Iterable<string> | AsyncIterable<string>) {
    for await (const text of texts) yield { dims: [1, H], data: direction(text, H), truncated: 0, unknown: 0 };
  }
  const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]"]);
  const answer = (call: () => unknown) => call();
  const config = { hiddenSize: H, maxPositionEmbeddings: 512 };
  const model = { config, tokenizer, fingerprint, name, kernels, answer };
  return Object.assign(stream, { task: "feature-extraction", model }) as unknown as Extract;
}

/** Numbers from −1 to 1 by xorshift, divided by their length. */
export function direction(text: string, H: number): Float32Array {
  let x = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) x = Math.imul(x ^ text.charCodeAt(i), 0x01000193) || 1;
  const vector = new Float32Array(H);
  let squares = 0;
  for (let h = 0; h < H; h++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    vector[h] = x / 2 ** 31;
    squares += vector[h] ** 2;
  }
  const length = Math.sqrt(squares);
  for (let h = 0; h < H; h++) vector[h] /= length;
  return vector;
}
