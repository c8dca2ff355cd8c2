import { readFileSync } from "node:fs";
import type { BertTokenizer } from "../../src/tokenizer/index.ts";

const BOOK = new URL("../../bench/data/the-wind-in-the-willows.txt", import.meta.url);
const [SHORTEST, LONGEST] = [2, 500];

/** What a twentieth of the texts has at its end. */
const ODD = ["naïve café", "東京の家", "e\u0301\u0302", "😀👩‍👩‍👧", "Ω≈ç√", "שלום", "\u00adsoft\u200b"];

/**
 * Texts of 2 to 500 tokens, [CLS] and [SEP] not counted, from anywhere in a book: as many from 2 to 8 as from 125 to 500.
 *
 * @param random a whole number below another
 */
export function textPool(tokenizer: BertTokenizer, count: number, random: (n: number) => number): string[] {
  const words = readFileSync(BOOK, "utf8").split(/\s+/).filter(Boolean);
  const lengths = new Map<string, number>();
  const lengthOf = (word: string) => {
    const length = lengths.get(word) ?? tokenizer.encode(word, { addSpecialTokens: false }).length;
    lengths.set(word, length);
    return length;
  };
  return Array.from({ length: count }, (_, n) => {
    const wanted = Math.round(SHORTEST * (LONGEST / SHORTEST) ** (random(1000) / 999));
    const text: string[] = [];
    let length = 0;
    for (let at = random(words.length); length < wanted; at = (at + 1) % words.length) {
      text.push(words[at]);
      length += lengthOf(words[at]);
    }
    if (n % 20 === 0) text.push(ODD[random(ODD.length)]);
    return text.join(" ");
  });
}
