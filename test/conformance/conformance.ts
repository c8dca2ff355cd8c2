import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Bert } from "../../src/pipelines/index.ts";
import { writeSafetensors } from "../../src/safetensors/index.ts";
import { collectActivations } from "../../src/testing/index.ts";

/** A text of reference/texts.json. */
export interface ConformanceText {
  readonly name: string;
  readonly text: string;
  readonly text_pair?: string;
}

export const fileOf = (name: string): URL => new URL(`reference/${name}`, import.meta.url);

export const TEXTS: readonly ConformanceText[] = JSON.parse(readFileSync(fileOf("texts.json"), "utf8"));

/** The last hidden states in which vectors of texts are taken. */
const LAST = "bert.encoder.layer.3";

/** What a text of the set gives. */
export interface Conformance {
  readonly input_ids: readonly number[];
  readonly token_type_ids: readonly number[];
  /** SHA-256 of each tensor's bytes, little-endian, by its name. */
  readonly digests: Readonly<Record<string, string>>;
  /** [H], of the last layer: the vector of [CLS], and the mean of all tokens, summed in their order in float64. */
  readonly cls: Float32Array;
  readonly mean: Float32Array;
}

/** Computes a text, cut where it is too long. */
export async function conformanceOf(bert: Bert, { text, text_pair }: ConformanceText): Promise<Conformance> {
  const options = { truncation: true, ...(text_pair !== undefined && { textPair: text_pair }) };
  const { tensors } = await collectActivations(bert, text, options);
  const digests = Object.fromEntries(
    Array.from(tensors, ([name, tensor]) => {
      const file = writeSafetensors([[name, tensor]]); // whose end are the tensor's bytes, little-endian on any machine
      const bytes = file.subarray(8 + Number(new DataView(file.buffer).getBigUint64(0, true)));
      return [name, createHash("sha256").update(bytes).digest("hex")];
    }),
  );
  const numbersOf = (name: string) => Array.from(tensors.get(name)?.data as BigInt64Array, Number);
  const [input_ids, token_type_ids] = [numbersOf("input_ids"), numbersOf("token_type_ids")];
  const rows = tensors.get(LAST)?.data as Float32Array;
  const [T, H] = [input_ids.length, rows.length / input_ids.length];
  const mean = Float32Array.from({ length: H }, (_, h) => {
    let sum = 0;
    for (let t = 0; t < T; t++) sum += rows[t * H + h];
    return sum / T;
  });
  return { input_ids, token_type_ids, digests, cls: rows.slice(0, H), mean };
}
