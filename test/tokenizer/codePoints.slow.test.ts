import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { BertTokenizer, type NormalizerOptions } from "../../src/tokenizer/index.ts";
import { readReference, type VocabularyName } from "./library.ts";

interface Setting extends NormalizerOptions {
  readonly vocab: VocabularyName;
  readonly crc32: readonly number[];
}

const { block, settings }: { block: number; settings: readonly Setting[] } = JSON.parse(
  readReference("code_points.json"),
);

/** What make_code_points.py writes for one block of code points. */
function lines(tokenizer: BertTokenizer, first: number): string {
  let text = "";
  for (let c = first; c < first + block; c++) {
    if (c >= 0xd800 && c <= 0xdfff) continue;
    for (const input of [String.fromCodePoint(c), `a${String.fromCodePoint(c)}b`]) {
      const e = tokenizer.encode(input, { offsetUnit: "codePoint" });
      text += `${e.inputIds};${e.offsets};${e.wordIds.map(String)}\n`;
    }
  }
  return text;
}

test.each(settings)(
  "every code point, alone and in a word: $vocab, doLowerCase $doLowerCase, stripAccents $stripAccents, cleanText $cleanText",
  (setting) => {
    const { vocab, crc32: expected, ...options } = setting;
    const tokens = readReference(`${vocab}/vocab.txt`).trimEnd().split("\n");
    const tokenizer = BertTokenizer.fromVocabulary(tokens, options);
    const wrong: string[] = [];
    for (const [i, digest] of expected.entries()) {
      if (crc32(lines(tokenizer, i * block)) !== digest) wrong.push(`U+${(i * block).toString(16)}`);
    }
    expect(wrong).toEqual([]);
    expect(expected.length * block).toBe(0x110000);
  },
);
