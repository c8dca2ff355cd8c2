import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BertTokenizer } from "../../src/tokenizer/index.ts";

type Form = { vocab: string; tokens: [token: string, id: number][]; ids: number[] };
const { text, forms }: { text: string; forms: Record<string, Form> } = JSON.parse(
  readFileSync(join(import.meta.dirname, "reference/vocab_forms.json"), "utf8"),
);
const CONFIG = JSON.stringify({ tokenizer_class: "BertTokenizer", do_lower_case: true });

describe.each(Object.entries(forms))("a vocab.txt with %s", (_, { vocab, tokens, ids }) => {
  const tokenizer = BertTokenizer.fromFiles({ "vocab.txt": vocab, "tokenizer_config.json": CONFIG });

  test("has transformers' tokens and ids", () => {
    expect([...tokenizer.vocabulary()].sort(([, a], [, b]) => a - b)).toEqual(tokens);
    expect(tokenizer.encode(text).inputIds).toEqual(ids);
  });

  test("is the same tokenizer when it has been saved", () => {
    const files = tokenizer.toFiles();
    for (const read of [files, { ...files, "tokenizer.json": undefined }]) {
      const again = BertTokenizer.fromFiles(Object.fromEntries(Object.entries(read).filter(([, file]) => file)));
      expect([...again.vocabulary()].sort(([, a], [, b]) => a - b)).toEqual(tokens);
      expect(again.encode(text).inputIds).toEqual(ids);
    }
  });
});

describe("tokenizer_config.json of another tokenizer is refused, and says why", () => {
  const { vocab } = forms.usual;
  const of = (config: object) => () =>
    BertTokenizer.fromFiles({ "vocab.txt": vocab, "tokenizer_config.json": JSON.stringify(config) });

  test.each([
    [
      { tokenizer_class: "BertJapaneseTokenizer", word_tokenizer_type: "mecab" },
      'tokenizer_class must be BertTokenizer or one that gives the same tokens (PreTrainedTokenizerFast, where tokenizer.json says how texts are split): another class splits texts in another way, got "BertJapaneseTokenizer"',
    ],
    [{ tokenizer_class: "MyTokenizer" }, "tokenizer_config.json: tokenizer_class must be"],
    [{ tokenizer_class: "RoFormerTokenizer" }, "tokenizer_config.json: tokenizer_class must be"],
    [{ tokenizer_class: 3 }, "tokenizer_class must be a string, got 3"],
    [{ word_tokenizer_type: "mecab" }, 'word_tokenizer_type must be "basic": words are found with a dictionary there'],
    [{ subword_tokenizer_type: "character" }, 'subword_tokenizer_type must be "wordpiece"'],
  ])("%j", (config, message) => {
    expect(of(config)).toThrow(expect.objectContaining({ code: "ERR_VOCABULARY", message: expect.stringContaining(message) })); // biome-ignore format: one line
  });

  test.each([
    ...["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizerFast", "MobileBertTokenizer"],
    ...["DPRQuestionEncoderTokenizer", "PreTrainedTokenizerFast", "TokenizersBackend", null],
  ])("%s is read", (tokenizer_class) => {
    expect(of({ tokenizer_class, word_tokenizer_type: "basic", subword_tokenizer_type: "wordpiece" })).not.toThrow();
  });
});
