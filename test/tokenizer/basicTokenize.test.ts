import { expect, test } from "vitest";
import {
  type Character,
  cleanText,
  lowercase,
  nfd,
  spaceCjk,
  splitOnPunctuation,
  splitOnWhitespace,
  stripAccents,
  toCharacters,
  wordText,
} from "../../src/tokenizer/basicTokenize.ts";
import { isCjk, isControl, isPunctuation, isWhitespace } from "../../src/tokenizer/index.ts";

const after = (step: (characters: Character[]) => Character[], text: string): string =>
  wordText(step(toCharacters(text)));
const parts = (step: (characters: Character[]) => Character[][], text: string): string[] =>
  step(toCharacters(text)).map(wordText);

test("each step of the chain does its own part", () => {
  expect(after(cleanText, "a\u0000b\u200bc\ufffd\td\u3000e\u0085")).toBe("abc d e");
  expect(after(spaceCjk, "ab中國c")).toBe("ab 中  國 c");
  expect(after(stripAccents, "élève Việt Å ø ≠")).toBe("eleve Viet A ø =");
  expect(after(lowercase, "ΣΑΣ İ ẞ Å")).toBe("σασ i\u0307 ß å");
  expect(after(nfd, "각")).toBe("\u1100\u1161\u11a8");
  expect(parts(splitOnWhitespace, "  a b\tc\n")).toEqual(["a", "b", "c"]);
  expect(parts(splitOnPunctuation, "don't!!a")).toEqual(["don", "'", "t", "!", "!", "a"]);
});

test("characters keep the place they came from; reordered marks share out the old places in order", () => {
  const places = (characters: Character[]): number[][] => characters.map(({ start, end }) => [start, end]);
  expect(places(nfd(toCharacters("xé")))).toEqual([
    [0, 1],
    [1, 2],
    [1, 2],
  ]);
  expect(places(spaceCjk(toCharacters("a中")))).toEqual([
    [0, 1],
    [1, 2],
    [1, 2],
    [1, 2],
  ]);
  const reordered = nfd(toCharacters("a\u0301\u0323")); // acute above (class 230), dot below (220)
  expect(wordText(reordered)).toBe("a\u0323\u0301");
  expect(places(reordered)).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
  ]);
});

test("the corners of the character classes", () => {
  expect([0x2b81f, 0x2b820, 0x2b920, 0x3042, 0xac00].map(isCjk)).toEqual([true, false, true, false, false]);
  expect([0x7f, 0xad, 0xe000, 0x378, 0xfffd].map(isControl)).toEqual([true, true, true, false, false]);
  expect([0x0b, 0x85, 0x2028, 0x200b].map(isWhitespace)).toEqual([true, true, true, false]);
  expect([0x24, 0x5f, 0xbf, 0x20ac, 0x2212].map(isPunctuation)).toEqual([true, true, true, false, false]);
});
