import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { BertTokenizer, type TokenizerFiles } from "../../src/tokenizer/index.ts";
import { alteredBytes, alteredJson, RUNS } from "../support/altered.ts";

const VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s", "a", "b", "Hello", ".", "<e>"];

/** The files of a small tokenizer that uses every part that we read. */
const FILES: Required<TokenizerFiles> = {
  ...BertTokenizer.fromVocabulary(VOCABULARY, {
    addedTokens: [{ content: "<e>", lstrip: true, special: true }, { content: "extra" }],
    modelMaxLength: 12,
    neverSplit: ["a.b"],
  }).toFiles(),
  "special_tokens_map.json": JSON.stringify({
    cls_token: "[CLS]",
    sep_token: { content: "[SEP]", lstrip: false, normalized: false, rstrip: false, single_word: false },
    additional_special_tokens: ["<e>", { content: "<f>", special: true }],
  }),
  "added_tokens.json": JSON.stringify({ extra: 12, "<f>": 13 }),
} as Required<TokenizerFiles>;

/** Without `added_tokens_decoder`, the two files beside it are read too. */
const CONFIG_OF_OLD = JSON.stringify({
  do_lower_case: false,
  model_max_length: 12,
  never_split: ["x"],
  mask_token: "[MASK]",
});

/** A tokenizer that was read gives ids that it has, and text back; or it was refused. */
function readOrRefused(files: TokenizerFiles): "read" | "refused" {
  let tokenizer: BertTokenizer;
  try {
    tokenizer = BertTokenizer.fromFiles(files);
  } catch (error) {
    if (!(error instanceof BertError)) throw error;
    expect(["ERR_VOCABULARY", "ERR_INPUT"]).toContain(error.code);
    expect(error.message.length).toBeLessThan(1000);
    return "refused";
  }
  const encoding = tokenizer.encode("Hellos a.b <e> extra \u4e2d", { maxLength: 100 });
  expect(encoding.inputIds.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.size)).toBe(true);
  expect(encoding.offsets).toHaveLength(encoding.length);
  expect(typeof tokenizer.decode(encoding.inputIds)).toBe("string");
  return "read";
}

describe("whatever stands in a tokenizer's files, they are read or refused by a BertError", () => {
  const altered = (name: keyof TokenizerFiles, files: TokenizerFiles): void => {
    const counts = { read: 0, refused: 0 };
    const text = files[name] as string;
    const texts =
      name === "vocab.txt"
        ? alteredBytes(new TextEncoder().encode(text)).map((b) => new TextDecoder().decode(b))
        : alteredJson(text);
    fc.assert(
      fc.property(texts, (changed) => {
        counts[readOrRefused({ ...files, [name]: changed })]++;
      }),
      { numRuns: RUNS },
    );
    expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(RUNS / 100);
  };

  test("as they are", () => {
    expect(readOrRefused(FILES)).toBe("read");
    expect(readOrRefused({ ...FILES, "tokenizer_config.json": CONFIG_OF_OLD })).toBe("read");
  });

  test("tokenizer.json", () => altered("tokenizer.json", { "tokenizer.json": FILES["tokenizer.json"] }));
  test("tokenizer_config.json", () => altered("tokenizer_config.json", FILES));
  test("special_tokens_map.json", () =>
    altered("special_tokens_map.json", { ...FILES, "tokenizer_config.json": CONFIG_OF_OLD }));
  test("added_tokens.json", () => altered("added_tokens.json", { ...FILES, "tokenizer_config.json": CONFIG_OF_OLD }));
  test("vocab.txt", () => altered("vocab.txt", { "vocab.txt": FILES["vocab.txt"] }));
});
