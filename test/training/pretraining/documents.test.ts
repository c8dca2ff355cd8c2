import { describe, expect, test } from "vitest";
import { BertTokenizer } from "../../../src/tokenizer/index.ts";
import { readDocuments } from "../../../src/training/pretraining/documents.ts";
import { collect } from "./support.ts";

const tokenizer = BertTokenizer.fromVocabulary(["[UNK]", "[CLS]", "[SEP]", "a", "b", ".", "##a"]);
const OPTIONS = { splitSentences: false, maxTokens: 100 };

/** Each document as its sentences' tokens, or undefined if it is no such thing. */
async function read(lines: readonly (readonly string[])[], options = OPTIONS): Promise<string[][]> {
  const documents = await collect(readDocuments("x.txt", lines, tokenizer, options));
  return documents.map(({ tokens, ends }) =>
    [...ends].map((end, i) =>
      [...tokens.subarray(ends[i - 1] ?? 0, end)].map((id) => tokenizer.idToToken(id)).join(" "),
    ),
  );
}

describe("readDocuments", () => {
  test("a line is a sentence, blank lines end a document, wherever the groups end", async () => {
    const lines = ["", "a b", "ba", " \t", "", "b. a", "a", ""];
    const expected = [["a b", "b ##a"], ["b . a", "a"]]; // biome-ignore format: documents
    expect(await read([lines])).toEqual(expected);
    expect(await read(lines.map((line) => [line]))).toEqual(expected);
    expect(await read([lines.slice(0, 3), [], lines.slice(3)])).toEqual(expected);
  });

  test("a line is a paragraph", async () => {
    expect(await read([["a. B a.", "a. b"]], { ...OPTIONS, splitSentences: true })).toEqual([
      ["a .", "b a .", "a . b"],
    ]);
  });

  test("lines without tokens are left out, and no document is empty", async () => {
    expect(
      await read([
        ["\u200b", "a", "\u200b", "b"],
        ["", "\u200b", ""],
      ]),
    ).toEqual([["a", "b"]]);
    expect(await read([])).toEqual([]);
  });

  test("ids are 16 bits wide where that is enough", async () => {
    const large = BertTokenizer.fromVocabulary([
      ...["[UNK]", "[CLS]", "[SEP]"],
      ...Array.from({ length: 70_000 }, (_, i) => `${i}`),
    ]);
    const of = async (t: BertTokenizer) => (await readDocuments("x", [["69999 1"]], t, OPTIONS).next()).value;
    expect((await of(large))?.tokens).toEqual(Int32Array.of(70_002, 4));
    expect((await of(tokenizer))?.tokens).toEqual(Uint16Array.of(0, 0));
  });

  test("a document that is too long: file, line, what to do", async () => {
    await expect(read([["a", "", "a a", "b a b"]], { ...OPTIONS, maxTokens: 4 })).rejects.toThrow(
      "x.txt, line 4: a document must have at most 4 tokens, this one has 5 so far; blank lines separate documents",
    );
  });
});
