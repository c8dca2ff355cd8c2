import type { Pipeline } from "../pipeline.ts";
import type { TextPooling } from "../pooling.ts";

/** A pipeline that gives vectors. */
export type Extract = Pipeline<"feature-extraction">;

/** What the vectors of an index are computed with. */
export interface VectorOptions {
  readonly pooling: TextPooling;
  readonly normalize: true;
  readonly truncation: boolean;
  readonly signal?: AbortSignal;
}

/**
 * The vectors of texts, end to end. As a stream: the model answers one to its end where the call that reads it was made
 * before `dispose`, and would refuse another call after it.
 */
export async function vectorsOf(
  extract: Extract,
  texts: readonly string[],
  options: VectorOptions,
): Promise<Float32Array> {
  const H = extract.model.config.hiddenSize;
  const vectors = new Float32Array(texts.length * H);
  let at = 0;
  for await (const { data } of extract(texts.values(), options)) {
    vectors.set(data, at);
    at += H;
  }
  return vectors;
}
