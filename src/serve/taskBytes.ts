import type { Body } from "./requestBody.ts";
import type { Service } from "./service.ts";

/** What a token of an encoding takes, with its place in the text, and the logits of a window. */
const TOKEN = 100;
/** What an answer takes, without the text that it may have a copy of. */
const ANSWER = 250;
/** Windows are made by these. Without them a token is in two at most; with them they may lie one token apart. */
const WINDOWS = ["stride", "doc_stride", "max_seq_len", "max_question_len"] as const;

/** The most bytes that a pipeline's encodings and answers take. */
export function taskBytes({ bert, tokenizer }: Service, inputs: unknown, parameters: Body): number {
  const { maxPositionEmbeddings, vocabSize, labels } = bert.config;
  const overlaps = WINDOWS.some((name) => parameters[name] !== undefined);
  const asked = Number.isSafeInteger(parameters.top_k) ? (parameters.top_k as number) : Math.max(1, labels.length);
  let bytes = 0;
  for (const text of textsIn(inputs)) {
    const characters = text.length + 3; // a token has one at least, but for [CLS] and [SEP]
    const windows = overlaps ? characters : 1 + characters / 100;
    const masks = tokenizer.maskToken === undefined ? 0 : text.split(tokenizer.maskToken).length - 1;
    bytes += TOKEN * characters * (overlaps ? maxPositionEmbeddings : 2);
    bytes += ANSWER * windows * Math.min(asked, maxPositionEmbeddings * maxPositionEmbeddings);
    bytes += masks * Math.min(Math.max(asked, 5), vocabSize) * (ANSWER + 2 * characters);
  }
  return bytes;
}

/** The texts of an input or of a list of them. */
export function textsIn(inputs: unknown, depth = 0): string[] {
  if (typeof inputs === "string") return [inputs];
  if (typeof inputs !== "object" || inputs === null || depth > 2) return [];
  return Object.values(inputs).flatMap((one) => textsIn(one, depth + 1));
}
