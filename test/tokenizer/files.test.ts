import { describe, expect, test } from "vitest";
import { BertError } from "../../src/errors.ts";
import { BertTokenizer, type TokenizerFiles } from "../../src/tokenizer/index.ts";
import { filesOf, readReference, TOKENIZERS } from "./library.ts";

const SAMPLE = "Hello Wörld, unaffable 2016 [MASK] 中国 don't!";
const VOCAB = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", "##s", "a", "b", "Hello", "."];
const vocabTxt = `${VOCAB.join("\n")}\n`;
const json = (value: unknown): string => JSON.stringify(value);

function ids(files: TokenizerFiles, text: string): number[] {
  return BertTokenizer.fromFiles(files).encode(text, { addSpecialTokens: false }).inputIds;
}

function refuses(files: unknown, message: RegExp): void {
  const error = (() => {
    try {
      return BertTokenizer.fromFiles(files as TokenizerFiles);
    } catch (e) {
      return e;
    }
  })();
  expect(error).toBeInstanceOf(BertError);
  expect((error as BertError).code).toBe("ERR_VOCABULARY");
  expect((error as BertError).message).toMatch(message);
}

/** The genuine tokenizer.json with some parts replaced. */
function tokenizerJson(change: (file: Record<string, never>) => void): string {
  const file = JSON.parse(readReference("bert-base-uncased/tokenizer.json"));
  change(file);
  return json(file);
}

describe("reading", () => {
  test.each(["bert-base-cased", "bert-base-uncased"] as const)(
    "%s: the same from any sufficient set of files",
    (name) => {
      const {
        "vocab.txt": vocab,
        "tokenizer.json": own,
        "tokenizer_config.json": config,
      } = filesOf(name) as Required<TokenizerFiles>;
      const expected = TOKENIZERS[name].encode(SAMPLE).inputIds;
      for (const files of [
        { "vocab.txt": vocab, "tokenizer_config.json": config },
        { "tokenizer.json": own },
        { "tokenizer.json": own, "tokenizer_config.json": config },
      ]) {
        expect(BertTokenizer.fromFiles(files).encode(SAMPLE).inputIds).toEqual(expected);
      }
      expect(TOKENIZERS[name].size).toBe(name === "bert-base-cased" ? 28996 : 30522);
    },
  );

  test("the uncased tokenizer.json has truncation and padding to 128 stored: ignored unless a call asks", () => {
    const tokenizer = TOKENIZERS["bert-base-uncased"];
    expect(JSON.parse(readReference("bert-base-uncased/tokenizer.json")).padding.strategy).toEqual({ Fixed: 128 });
    expect(tokenizer.encode("short").length).toBe(3);
    expect(tokenizer.encode("word ".repeat(500)).length).toBe(502);
    expect(tokenizer.encode("word ".repeat(500), { maxLength: 128 }).length).toBe(128);
  });

  test("modelMaxLength: 512, or Infinity for the 10^30 that stands for none", () => {
    expect(TOKENIZERS["bert-base-cased"].modelMaxLength).toBe(512);
    expect(TOKENIZERS["bert-base-uncased"].modelMaxLength).toBe(Number.POSITIVE_INFINITY);
    expect(TOKENIZERS["bert-base-cased"].encode("word ".repeat(600), { truncation: true }).length).toBe(512);
  });

  test("vocab.txt: Windows line ends, a byte order mark and a missing last line end change nothing", () => {
    for (const text of [vocabTxt, vocabTxt.replaceAll("\n", "\r\n"), `\ufeff${vocabTxt}`, vocabTxt.trimEnd()]) {
      expect(ids({ "vocab.txt": text }, "Hellos a")).toEqual([5, 6, 7]);
    }
  });

  test("tokenizer_config.json decides over tokenizer.json, special_tokens_map.json over both, as in transformers", () => {
    const cased = { "tokenizer_config.json": json({ do_lower_case: false }) };
    const lower = BertTokenizer.fromVocabulary(VOCAB).toFiles();
    expect(ids({ "vocab.txt": vocabTxt }, "Hello")).toEqual([5]);
    expect(ids({ "vocab.txt": vocabTxt, ...cased }, "Hello")).toEqual([9]);
    expect(ids({ "tokenizer.json": lower["tokenizer.json"]!, ...cased }, "Hello")).toEqual([9]);
    const renamed = BertTokenizer.fromFiles({
      "vocab.txt": vocabTxt,
      "tokenizer_config.json": json({ cls_token: "a" }),
      "special_tokens_map.json": json({ cls_token: { content: "b", lstrip: false } }),
    });
    expect(renamed.clsTokenId).toBe(8);
    expect(renamed.encode("hello").inputIds).toEqual([8, 5, 3]);
  });

  test("strip_accents null follows lower-casing, true and false do not", () => {
    const vocab = ["[UNK]", "[CLS]", "[SEP]", "é", "e", "É", "E"].join("\n");
    const read = (config: object): number[] => ids({ "vocab.txt": vocab, "tokenizer_config.json": json(config) }, "É");
    expect(read({ do_lower_case: true, strip_accents: null })).toEqual([4]);
    expect(read({ do_lower_case: true })).toEqual([4]);
    expect(read({ do_lower_case: true, strip_accents: false })).toEqual([3]);
    expect(read({ do_lower_case: false, strip_accents: null })).toEqual([5]);
    expect(read({ do_lower_case: false, strip_accents: true })).toEqual([6]);
  });

  test("added tokens: added_tokens_decoder (v4, v5), added_tokens.json, extra_special_tokens", () => {
    const token = {
      content: "<x>",
      lstrip: false,
      normalized: false,
      rstrip: false,
      single_word: false,
      special: true,
    };
    const v4 = { added_tokens_decoder: { "11": token }, additional_special_tokens: ["<x>"], do_lower_case: true };
    for (const files of [
      { "tokenizer_config.json": json(v4) },
      { "tokenizer_config.json": json({ extra_special_tokens: ["<x>"] }) },
      { "tokenizer_config.json": json({ extra_special_tokens: { image_token: "<x>" } }) },
      { "special_tokens_map.json": json({ additional_special_tokens: [{ ...token, __type: "AddedToken" }] }) },
      {
        "added_tokens.json": json({ "<x>": 11 }),
        "special_tokens_map.json": json({ additional_special_tokens: ["<x>"] }),
      },
    ] as TokenizerFiles[]) {
      const tokenizer = BertTokenizer.fromFiles({ "vocab.txt": vocabTxt, ...files });
      const { inputIds } = tokenizer.encode("a<x>b", { addSpecialTokens: false });
      expect(inputIds, json(files)).toEqual([7, 11, 8]);
      expect(tokenizer.decode(inputIds, { skipSpecialTokens: true })).toBe("a b");
      expect(tokenizer.size).toBe(12);
    }
    const plain = BertTokenizer.fromFiles({
      "vocab.txt": vocabTxt,
      "added_tokens.json": json({ "<y>": 12, "<x>": 11 }),
    });
    expect(plain.encode("<Y>a<x>", { addSpecialTokens: false }).inputIds).toEqual([12, 7, 11]);
    expect(plain.decode([12, 7], { skipSpecialTokens: true })).toBe("<y> a");
  });

  test("never_split words are kept as they are", () => {
    const config = json({ never_split: ["Hello", "a.b"] });
    expect(ids({ "vocab.txt": vocabTxt, "tokenizer_config.json": config }, "Hello hello a.b a.a")).toEqual([
      9, 5, 1, 7, 10, 7,
    ]);
  });

  test("max_input_chars_per_word: 100, or 200 as in Google's code, counted in code points", () => {
    const vocab = ["[UNK]", "[CLS]", "[SEP]", "x", "##x", "𝒳", "##𝒳"];
    for (const maxInputCharsPerWord of [100, 200]) {
      const tokenizer = BertTokenizer.fromVocabulary(vocab, { maxInputCharsPerWord });
      for (const letter of ["x", "𝒳"]) {
        expect(tokenizer.tokenize(letter.repeat(maxInputCharsPerWord)).length).toBe(maxInputCharsPerWord);
        expect(tokenizer.tokenize(letter.repeat(maxInputCharsPerWord + 1))).toEqual(["[UNK]"]);
      }
    }
  });
});

describe("saving", () => {
  test.each(["bert-base-cased", "bert-base-uncased"] as const)(
    "%s: what is saved reads as the same tokenizer",
    (name) => {
      const tokenizer = BertTokenizer.fromFiles(filesOf(name));
      tokenizer.addSpecialTokens(["<e1>", { content: "<e2>", lstrip: true }]);
      tokenizer.addTokens(["NEWTOKEN"]);
      const files = tokenizer.toFiles();
      expect(files["vocab.txt"]).toBe(readReference(`${name}/vocab.txt`).replace(/\n*$/, "\n"));
      const text = `${SAMPLE} <e1>a  <e2> newtoken NEWTOKEN`;
      for (const set of [
        files,
        { ...files, "tokenizer.json": undefined },
        { "tokenizer.json": files["tokenizer.json"] },
      ]) {
        const present = Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined));
        const again = BertTokenizer.fromFiles(present);
        expect(again.encode(text).toJSON()).toEqual(tokenizer.encode(text).toJSON());
        expect(again.vocabulary()).toEqual(tokenizer.vocabulary());
        expect(again.allSpecialIds).toEqual(tokenizer.allSpecialIds);
      }
      expect(BertTokenizer.fromFiles(files).toFiles()).toEqual(files);
    },
  );
});

describe("damaged and foreign files are refused", () => {
  test("nothing to read a vocabulary from", () => {
    refuses({}, /files must have vocab.txt or tokenizer.json, got neither/);
    refuses({ "tokenizer_config.json": "{}" }, /got neither/);
    refuses({ "vocab.txt": "" }, /must have at least one token/);
    refuses({ "vocab.txt": 7 }, /vocab\.txt must be a string, got 7/);
    refuses(undefined, /files must be an object/);
  });

  test("missing tokens", () => {
    for (const token of ["[UNK]", "[CLS]", "[SEP]"]) {
      const rest = VOCAB.filter((t) => t !== token).join("\n");
      refuses({ "vocab.txt": rest }, new RegExp(`vocabulary must have the token "\\${token}"`));
    }
  });

  test("invalid JSON, and JSON of the wrong kind", () => {
    refuses({ "vocab.txt": vocabTxt, "tokenizer_config.json": "{" }, /^tokenizer_config\.json: must be JSON, got /);
    refuses({ "tokenizer.json": "null" }, /^tokenizer\.json: must be an object, got null/);
    refuses(
      { "vocab.txt": vocabTxt, "tokenizer_config.json": json({ do_lower_case: "yes" }) },
      /do_lower_case must be true or false, got "yes"/,
    );
    refuses(
      { "vocab.txt": vocabTxt, "tokenizer_config.json": json({ cls_token: 3 }) },
      /cls_token must be a string or an object, got 3/,
    );
    refuses({ "vocab.txt": vocabTxt, "added_tokens.json": "[]" }, /added_tokens\.json: must be an object/);
    refuses(
      { "tokenizer.json": tokenizerJson((f) => Object.assign(f.model, { vocab: { a: -1 } })) },
      /model\.vocab\.a must be a whole number from 0, got -1/,
    );
    refuses(
      { "tokenizer.json": tokenizerJson((f) => Object.assign(f.model, { vocab: { a: 1, b: 1 } })) },
      /id 1 must have one token/,
    );
    refuses(
      { "tokenizer.json": tokenizerJson((f) => Object.assign(f.model, { vocab: { a: 2 ** 40 } })) },
      /must be an integer from 0/,
    );
  });

  test("tokenizers of other models", () => {
    const model = (change: object) => tokenizerJson((f) => Object.assign(f.model, change));
    refuses({ "tokenizer.json": model({ type: "BPE" }) }, /model\.type must be WordPiece, .* got "BPE"/);
    refuses({ "tokenizer.json": model({ type: "Unigram" }) }, /model\.type must be WordPiece, .* got "Unigram"/);
    refuses({ "tokenizer.json": model({ type: undefined, merges: [] }) }, /got "BPE or Unigram"/);
    refuses({ "tokenizer.json": model({ continuing_subword_prefix: "@@" }) }, /continuing_subword_prefix must be ##/);
    const part = (name: string, value: unknown) => tokenizerJson((f) => Object.assign(f, { [name]: value }));
    refuses(
      { "tokenizer.json": part("post_processor", { type: "RobertaProcessing" }) },
      /post_processor\.type must be TemplateProcessing/,
    );
    refuses({ "tokenizer.json": part("normalizer", { type: "NFC" }) }, /normalizer\.type must be BertNormalizer/);
    refuses(
      { "tokenizer.json": part("pre_tokenizer", { type: "ByteLevel" }) },
      /pre_tokenizer\.type must be BertPreTokenizer/,
    );
    const single = { type: "TemplateProcessing", single: [{ Sequence: { id: "A", type_id: 0 } }], pair: [] };
    refuses(
      { "tokenizer.json": part("post_processor", single) },
      /post_processor\.single must be \[CLS\]:0 A:0 \[SEP\]:0, as .*, got "A:0"$/,
    );
    single.single.unshift({ SpecialToken: { id: "[CLS]", type_id: 0 } } as never);
    refuses(
      { "tokenizer.json": part("post_processor", single) },
      /post_processor\.single must be \[CLS\]:0 A:0 \[SEP\]:0, as .*, got "\[CLS\]:0 A:0"$/,
    );
    refuses({ "tokenizer.json": part("model", undefined) }, /model must be an object/);
  });
});

describe("tokenizer.json whose components stand for BERT's", () => {
  interface Case {
    name: string;
    parts: object;
    ids: number[][];
  }
  const { texts, cases }: { texts: string[]; cases: Case[] } = JSON.parse(readReference("components.json"));

  test.each(cases)("$name", ({ parts, ids: expected }) => {
    const own = tokenizerJson((file) => Object.assign(file, parts));
    const tokenizer = BertTokenizer.fromFiles({ "tokenizer.json": own });
    expect(texts.map((text) => Array.from(tokenizer.encode(text).inputIds))).toEqual(expected);
  });

  const sequence = (list: string, ...types: string[]) => ({
    type: "Sequence",
    [list]: types.map((type) => ({ type })),
  });
  test.each<[object, RegExp]>([
    [{ normalizer: sequence("normalizers", "NFD", "StripAccents") }, /normalizers\[0\]\.type must be BertNormalizer/],
    [{ normalizer: sequence("normalizers", "BertNormalizer", "BertNormalizer") }, /one BertNormalizer, got several/],
    [{ pre_tokenizer: { type: "Whitespace" } }, /pre_tokenizer.type must be BertPreTokenizer, .* got "Whitespace"/],
    [
      { pre_tokenizer: sequence("pretokenizers", "Punctuation", "WhitespaceSplit") },
      /pretokenizers\[0\]\.type must be/,
    ],
    [{ pre_tokenizer: null }, /pre_tokenizer must be BertPreTokenizer/],
  ])("%j gives other tokens and is refused", (parts, message) => {
    refuses({ "tokenizer.json": tokenizerJson((file) => Object.assign(file, parts)) }, message);
  });
});

describe("tokenizer.json and tokenizer_config.json that disagree", () => {
  interface Row {
    name: string;
    parts: Record<string, unknown>;
    config: Record<string, unknown>;
    ids: number[][];
  }
  const reference: { texts: string[]; file: { model: object }; rows: Row[] } = JSON.parse(
    readReference("classes.json"),
  );
  const { texts, file, rows } = reference;
  const filesOfRow = ({ parts: { max_input_chars_per_word, ...parts }, config }: Row): TokenizerFiles => {
    const model = { ...file.model, ...(max_input_chars_per_word !== undefined && { max_input_chars_per_word }) };
    return { "tokenizer.json": json({ ...file, ...parts, model }), "tokenizer_config.json": json(config) };
  };
  const idsOf = (tokenizer: BertTokenizer) => texts.map((text) => Array.from(tokenizer.encode(text).inputIds));

  test("as transformers, by the class that the files name", () => {
    expect(rows.length).toBeGreaterThan(100);
    expect(new Set(rows.map(({ ids }) => json(ids))).size).toBeGreaterThan(7);
    for (const row of rows) {
      const tokenizer = BertTokenizer.fromFiles(filesOfRow(row));
      expect(idsOf(tokenizer), json([row.name, row.config])).toEqual(row.ids);
      const { tokenizer_class, ...rest } = row.config;
      if (tokenizer_class === undefined) continue;
      const files = { ...filesOfRow({ ...row, config: rest }), "config.json": json({ tokenizer_class }) };
      expect(idsOf(BertTokenizer.fromFiles(files)), json([row.name, row.config])).toEqual(row.ids);
    }
  });

  test("what is saved of each gives the same tokens, and says so to transformers", () => {
    for (const row of rows) {
      const files = BertTokenizer.fromFiles(filesOfRow(row)).toFiles();
      expect(idsOf(BertTokenizer.fromFiles(files)), json([row.name, row.config])).toEqual(row.ids);
      const { normalizer, model } = JSON.parse(files["tokenizer.json"] as string);
      const isBert = normalizer.clean_text && model.max_input_chars_per_word === 100;
      expect(JSON.parse(files["tokenizer_config.json"] as string).tokenizer_class, row.name).toBe(
        isBert ? "BertTokenizer" : "PreTrainedTokenizerFast",
      );
    }
  });

  test("where tokenizer_config.json says nothing of lower-casing, tokenizer.json counts", () => {
    const cased = tokenizerJson((file) => Object.assign(file.normalizer, { lowercase: false }));
    for (const config of [{}, { tokenizer_class: "BertTokenizer" }]) {
      const files = { "tokenizer.json": cased, "tokenizer_config.json": json(config) };
      expect(BertTokenizer.fromFiles(files).tokenize("Open open")).toEqual(["[UNK]", "open"]);
    }
  });

  test("tokenizer.json of PreTrainedTokenizerFast: its unk_token counts, and it must add [CLS] and [SEP]", () => {
    const config = json({ tokenizer_class: "PreTrainedTokenizerFast", unk_token: "[UNK]" });
    const own = tokenizerJson((changed) => Object.assign(changed.model, { unk_token: "[MASK]" }));
    const tokenizer = BertTokenizer.fromFiles({ "tokenizer.json": own, "tokenizer_config.json": config });
    expect(tokenizer.tokenize("the \u{1f600}")).toEqual(["the", "[MASK]"]);
    const without = tokenizerJson((changed) => Object.assign(changed, { post_processor: null }));
    refuses(
      { "tokenizer.json": without, "tokenizer_config.json": config },
      /^tokenizer\.json: post_processor must be TemplateProcessing or BertProcessing, which add \[CLS\] and \[SEP\]/,
    );
    const bert = json({ tokenizer_class: "BertTokenizer", do_lower_case: true });
    const { inputIds } = BertTokenizer.fromFiles({ "tokenizer.json": without, "tokenizer_config.json": bert }).encode(
      "the",
    );
    expect([...inputIds]).toEqual([101, 1996, 102]);
  });

  test("split_special_tokens is refused", () => {
    const config = json({ split_special_tokens: true });
    refuses({ "vocab.txt": vocabTxt, "tokenizer_config.json": config }, /split_special_tokens must be false: special/);
  });

  test("a class in config.json that is another tokenizer's", () => {
    const config = json({ tokenizer_class: "BertJapaneseTokenizer" });
    refuses({ "vocab.txt": vocabTxt, "config.json": config }, /^config\.json: tokenizer_class must be BertTokenizer/);
    const ours = json({ tokenizer_class: "BertTokenizer" });
    expect(ids({ "vocab.txt": vocabTxt, "config.json": config, "tokenizer_config.json": ours }, "a")).toEqual([7]);
  });
});
