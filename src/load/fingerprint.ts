import type { BertConfig } from "../model/config.ts";
import { depthOf } from "../model/family.ts";
import type { BertTokenizer } from "../tokenizer/index.ts";
import type { SentenceModules } from "./sentenceModules.ts";
import { Xxh32 } from "./xxh32.ts";

/** Each of these kinds of characters is treated in its own way, by a setting of the tokenizer. */
const PROBE = `Ünïcode\u0301 ÀB 中文字 a\u0000b\u200bc 🙂 ${"long".repeat(30)} ${"x".repeat(300)}`;

/**
 * What a text's hidden states depend on, in 16 hexadecimal digits: the encoder's sizes, sixteen numbers of each of its
 * tensors as the checkpoint has them, the vocabulary, and what the tokenizer does with characters of many kinds. Not:
 * backend, threads, `dtype`, heads, the folder's name. It takes 5 to 15 ms.
 *
 * @param samples a few numbers of each tensor, by name
 */
export function fingerprintOf(
  c: BertConfig,
  samples: ReadonlyMap<string, Float32Array>,
  tokenizer: BertTokenizer | null,
): string {
  const halves = [new Xxh32(0), new Xxh32(1)]; // 64 bits
  const add = (bytes: Uint8Array) => {
    for (const half of halves) half.update(bytes);
  };
  const addText = (...parts: readonly unknown[]) => add(new TextEncoder().encode(JSON.stringify(parts)));
  const { hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize, hiddenAct, layerNormEps } = c;
  addText(hiddenSize, numHiddenLayers, numAttentionHeads, intermediateSize, hiddenAct, layerNormEps);
  for (const [name, values] of samples) {
    if (depthOf(name) === null) continue;
    addText(name);
    add(littleEndian(values));
  }
  if (tokenizer) {
    addText([...tokenizer.vocabulary()].sort(([, a], [, b]) => a - b));
    const probe = `${PROBE} ${tokenizer.maskToken ?? ""} .`;
    addText(tokenizer.encode(probe, { truncation: false }).inputIds);
  }
  return halves.map((half) => half.digest()).join("");
}

/**
 * What tells the vectors of modules apart, in 16 hexadecimal digits: the model's fingerprint, the modules with their
 * weights, the lengths, the hidden state, and the prompts of queries and documents.
 */
export function sentenceFingerprint(fingerprint: string, modules: SentenceModules): string {
  const { maxSeqLength, doLowerCase, truncateDim, prompts, queryLength, documentLength, hiddenState } = modules;
  const later = [queryLength, documentLength, hiddenState]; // only where said: other indexes keep their fingerprint
  const halves = [new Xxh32(0), new Xxh32(1)];
  const text = JSON.stringify(
    [
      fingerprint,
      maxSeqLength,
      doLowerCase,
      truncateDim,
      prompts.get("query"),
      prompts.get("document"),
      modules.modules,
      ...(later.some((value) => value !== null) ? later : []),
    ],
    (_, value) => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value),
  );
  const bytes = new TextEncoder().encode(text);
  return halves.map((half) => half.update(bytes).digest()).join("");
}

/** The same bytes on every machine. */
function littleEndian(values: Float32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * values.length));
  for (const [i, value] of values.entries()) view.setFloat32(4 * i, value, true);
  return new Uint8Array(view.buffer);
}
