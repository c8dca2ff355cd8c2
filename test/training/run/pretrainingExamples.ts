import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeSafetensors } from "../../../src/safetensors/index.ts";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { collect, makeExamples } from "../../../src/training/index.ts";
import { REVIEWS } from "../../support/tinyModel.ts";

/** A folder of examples as make-examples makes one. */
export async function writeExamples(
  folder: string,
  vocabulary: readonly string[],
  maxSeqLength: number,
): Promise<void> {
  const tokenizer = BertTokenizer.fromVocabulary([...vocabulary], { doLowerCase: true });
  const documents = Array.from({ length: 8 }, (_, d) => {
    const sentences = REVIEWS.slice(4 * d, 4 * d + 4).map(({ text }) => tokenizer.encode(text).inputIds.slice(1, -1));
    const ends = sentences.map((_, i) => sentences.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
    return { tokens: Uint16Array.from(sentences.flat()), ends: Int32Array.from(ends) };
  });
  mkdirSync(folder);
  const shards = await collect(makeExamples(documents, tokenizer, { maxSeqLength, dupeFactor: 2 }));
  for (const [i, { tensors, metadata }] of shards.entries()) {
    writeFileSync(join(folder, `examples-${i}.safetensors`), writeSafetensors(tensors, metadata));
  }
  for (const [name, text] of Object.entries(tokenizer.toFiles())) writeFileSync(join(folder, name), text as string);
}
